//! A message in a handler's hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use russet_domain::Timestamp;
use russet_domain::job::Priority;
use tokio_util::sync::CancellationToken;

use crate::AnyJob;

/// Tells whether the worker has places left.
#[derive(Clone, Debug)]
pub struct Places(pub(super) Arc<AtomicUsize>);

impl Places {
    /// Whether a place is free, and so nothing that this worker could take waits for one.
    #[must_use]
    pub fn any_free(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

/// A message in a handler's hands.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What is asked for.
    pub job: AnyJob,
    /// Which attempt this is, counted from 1; snoozes do not count.
    pub attempt: u32,
    /// Why the last attempt failed, if one did.
    pub last_error: Option<String>,
    /// Grows from claim to claim of a message, and never goes back, not even with a Redis that lost everything. What an
    /// older claim still writes can be told apart. Messages that were claimed together share it.
    pub fence: u64,
    /// How urgent the message is.
    pub priority: Priority,
    /// When the message was due.
    pub due: Timestamp,
    /// Cancelled when the message is no longer ours: the lease is lost, or the worker's grace is over. The handler's
    /// future is dropped a second later. Work that was spawned should watch this.
    pub lost: CancellationToken,
    /// Cancelled when the worker is told to stop. A long run should snooze at the next good moment.
    pub stopping: CancellationToken,
    /// The worker's places. While one is free, a long run keeps nobody waiting.
    pub places: Places,
}
