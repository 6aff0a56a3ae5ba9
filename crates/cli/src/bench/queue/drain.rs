//! How many messages a second one worker claims and ends, and what each costs.

use super::figures::median;
use super::meter::Done;
use super::worker_process::{Role, WorkerProcess};
use super::{Bench, push};
use crate::error::CliError;
use crate::print;

/// Backlogs that take so long that one run says enough.
const LARGE: u64 = 500_000;
const RUNS: usize = 3;

/// One run: the backlog is pushed with no worker there, then a worker starts.
struct Run {
    pushed_per_s: f64,
    ended_per_s: f64,
    cost: Done,
    worker_cpu_us: f64,
}

pub(super) async fn measure(bench: &Bench<'_>, backlog: u64) -> Result<(), CliError> {
    let wanted = if bench.quick || backlog >= LARGE { 1 } else { RUNS };
    let mut runs = Vec::with_capacity(wanted);
    for number in 1..=wanted {
        print::remark(format!("queue: backlog {backlog}, run {number} of {wanted} …"));
        runs.push(run(bench, backlog).await?);
    }
    let middle = |of: fn(&Run) -> f64| median(&runs.iter().map(of).collect::<Vec<_>>());
    let messages = backlog as f64;
    let figure = |metric, value, unit| bench.figures.print(metric, backlog, value, unit);
    figure("push_bulk", middle(|run| run.pushed_per_s), "messages/s");
    figure("drain", middle(|run| run.ended_per_s), "messages/s");
    figure("commands_per_message", middle(|run| run.cost.sent) / messages, "commands");
    figure("inner_commands_per_message", middle(|run| run.cost.inner) / messages, "commands");
    figure("redis_cpu_per_message", middle(|run| run.cost.cpu_us) / messages, "us");
    figure("worker_cpu_per_message", middle(|run| run.worker_cpu_us) / messages, "us");
    Ok(())
}

async fn run(bench: &Bench<'_>, backlog: u64) -> Result<Run, CliError> {
    let (queue, prefix) = bench.queue().await?;
    let pushed_per_s = push::in_bulk(&queue, backlog).await?;
    let before = bench.meter.done().await?;
    let mut worker = WorkerProcess::start(bench, &prefix, Role::Drain { messages: backlog }).await?;
    let drained = worker.drained().await?;
    let cost = bench.meter.done().await? - before;
    worker.stop().await?;
    bench.clean(&prefix).await?;
    Ok(Run {
        pushed_per_s,
        ended_per_s: backlog as f64 / drained.seconds,
        cost,
        worker_cpu_us: drained.cpu_us,
    })
}
