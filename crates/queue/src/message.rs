//! A message before it is in the queue: what, when and how urgent.

use std::borrow::Cow;
use std::time::Duration;

use russet_domain::job::Priority;
use russet_domain::{Timestamp, TokenId};

use crate::{AnyJob, Job, QueueError};

/// The longest kind and key together; a key is an id, and ids are short.
const ID_MAX: usize = 200;
/// The longest payload; a payload is an id too.
const PAYLOAD_MAX: usize = 4_096;
/// The furthest a message can be put off.
pub(crate) const DELAY_MAX: Duration = Duration::from_secs(366 * 86_400);

/// From when on a message may run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Due {
    /// At once.
    #[default]
    Now,
    /// So much later, on the queue's clock.
    In(Duration),
    /// At a moment; one that has passed means at once, so that nobody jumps the line.
    At(Timestamp),
}

/// When a message runs, and before which others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// How urgent it is.
    pub priority: Priority,
    /// From when on it may run.
    pub due: Due,
}

impl When {
    /// At normal priority, from `due` on.
    #[must_use]
    pub fn due(due: Due) -> Self {
        Self { priority: Priority::Normal, due }
    }

    /// At once, with `priority`.
    #[must_use]
    pub fn priority(priority: Priority) -> Self {
        Self { priority, due: Due::Now }
    }
}

/// One message to push, of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    pub(crate) kind: Cow<'static, str>,
    pub(crate) key: String,
    pub(crate) payload: String,
    pub(crate) when: When,
}

impl Push {
    /// A message for `job`.
    #[must_use]
    pub fn of<J: Job>(job: &J, when: When) -> Self {
        Self { kind: Cow::Borrowed(J::KIND), key: job.key(), payload: job.payload(), when }
    }

    /// What names the message among all.
    pub(crate) fn id(&self) -> String {
        format!("{}:{}", self.kind, self.key)
    }

    /// Whether the queue can hold it at all.
    pub(crate) fn check(&self) -> Result<(), QueueError> {
        let wrong = |why| Err(QueueError::Message { kind: self.kind.to_string(), why });
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.kind.is_empty() || !self.kind.chars().all(plain) {
            return wrong("a kind is lower-case letters, digits and `_`");
        }
        if self.key.is_empty() || self.kind.len() + self.key.len() > ID_MAX {
            return wrong("kind and key together are 1 to 200 bytes");
        }
        if self.key.chars().any(char::is_control) {
            return wrong("a key has no control characters");
        }
        if self.payload.len() > PAYLOAD_MAX {
            return wrong("a payload has at most 4096 bytes");
        }
        if matches!(self.when.due, Due::In(delay) if delay > DELAY_MAX) {
            return wrong("a message can be put off by a year at most");
        }
        Ok(())
    }
}

/// Splits what names a message into kind and key.
pub(crate) fn split(id: &str) -> (&str, &str) {
    id.split_once(':').unwrap_or((id, ""))
}

/// The token that a message calls Apple as, which its key begins with; nothing when it does not call.
pub(crate) fn token_of(id: &str) -> Option<TokenId> {
    let (kind, key) = split(id);
    if !AnyJob::is_paced(kind) {
        return None;
    }
    let digits = key.find(|c: char| !c.is_ascii_digit()).map_or(key, |end| &key[..end]);
    digits.parse().ok().map(TokenId)
}
