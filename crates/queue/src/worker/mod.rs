//! Takes messages from the queue and hands them to a handler, until told to stop.

mod claim;
mod claimer;
mod crew;
mod ear;
mod ender;
mod feed;
mod keeper;
mod run;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use russet_domain::Timestamp;
use serde::Deserialize;

pub use self::claim::{Claim, Places};
pub use self::run::run;
use crate::QueueError;

/// How a run of a message ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// There is nothing more to do: the message is gone, its failed attempts forgotten.
    Done,
    /// There is more to do later: the message waits until then. This costs no attempt.
    Snooze {
        /// When to go on; a moment that has passed means now, at the end of the line.
        until: Timestamp,
    },
    /// It did not work this time: the message waits, longer with each attempt, and is set aside after too many.
    Retry {
        /// What went wrong, for people.
        why: String,
        /// How long to wait, when that is known better than by backoff.
        after: Option<Duration>,
    },
    /// It will never work: the message is set aside.
    Fail {
        /// What is wrong, for people.
        why: String,
    },
}

/// What does the work that messages ask for.
///
/// Every message may come twice, and a run may stop between any two awaits: when its lease is lost, or when the
/// worker stops and the grace is over, the future is dropped.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Does what one message asks for. A panic counts as a failed attempt.
    fn handle(&self, claim: Claim) -> impl Future<Output = Ending> + Send;
}

/// What a worker is called in lists of running messages. Two workers may have the same name, and one may start again
/// at once under its old one: each run is told apart by a suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerName(String);

impl WorkerName {
    /// A name of 1 to 100 letters, digits, `-`, `_`, `.` or `:`.
    ///
    /// # Errors
    ///
    /// [`QueueError::Setting`] for any other text.
    pub fn new(name: impl Into<String>) -> Result<Self, QueueError> {
        let name = name.into();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if name.is_empty() || name.len() > 100 || !name.chars().all(plain) {
            return Err(QueueError::Setting {
                name: "the worker's name",
                expected: "1 to 100 letters, digits, `-`, `_`, `.` or `:`",
            });
        }
        Ok(Self(name))
    }

    /// The machine's name and this process's number.
    #[must_use]
    pub fn of_this_process() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
        let host: String = host.chars().filter(plain).take(80).collect();
        let host = if host.is_empty() { "worker".to_owned() } else { host };
        Self(format!("{host}:{}", std::process::id()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How much a worker does at once, and how it stops.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerSettings {
    /// How many messages are handled at once.
    pub concurrency: usize,
    /// How long running messages get to end after the stop; then they are handed back.
    pub grace_ms: u64,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self { concurrency: 32, grace_ms: 20_000 }
    }
}

impl WorkerSettings {
    /// Says which setting is wrong, and what it should be.
    ///
    /// # Errors
    ///
    /// [`QueueError::Setting`] for the first wrong one.
    pub fn validate(&self) -> Result<(), QueueError> {
        if !(1..=10_000).contains(&self.concurrency) {
            return Err(QueueError::Setting { name: "worker.concurrency", expected: "between 1 and 10000" });
        }
        if !(1..=3_600_000).contains(&self.grace_ms) {
            return Err(QueueError::Setting { name: "worker.grace_ms", expected: "between 1 and 3600000" });
        }
        Ok(())
    }
}
