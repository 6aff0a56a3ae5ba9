//! How many messages a second are pushed: in bulk, one after the other, and by many tasks at once.

use std::time::Instant;

use russet_queue::{Queue, When};

use super::{Bench, message, pushes};
use crate::error::{CliError, failed};

/// Messages in one call, as a caller with very many would pass them.
const BULK: u64 = 10_000;
/// How many tasks push singly at once.
const TASKS: u64 = 64;

/// Pushes `count` messages in bulk from one task, and returns how many a second. Making them counts.
pub(super) async fn in_bulk(queue: &Queue, count: u64) -> Result<f64, CliError> {
    let began = Instant::now();
    let mut from = 0;
    while from < count {
        let to = count.min(from + BULK);
        queue.push_many(pushes(from..to)).await.map_err(failed)?;
        from = to;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// Pushes one message a call, each for another token.
pub(super) async fn singly(bench: &Bench<'_>) -> Result<(), CliError> {
    let count = if bench.quick { 500 } else { 5_000 };
    let (queue, prefix) = bench.queue().await?;
    let began = Instant::now();
    push_range(&queue, 0..count).await?;
    let alone = count as f64 / began.elapsed().as_secs_f64();

    let began = Instant::now();
    let tasks = (1..=TASKS).map(|task| {
        let queue = queue.clone();
        tokio::spawn(async move { push_range(&queue, task * count..(task + 1) * count).await })
    });
    for pushed in futures::future::join_all(tasks).await {
        pushed.map_err(failed)??;
    }
    let together = (TASKS * count) as f64 / began.elapsed().as_secs_f64();
    bench.clean(&prefix).await?;
    bench.figures.print("push_single", 0, alone, "messages/s");
    bench.figures.print("push_concurrent", 0, together, "messages/s");
    Ok(())
}

async fn push_range(queue: &Queue, numbers: std::ops::Range<u64>) -> Result<(), CliError> {
    for number in numbers {
        queue.push(&message(number), When::default()).await.map_err(failed)?;
    }
    Ok(())
}
