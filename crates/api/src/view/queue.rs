//! The queue as an operator sees it: kinds, workers, and messages that run or are dead.

use russet_domain::Timestamp;
use russet_queue::{DeadMessage, Depth, RunningMessage, SeenWorker};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::wide;
use crate::time;

/// One kind of message, and where its messages are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueKind)]
pub(crate) struct KindView {
    /// The kind.
    pub(crate) kind: String,
    /// All that wait: the due and the delayed.
    waiting: u64,
    /// Those that could run now.
    due: u64,
    /// Those whose time has not come.
    delayed: u64,
    /// Those in a worker's hands.
    running: u64,
    /// Those set aside.
    dead: u64,
    /// How long the oldest due message has been due; null when none is due.
    oldest_age_ms: Option<u64>,
    /// Whether workers leave the kind alone.
    paused: bool,
    /// How many workers take the kind.
    workers: u64,
}

impl KindView {
    pub(crate) fn new(depth: Depth, workers: &[SeenWorker]) -> Self {
        let takers = workers.iter().filter(|worker| worker.kinds.contains(&depth.kind)).count();
        Self {
            kind: depth.kind,
            waiting: depth.waiting,
            due: depth.due,
            delayed: depth.delayed,
            running: depth.running,
            dead: depth.dead,
            oldest_age_ms: depth.oldest_age_ms,
            paused: depth.paused,
            workers: wide(takers),
        }
    }
}

/// A worker that was heard of lately.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueWorker)]
pub(crate) struct WorkerView {
    /// Its name, with a suffix that tells this run of it apart.
    name: String,
    /// The kinds it takes.
    kinds: Vec<String>,
    /// When it was last heard of, RFC 3339.
    seen_at: String,
}

impl From<SeenWorker> for WorkerView {
    fn from(worker: SeenWorker) -> Self {
        Self { name: worker.name, kinds: worker.kinds, seen_at: time::text(worker.seen_at) }
    }
}

/// A message in a worker's hands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunningMessage)]
pub(crate) struct RunningView {
    /// What names the message: kind, colon, key.
    id: String,
    /// Its kind.
    kind: String,
    /// What it is about.
    key: String,
    /// Whose hands.
    worker: String,
    /// Since when, RFC 3339.
    since: String,
    /// When the lease ends unless the worker renews it.
    lease_until: String,
    /// How long that is from now, by the queue's clock; 0 when the message is about to be taken over.
    lease_left_ms: u64,
}

impl RunningView {
    pub(crate) fn new(message: RunningMessage, now: Timestamp) -> Self {
        let left = message.lease_until.0.saturating_sub(now.0);
        Self {
            id: message.id,
            kind: message.kind,
            key: message.key,
            worker: message.worker,
            since: time::text(message.since),
            lease_until: time::text(message.lease_until),
            lease_left_ms: u64::try_from(left).unwrap_or(0),
        }
    }
}

/// A message set aside, with the reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadMessage)]
pub(crate) struct DeadView {
    /// What names the message: kind, colon, key.
    id: String,
    /// Its kind.
    kind: String,
    /// What it is about.
    key: String,
    /// Why it was set aside.
    reason: String,
    /// When, RFC 3339.
    died_at: String,
    /// How many attempts failed.
    attempts: u32,
    /// How often it was taken over from a worker that vanished.
    rescues: u32,
    /// How urgent it was: `low`, `normal` or `high`.
    priority: &'static str,
    /// What it carries, as it is in the queue: ids, and never the data that they point at.
    payload: String,
}

impl From<DeadMessage> for DeadView {
    fn from(message: DeadMessage) -> Self {
        Self {
            id: message.id,
            kind: message.kind,
            key: message.key,
            reason: message.reason,
            died_at: time::text(message.died_at),
            attempts: message.attempts,
            rescues: message.rescues,
            priority: message.priority.as_str(),
            payload: message.payload,
        }
    }
}
