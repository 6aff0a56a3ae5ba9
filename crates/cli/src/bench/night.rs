//! How long the syncs of thousands of tokens take when all are due at once, and how much memory that needs: the worst night.
//!
//! Every answer of Apple's takes 50 ms and its rate is limited as in life, so that what is measured is how well the workers
//! use the time that each token's pace leaves them.

use std::time::{Duration, Instant};

use clap::Args;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use super::setup::{Setup, rounded};
use crate::error::CliError;
use crate::print;
use crate::stack::Profile;

/// Requests under way at once while the town is built and the syncs are submitted.
const AT_ONCE: usize = 32;
/// How long Russet may take, and how often it is looked.
const RUN_MAX: Duration = Duration::from_secs(3_600);
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(crate) struct NightArgs {
    /// How many tokens.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    tokens: u32,
    /// How many apps each location has.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    apps: u32,
    /// How many licenses of each location are held by devices.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    licenses: u32,
    /// How many worker processes.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    workers: u32,
    /// Fifty tokens: to see that it works.
    #[arg(long)]
    quick: bool,
}

pub(super) async fn run(args: NightArgs) -> Result<(), CliError> {
    let tokens = if args.quick { args.tokens.min(50) } else { args.tokens };
    let rules = json!({
        "rate_limit": true,
        "latency_ms": 50,
        "allow_http": true,
        // On a machine that is full an answer takes long, and Apple's patience is not what is measured.
        "notification_timeout_ms": 30_000,
    });
    // Nothing but what is measured is to run.
    let settings = [
        ("RUSSET_SCHEDULE__SYNC_TOKEN", ""),
        ("RUSSET_SCHEDULE__CHECK_NOTIFICATIONS", ""),
        ("RUSSET_API__TOKENS_MAX", "0"),
    ];
    let mut setup = Setup::start_with(Profile::Cluster, args.workers as usize, &rules, &settings).await?;
    print::remark(format!("night: {tokens} tokens are uploaded …"));
    let all = futures::stream::iter(0..tokens).map(|number| one(&setup, &args, number));
    let ids: Vec<i64> = all.buffer_unordered(AT_ONCE).try_collect().await?;
    until(&mut setup, tokens as usize, ("state", "valid")).await?;

    print::remark("night: all are synced at once …");
    setup.apple.post("/_sim/ledger/reset", &json!({})).await?;
    let cpu = [setup.cpu_s("api"), setup.cpu_s("worker"), setup.simulator_cpu_s()];
    let began = Instant::now();
    let submitted = futures::stream::iter(ids).map(|token| submit(&setup, token));
    submitted.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    until(&mut setup, tokens as usize, ("sync", "completed")).await?;
    let seconds = began.elapsed().as_secs_f64();
    let ledger = setup.apple.ledger().await?;
    let number = |pointer: &str| ledger.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    print::json(&json!({
        "bench": "night",
        "tokens": tokens,
        "apps": args.apps,
        "licenses": u64::from(tokens) * u64::from(args.licenses),
        "workers": args.workers,
        "seconds": rounded(seconds),
        "requests": number("/requests/total"),
        "requests_per_s": rounded(number("/requests/total") as f64 / seconds),
        "worker_peak_mb": setup.stack.peak_mb("worker").round(),
        "violations": number("/violations/total"),
        "cpu_s": {
            "api": rounded(setup.cpu_s("api") - cpu[0]),
            "worker": rounded(setup.cpu_s("worker") - cpu[1]),
            "simulator": rounded(setup.simulator_cpu_s() - cpu[2]),
        },
    }));
    Ok(())
}

/// Makes a location with its licenses and uploads its token.
async fn one(setup: &Setup, args: &NightArgs, number: u32) -> Result<i64, CliError> {
    let name = format!("Location {number}");
    let (uid, content) = setup.location(&name).await?;
    let total = args.licenses.div_ceil(args.apps).max(1);
    let assets = json!({ "generate": { "count": args.apps, "total": total } });
    setup.apple.post(&format!("/_sim/locations/{uid}/assets"), &assets).await?;
    let assignments = json!({ "generate": { "count": args.licenses } });
    setup.apple.post(&format!("/_sim/locations/{uid}/assignments"), &assignments).await?;
    setup.upload(&name, &content).await
}

async fn submit(setup: &Setup, token: i64) -> Result<(), CliError> {
    let job = json!({ "kind": "sync_token", "token": token, "mode": "full", "priority": "low" });
    setup.client.post("jobs", &job).await.map(drop)
}

/// Waits until all tokens are as this filter of the list says.
async fn until(setup: &mut Setup, count: usize, filter: (&'static str, &str)) -> Result<(), CliError> {
    let began = Instant::now();
    loop {
        let query = [(filter.0, filter.1.to_owned())];
        let there = setup.client.list("tokens", &query, count).await?.len();
        if there >= count {
            return Ok(());
        }
        setup.stack.check()?;
        if began.elapsed() > RUN_MAX {
            let seconds = RUN_MAX.as_secs();
            return Err(CliError::Job(format!(
                "only {there} of {count} tokens are {} within {seconds} s",
                filter.1
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::NightArgs;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        night: NightArgs,
    }

    #[test]
    fn a_quick_night_can_be_asked_for() {
        let line = Line::try_parse_from(["night", "--quick", "--workers", "2"]).unwrap();
        assert!(line.night.quick && line.night.workers == 2 && line.night.tokens == 3_000);
        assert!(Line::try_parse_from(["night", "--tokens", "0"]).is_err());
    }
}
