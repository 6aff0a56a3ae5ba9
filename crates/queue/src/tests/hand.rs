//! Workers and handlers for stories.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::support::eventually;
use crate::{Claim, Ending, Handler, Queue, QueueError, WorkerName, WorkerSettings, run};

/// How long a story waits for something that is to happen soon.
pub(crate) const SOON: Duration = Duration::from_secs(10);

type Answer = dyn Fn(Claim) -> BoxFuture<'static, Ending> + Send + Sync;

/// A handler that answers as a story wants, and remembers what it was asked.
#[derive(Clone)]
pub(crate) struct Hand {
    answer: Arc<Answer>,
    pub(crate) seen: Arc<Mutex<Vec<Claim>>>,
}

impl Hand {
    pub(crate) fn new<F, R>(answer: F) -> Self
    where
        F: Fn(Claim) -> R + Send + Sync + 'static,
        R: Future<Output = Ending> + Send + 'static,
    {
        Self { answer: Arc::new(move |claim| Box::pin(answer(claim))), seen: Arc::default() }
    }

    pub(crate) fn done() -> Self {
        Self::new(|_| async { Ending::Done })
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub(crate) async fn seen(&self, count: usize) {
        eventually(SOON, "messages are handled", async || self.count() >= count).await;
    }
}

impl Handler for Hand {
    async fn handle(&self, claim: Claim) -> Ending {
        self.seen.lock().unwrap().push(claim.clone());
        (self.answer)(claim).await
    }
}

/// A worker in a task.
pub(crate) struct Running {
    pub(crate) stop: CancellationToken,
    task: JoinHandle<Result<(), QueueError>>,
}

impl Running {
    pub(crate) fn start(queue: &Queue, hand: &Hand, settings: WorkerSettings) -> Self {
        let stop = CancellationToken::new();
        let name = WorkerName::new("worker").unwrap();
        let task = tokio::spawn(run(queue.clone(), name, hand.clone(), settings, stop.clone()));
        Self { stop, task }
    }

    pub(crate) fn start_one(queue: &Queue, hand: &Hand) -> Self {
        Self::start(queue, hand, WorkerSettings { concurrency: 4, grace_ms: 5_000 })
    }

    pub(crate) async fn stopped(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// As if the process were gone: nothing is ended or handed back.
    pub(crate) fn killed(self) {
        self.task.abort();
    }
}

/// How many messages wait or run.
pub(crate) async fn left(queue: &Queue) -> u64 {
    queue.depths().await.unwrap().iter().map(|depth| depth.waiting + depth.running).sum()
}

pub(crate) async fn all_done(queue: &Queue) {
    eventually(SOON, "nothing is left", async || left(queue).await == 0).await;
}
