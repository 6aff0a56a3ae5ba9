//! What can go wrong with the queue, in sentences for people.

use thiserror::Error;

/// Why the queue did not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueueError {
    /// Redis does not answer, or not in time. It may come back; whatever was asked may be repeated.
    #[error(
        "the queue's Redis did not answer while {doing}: {why}; check that it runs and that queue.url names it"
    )]
    Unavailable {
        /// What was being attempted.
        doing: &'static str,
        /// What the connection said.
        why: String,
    },
    /// Redis has no memory left for new messages. It may come back.
    #[error(
        "the queue's Redis is out of memory, so nothing can be added; raise its `maxmemory`, or wait for workers"
    )]
    Full,
    /// Redis answered, but refused; repeating does not help until somebody changes something.
    #[error("the queue's Redis refused while {doing}: {why}")]
    Refused {
        /// What was being attempted.
        doing: &'static str,
        /// What Redis said.
        why: String,
    },
    /// Redis is older than the oldest this program works with.
    #[error("the queue's Redis is version {found}; 6.2 or newer is needed")]
    TooOld {
        /// The version it reported.
        found: String,
    },
    /// Redis might throw messages away when memory runs short.
    #[error(
        "the queue's Redis has `maxmemory-policy {found}` and may drop messages when memory runs short; \
         set `maxmemory-policy noeviction`"
    )]
    Evicting {
        /// The policy it reported.
        found: String,
    },
    /// The keys were written by a program with another layout.
    #[error(
        "the queue's Redis holds layout {found} under this prefix and this program knows {known}; \
         use the matching program or another queue.prefix"
    )]
    Layout {
        /// What the keys say.
        found: String,
        /// What this program reads and writes.
        known: &'static str,
    },
    /// A setting is wrong.
    #[error("{name} should be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A message cannot be pushed as it is.
    #[error("a message of kind {kind:?} cannot be pushed: {why}")]
    Message {
        /// The message's kind.
        kind: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A kind that this program does not know.
    #[error("no message is of kind {kind:?}; the kinds are {known}")]
    UnknownKind {
        /// What was given.
        kind: String,
        /// Those that exist.
        known: String,
    },
    /// The task that was to do it is gone, which is a mistake of ours.
    #[error("the worker stopped by itself: {why}")]
    Worker {
        /// What it left behind.
        why: String,
    },
}

impl QueueError {
    /// Whether it may go away by itself, so that trying again later makes sense.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Full => true,
            Self::Refused { .. }
            | Self::TooOld { .. }
            | Self::Evicting { .. }
            | Self::Layout { .. }
            | Self::Setting { .. }
            | Self::Message { .. }
            | Self::UnknownKind { .. }
            | Self::Worker { .. } => false,
        }
    }
}
