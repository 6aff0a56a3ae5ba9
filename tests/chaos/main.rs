//! Breaks everything around a whole Russet at random for some minutes, heals it, and judges what is left:
//! `cargo xtask chaos`.
//!
//! What is done comes from a seed, what it meets from the moment. Lines for people go to standard error, and one JSON object
//! to standard output, last.

mod acts;
mod director;
mod judge;
mod keys;
mod player;
mod report;
mod say;
mod stage;
mod ticks;
mod weather;
mod work;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::report::Report;
use crate::say::say;

/// What setting the stage, healing and judging may take on top of the minutes that were asked for.
const AROUND: Duration = Duration::from_secs(300);

/// Breaks a Russet, heals it and judges it.
#[derive(Debug, Clone, Copy, Parser)]
#[command(name = "chaos", bin_name = "cargo xtask chaos")]
pub(crate) struct Options {
    /// For how long things break, in minutes.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// What everything at random comes from; any by default.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !(0.05..=10_080.0).contains(&options.minutes) {
        say("error: --minutes should be between 0.05 and 10080, which is a week");
        return ExitCode::from(2);
    }
    let seed =
        options.seed.unwrap_or_else(|| std::hash::BuildHasher::hash_one(&say::chance(), 1) % 1_000_000);
    say(&format!("seed {seed}, {} minutes; again with --seed {seed}", options.minutes));
    let report = play(seed, Duration::from_secs_f64(options.minutes * 60.0));
    say::result(&report.to_json());
    if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The whole of it. Whatever happens, a report comes out, and in bounded time.
fn play(seed: u64, length: Duration) -> Report {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = runtime.expect("a runtime can be built");
    let report = Report::new(seed);
    let played = runtime.block_on(async {
        let playing = tokio::spawn(director::play(report.clone(), seed, length));
        tokio::time::timeout(length + AROUND, playing).await
    });
    match played {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.finding(format!("the run broke off: {error}")),
        Err(_) => report.finding(format!("the run did not end within {} s", (length + AROUND).as_secs())),
    }
    // What still runs is cut short; servers and processes end with what holds them.
    runtime.shutdown_timeout(Duration::from_secs(5));
    report
}
