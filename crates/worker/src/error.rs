//! What can go wrong in a handler, and what becomes of its message.

use std::time::Duration;

use russet_apple::{AppleError, Consequence};
use russet_domain::Timestamp;
use russet_queue::{Ending, QueueError};
use russet_store::StoreError;

/// Why a handler stopped before its work was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// The token may not call Apple before `until`.
    #[error("waiting for Apple's pace")]
    NotYet {
        /// When it may.
        until: Timestamp,
    },
    /// Apple did not do what was asked.
    #[error(transparent)]
    Apple(#[from] AppleError),
    /// Apple opened another location than the token stands for.
    #[error("the token opens location {found} at Apple, but {known} here; renew it with a token of {known}")]
    OtherLocation {
        /// The location we know.
        known: String,
        /// The location Apple names.
        found: String,
    },
    /// What was written down by this program cannot be used.
    #[error("{0}")]
    Broken(&'static str),
    /// The database did not answer as hoped.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue did not answer as hoped.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Turns an error into the message's ending. `unit` is a random number in `[0, 1)`.
///
/// What passes by itself costs no attempt: an outage of an hour must not end in the dead set.
pub(crate) fn ending(error: &JobError, now: Timestamp, unit: f64) -> Ending {
    let shortly =
        |seconds: f64| Ending::Snooze { until: now.plus(Duration::from_secs_f64(seconds * (0.5 + unit))) };
    match error {
        JobError::NotYet { until } => Ending::Snooze { until: *until },
        JobError::Store(StoreError::Busy { .. }) => shortly(0.2),
        JobError::Store(StoreError::Unreachable { .. }) | JobError::Queue(_) => shortly(2.0),
        JobError::Broken(_) => Ending::Fail { why: chain(error) },
        JobError::Store(_) => Ending::Retry { why: chain(error), after: None },
        JobError::OtherLocation { .. } => Ending::Done, // Written down with the token; a person has to act.
        JobError::Apple(apple) => match apple.consequence() {
            Consequence::TokenDead | Consequence::Forbidden => Ending::Done, // Likewise.
            Consequence::TooFast | Consequence::Later | Consequence::NotSent | Consequence::LostReply => {
                match apple.retry_after() {
                    Some(wait) => Ending::Snooze { until: now.plus(wait) },
                    None => shortly(10.0),
                }
            }
            Consequence::Replan => Ending::Retry { why: chain(error), after: None },
            Consequence::Wrong
            | Consequence::NeedsPerson
            | Consequence::NoLicense
            | Consequence::AlreadySo => Ending::Fail { why: chain(error) },
        },
    }
}

/// The error and everything behind it, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
