//! How long a message waits for an idle worker: from before the push in one process to the handler in another.

use std::collections::HashMap;
use std::time::Duration;

use rand::RngExt as _;
use russet_queue::When;

use super::figures::percentile;
use super::worker_process::{Role, WorkerProcess};
use super::{Bench, message};
use crate::clock::now_us;
use crate::error::{CliError, failed};
use crate::print;

/// The pause between two pushes. The worker has long gone idle by then.
const GAP_US: std::ops::Range<u64> = 3_000..10_000;
/// How long the worker gets to be idle at first, and to pick up the last message.
const SETTLE: Duration = Duration::from_millis(500);

pub(super) async fn measure(bench: &Bench<'_>) -> Result<(), CliError> {
    let count = if bench.quick { 100 } else { 1_000 };
    print::remark(format!("queue: picking up {count} messages …"));
    let (queue, prefix) = bench.queue().await?;
    let worker = WorkerProcess::start(bench, &prefix, Role::Pickup).await?;
    tokio::time::sleep(SETTLE).await;
    let mut pushed = HashMap::with_capacity(1_024);
    for number in 0..count {
        pushed.insert(number, now_us());
        queue.push(&message(number), When::default()).await.map_err(failed)?;
        let gap = rand::rng().random_range(GAP_US);
        tokio::time::sleep(Duration::from_micros(gap)).await;
    }
    tokio::time::sleep(SETTLE).await;
    let started = worker.starts().await?;
    bench.clean(&prefix).await?;
    let waits: Vec<f64> = started
        .into_iter()
        .filter_map(|(number, at)| Some((at - pushed.remove(&number)?) as f64 / 1_000.0))
        .collect();
    if !pushed.is_empty() {
        let lost = pushed.len();
        return Err(CliError::Failed(format!("{lost} of {count} messages were not picked up within 500 ms")));
    }
    bench.figures.print("pickup_p50", 0, percentile(&waits, 0.5), "ms");
    bench.figures.print("pickup_p99", 0, percentile(&waits, 0.99), "ms");
    Ok(())
}
