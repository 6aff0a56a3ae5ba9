//! Gives claimed messages to apalis, and runs the handler under it.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::worker::context::WorkerContext;
use futures::FutureExt as _;
use russet_domain::Timestamp;
use tokio::sync::mpsc;
use tower::layer::util::Identity;
use tracing::Instrument as _;

use super::crew::{Crew, Hold, put_back};
use super::{Claim, Ending, Handler, Places};
use crate::AnyJob;
use crate::contract::Taken;
use crate::lock::lock;

/// How long a handler gets to notice that its message is lost.
const NOTICE: Duration = Duration::from_secs(1);

/// A claimed message on its way to a handler. Dropped before it ended, for whatever reason, it goes back in line.
pub(super) struct Delivery {
    crew: Arc<Crew>,
    taken: Taken,
    job: AnyJob,
    hold: Hold,
    ended: bool,
}

impl Delivery {
    pub(super) fn new(crew: Arc<Crew>, taken: Taken, job: AnyJob, hold: Hold) -> Self {
        Self { crew, taken, job, hold, ended: false }
    }

    /// Runs the handler, and ends the message as it says.
    async fn run<H: Handler>(mut self, handler: H) {
        let claim = self.claim();
        let span =
            tracing::info_span!("message", kind = claim.job.kind(), id = &*self.taken.id, claim.attempt);
        let work = AssertUnwindSafe(async move { handler.handle(claim).await }).catch_unwind();
        let cut = async {
            self.hold.lost.cancelled().await;
            tokio::time::sleep(NOTICE).await;
        };
        let fate = tokio::select! {
            biased;
            ending = work.instrument(span) => {
                let ending = ending.unwrap_or_else(|panic| panicked(&self.taken.id, panic.as_ref()));
                self.crew.fate(ending, &self.taken, self.hold.lost.is_cancelled())
            }
            () = cut => put_back(&self.taken),
        };
        self.crew.end(&self.taken, &self.hold, fate);
        self.ended = true;
    }

    fn claim(&self) -> Claim {
        let record = &self.taken.record;
        Claim {
            job: self.job.clone(),
            attempt: record.attempts.saturating_add(1),
            last_error: Some(record.why.clone()).filter(|why| !why.is_empty()),
            fence: self.taken.lease.fence,
            priority: record.priority,
            due: Timestamp(self.taken.lease.due),
            lost: self.hold.lost.clone(),
            stopping: self.crew.stop.clone(),
            places: Places(Arc::clone(&self.crew.free)),
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.ended {
            self.crew.end(&self.taken, &self.hold, put_back(&self.taken));
        }
    }
}

fn panicked(id: &str, panic: &(dyn std::any::Any + Send)) -> Ending {
    let said = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "something that is not text".to_owned());
    tracing::error!(message.id = id, panic = said, "a handler panicked");
    Ending::Retry { why: format!("the handler panicked: {said}"), after: None }
}

/// Where apalis gets its tasks: the claimed messages, as they come. It never fails, as apalis ends a worker whose
/// backend fails; and it can be made anew, when apalis starts a worker again.
#[derive(Clone)]
pub(super) struct Feed {
    deliveries: Arc<Mutex<mpsc::Receiver<Delivery>>>,
}

impl Feed {
    pub(super) fn new(deliveries: mpsc::Receiver<Delivery>) -> Self {
        Self { deliveries: Arc::new(Mutex::new(deliveries)) }
    }
}

impl Backend for Feed {
    type Task = Task<Delivery>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, Infallible>>> {
        lock(&self.deliveries)
            .poll_recv(context)
            .map(|delivery| delivery.map(|delivery| Ok(Task::new(delivery))))
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for Feed {
    type Args = Delivery;
    type Id = u64;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}

/// The service that apalis calls with each task.
#[derive(Clone)]
pub(super) struct Handling<H> {
    pub(super) handler: H,
}

impl<H: Handler> tower::Service<Task<Delivery>> for Handling<H> {
    type Response = ();
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<(), Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Delivery>) -> Self::Future {
        let handler = self.handler.clone();
        Box::pin(async move {
            task.args.run(handler).await;
            Ok(())
        })
    }
}
