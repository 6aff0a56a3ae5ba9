//! Whose time counts: the queue's own, or in tests one that stands still until moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) enum Clock {
    /// Redis's clock, or this machine's when the queue is in this process.
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
            Self::Real => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Self::Given(now) => now.load(Ordering::SeqCst),
        }
    }

    /// The time in this process, in microseconds.
    pub(crate) fn now_us(&self) -> i64 {
        match self {
            Self::Real => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            }
            Self::Given(now) => now.load(Ordering::SeqCst) * 1_000,
        }
    }

    /// What a script is told: nothing, when it is to ask Redis.
    pub(crate) fn given(&self) -> String {
        match self {
            Self::Real => String::new(),
            Self::Given(now) => now.load(Ordering::SeqCst).to_string(),
        }
    }
}
