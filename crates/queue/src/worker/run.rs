//! Runs a worker: the claimer, the ender and the keeper around apalis, from start to stop.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{Monitor, ParallelizeExt as _, WorkerBuilder, WorkerBuilderExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::crew::Crew;
use super::ear::Ear;
use super::feed::{Feed, Handling};
use super::{Handler, WorkerName, WorkerSettings, claimer, ender, keeper};
use crate::{AnyJob, Queue, QueueError};

/// How long handlers that were told to stop, and then dropped, may still take.
const AFTERMATH: Duration = Duration::from_secs(3);
/// How long the last claim may take to be answered, and the last endings to be written down.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Takes messages and hands them to `handler`, until `stop` is cancelled; then lets running ones end within the
/// grace, hands back the rest without costing an attempt, and returns. Nothing that happens to Redis meanwhile ends it.
///
/// Dropping the returned future stops at once; what was running is taken over when its leases end.
///
/// # Errors
///
/// [`QueueError::Setting`] for wrong settings, [`QueueError::Worker`] for a mistake of ours.
pub async fn run<H: Handler>(
    queue: Queue,
    name: WorkerName,
    handler: H,
    settings: WorkerSettings,
    stop: CancellationToken,
) -> Result<(), QueueError> {
    settings.validate()?;
    let stop = stop.child_token();
    let claimant = queue.claimant(name.as_str(), AnyJob::KINDS);
    let ear = Arc::new(Ear::new(&queue)?);
    let (crew, endings) = Crew::new(queue, claimant, settings.concurrency, stop.clone());
    let crew = Arc::new(crew);
    // If this future is dropped, so are the handlers, which run in tasks of their own.
    let _killed_with_us = crew.kill.clone().drop_guard();
    let (sender, deliveries) = mpsc::channel(settings.concurrency);

    let mut tasks = JoinSet::new();
    let listening = Arc::clone(&ear);
    tasks.spawn(async move { listening.listen().await });
    tasks.spawn(keeper::keep(Arc::clone(&crew)));
    tasks.spawn(ender::write(Arc::clone(&crew), endings));
    let mut claiming = JoinSet::new();
    claiming.spawn(claimer::claim(Arc::clone(&crew), ear, sender));

    let monitor = watched(&name, Feed::new(deliveries), handler, settings.concurrency, stop.clone());
    let grace = Duration::from_millis(settings.grace_ms);
    let ended = wind_down(&crew, Box::pin(monitor), &stop, grace).await;
    // From here on nothing is delivered; what is still on the way goes back in line as it is dropped.
    stop.cancel();
    let deadline = tokio::time::Instant::now() + LAST_WORDS;
    if tokio::time::timeout_at(deadline, claiming.join_all()).await.is_err() {
        tracing::warn!("Redis does not answer, so what may have been claimed last is left to be taken over");
    }
    if tokio::time::timeout_at(deadline, crew.all_written()).await.is_err() {
        tracing::warn!(
            "Redis does not answer, so the last endings are lost and their messages will run again"
        );
    }
    tasks.shutdown().await;
    if let Ok(Err(error)) = tokio::time::timeout_at(deadline, crew.queue.leave(&crew.claimant)).await {
        tracing::debug!(%error, "cannot tell that this worker is gone; it is forgotten soon");
    }
    ended
}

/// The worker under apalis, which starts it again should it ever fail.
async fn watched<H: Handler>(
    name: &WorkerName,
    feed: Feed,
    handler: H,
    concurrency: usize,
    stop: CancellationToken,
) -> Result<(), QueueError> {
    let name = name.to_string();
    let monitor = Monitor::new().should_restart(|_, _| true).register(move |_| {
        WorkerBuilder::new(name.as_str())
            .backend(feed.clone())
            .concurrency(concurrency)
            .parallelize(tokio::spawn)
            .build(Handling { handler: handler.clone() })
    });
    let signal = async move {
        stop.cancelled().await;
        Ok(())
    };
    monitor.run_with_signal(signal).await.map_err(|error| QueueError::Worker { why: error.to_string() })
}

/// Waits for the stop, then for running messages to end, at most for the grace; then cuts them short.
async fn wind_down(
    crew: &Crew,
    mut monitor: Pin<Box<impl Future<Output = Result<(), QueueError>>>>,
    stop: &CancellationToken,
    grace: Duration,
) -> Result<(), QueueError> {
    tokio::select! {
        ended = &mut monitor => return ended,
        () = stop.cancelled() => {}
    }
    if let Ok(ended) = tokio::time::timeout(grace, &mut monitor).await {
        return ended;
    }
    crew.kill.cancel();
    if let Ok(ended) = tokio::time::timeout(AFTERMATH, &mut monitor).await {
        return ended;
    }
    tracing::error!("a handler neither ends nor can be stopped; its message will be taken over");
    Ok(())
}
