//! What a worker that has nothing to do asks of Redis.

use std::time::Duration;

use super::Bench;
use super::worker_process::{Role, WorkerProcess};
use crate::error::CliError;
use crate::print;

/// How long the worker gets to start, which takes commands of its own.
const SETTLE: Duration = Duration::from_secs(1);

pub(super) async fn measure(bench: &Bench<'_>) -> Result<(), CliError> {
    // Whole rounds of what a worker does every five and ten seconds.
    let span = Duration::from_secs(if bench.quick { 10 } else { 20 });
    print::remark(format!("queue: watching an idle worker for {} s …", span.as_secs()));
    let (queue, prefix) = bench.queue().await?;
    let worker = WorkerProcess::start(bench, &prefix, Role::Pickup).await?;
    tokio::time::sleep(SETTLE).await;
    let per_s = bench.meter.sent_per_s(span).await?;
    drop(queue);
    worker.stop().await?;
    bench.clean(&prefix).await?;
    bench.figures.print("idle_commands", 0, per_s, "commands/s");
    Ok(())
}
