//! Whose time counts: the queue's own, or in tests one that stands still until moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    /// Redis's clock, or this machine's when the queue is in this process. In a rehearsal it is this process's in both.
    #[default]
    Real,
    /// A test's.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests bring the time along"))]
    Given(Arc<AtomicI64>),
}

impl Clock {
    /// The time in this process.
    pub(crate) fn now_ms(&self) -> i64 {
        match self {
            Self::Real => russet_clock::now().0,
            Self::Given(now) => now.load(Ordering::SeqCst),
        }
    }

    /// The time in this process, in microseconds.
    pub(crate) fn now_us(&self) -> i64 {
        match self {
            Self::Real => russet_clock::now_us(),
            Self::Given(now) => now.load(Ordering::SeqCst) * 1_000,
        }
    }

    /// The time in this process where it counts and not Redis's.
    pub(crate) fn own_ms(&self) -> Option<i64> {
        match self {
            Self::Real if !russet_clock::is_rehearsal() => None,
            _ => Some(self.now_ms()),
        }
    }

    /// What a script is told: nothing, when it is to ask Redis.
    pub(crate) fn given(&self) -> String {
        self.own_ms().map(|now| now.to_string()).unwrap_or_default()
    }
}
