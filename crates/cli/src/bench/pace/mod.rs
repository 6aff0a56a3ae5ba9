//! Whether Russet keeps Apple's pace for thousands of tokens at once, uses it, and is fair to the small among them.
//!
//! One token gets a job of very many changes; the others get a small job each while that one goes on. Apple's limits are
//! lowered to one app and ten devices a request, so that every job is many requests, and every answer takes 50 ms.

mod jobs;
mod judge;
mod town;

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use self::jobs::Submitted;
use self::judge::Figures;
use super::setup::{Setup, rounded};
use crate::error::CliError;
use crate::print;
use crate::stack::Profile;

/// Apple's limit, of which Russet aims at a part.
const APPLE_PER_S: f64 = 15.0;
/// What Russet aims at: `apple.rate_share` of Apple's limit.
const AIM_PER_S: f64 = 13.5;
/// Devices in one request.
const DEVICES_MAX: u32 = 10;
/// The pause between the starts of two jobs in the empty system, so that hardly two are there at once.
const ALONE_GAP: Duration = Duration::from_millis(400);

#[derive(Debug, Args)]
pub(crate) struct PaceArgs {
    /// How many tokens, the big one included.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(2..=3_000))]
    tokens: u32,
    /// How many changes the big token has.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    big: u32,
    /// How many changes each other token has.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(20..=10_000))]
    small: u32,
    /// How many worker processes.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    workers: u32,
    /// Over how many seconds the small jobs are submitted, evenly. At 0 all come at once, which measures how much the
    /// machine can carry rather than how fair Russet is. So do 3,000 tokens within 60 s, which are 500 requests a second,
    /// where that is more than the machine can carry: `seconds` is then far above `spread_s`.
    #[arg(long, default_value_t = 240, value_parser = clap::value_parser!(u32).range(0..=600))]
    spread_s: u32,
    /// How long after Apple took a request its notification comes. Waits for the first request do not depend on it.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    event_delay_ms: u32,
    /// How many small jobs are measured in the otherwise empty system first.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    alone: u32,
}

/// What came out of one phase.
struct Phase {
    submitted: Vec<Submitted>,
    ledger: Value,
    seconds: f64,
}

pub(super) async fn run(args: PaceArgs) -> Result<(), CliError> {
    let rules = json!({
        "limits": {
            "max_assets": 1,
            "max_serial_numbers": DEVICES_MAX,
            "max_client_user_ids": DEVICES_MAX,
            "max_request_per_second": APPLE_PER_S as u32,
        },
        "rate_limit": true,
        "latency_ms": 50,
        "event_delay_ms": args.event_delay_ms,
        "allow_http": true,
        // On a machine that is full an answer takes long, and Apple's minute until it tells again is not what is measured.
        "notification_timeout_ms": 30_000,
        "notification_retry_ms": 1_000,
    });
    let began = Instant::now();
    let mut setup = Setup::start_with(Profile::Cluster, args.workers as usize, &rules, &[]).await?;
    print::remark(format!("pace: {} tokens are uploaded and synced …", args.tokens));
    let tokens = town::build(&mut setup, args.tokens as usize, args.big.max(args.small * 2)).await?;
    print::remark(format!(
        "pace: ready after {:.0} s; {} small jobs alone …",
        began.elapsed().as_secs_f64(),
        args.alone
    ));
    let before = setup.apple.ledger().await?;
    let alone = phase(&mut setup, jobs::alone(&tokens, args.alone as usize, args.small), ALONE_GAP).await?;
    print::remark(format!(
        "pace: {} small jobs beside a big one, over {} s …",
        args.tokens - 1,
        args.spread_s
    ));
    let cpu = [setup.cpu_s("api"), setup.cpu_s("worker"), setup.simulator_cpu_s()];
    let gap = Duration::from_secs(u64::from(args.spread_s)) / (args.tokens - 1);
    let crowd = phase(&mut setup, jobs::crowd(&tokens, args.big, args.small), gap).await?;
    let cpu = json!({
        "api": rounded(setup.cpu_s("api") - cpu[0]),
        "worker": rounded(setup.cpu_s("worker") - cpu[1]),
        "simulator": rounded(setup.simulator_cpu_s() - cpu[2]),
    });
    let violations = [&before, &alone.ledger, &crowd.ledger].map(judge::violations).iter().sum::<u64>();
    report(&args, violations, &judge::figures(&alone)?, &judge::figures(&crowd)?, &crowd, &cpu);
    Ok(())
}

/// Submits jobs, one each `gap`, and waits until all have ended.
async fn phase(setup: &mut Setup, wanted: Vec<jobs::Wanted>, gap: Duration) -> Result<Phase, CliError> {
    setup.apple.post("/_sim/ledger/reset", &json!({})).await?;
    let began = Instant::now();
    let mut submitted = jobs::submit(setup, wanted, gap).await?;
    jobs::wait(setup, &mut submitted).await?;
    let seconds = began.elapsed().as_secs_f64();
    Ok(Phase { submitted, ledger: setup.apple.ledger().await?, seconds })
}

fn report(args: &PaceArgs, violations: u64, alone: &Figures, crowd: &Figures, phase: &Phase, cpu: &Value) {
    print::json(&json!({
        "bench": "pace",
        "tokens": args.tokens,
        "big": args.big,
        "small": args.small,
        "workers": args.workers,
        "spread_s": args.spread_s,
        "violations": violations,
        "utilization": rounded(crowd.big_per_s / AIM_PER_S),
        "of_apples_limit": rounded(crowd.big_per_s / APPLE_PER_S),
        "utilization_mean": rounded(crowd.mean_per_s / AIM_PER_S),
        "jain": rounded(crowd.jain),
        "small_p50_ms": crowd.wait_ms[0],
        "small_p99_ms": crowd.wait_ms[1],
        "small_done_p50_ms": crowd.done_ms[0],
        "small_done_p99_ms": crowd.done_ms[1],
        "alone_p50_ms": alone.wait_ms[0],
        "alone_p99_ms": alone.wait_ms[1],
        "alone_done_p50_ms": alone.done_ms[0],
        "alone_done_p99_ms": alone.done_ms[1],
        "seconds": rounded(phase.seconds),
        "requests": judge::requests(&phase.ledger),
        "requests_per_s": rounded(judge::requests_per_s(&phase.ledger)),
        "cpu_s": cpu,
    }));
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::PaceArgs;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        pace: PaceArgs,
    }

    #[test]
    fn a_small_town_can_be_asked_for() {
        let line =
            Line::try_parse_from(["pace", "--tokens", "50", "--big", "500", "--spread-s", "0"]).unwrap();
        assert_eq!((line.pace.tokens, line.pace.big, line.pace.small, line.pace.spread_s), (50, 500, 100, 0));
        assert!(Line::try_parse_from(["pace", "--tokens", "1"]).is_err());
    }
}
