//! Remembers when each thing was last written down as seen, so that not every request writes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use russet_domain::Timestamp;

/// The most things that are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// When each thing was last written down as seen, in this process.
pub(crate) struct Touches<K> {
    every: Duration,
    seen: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Eq + Hash> Touches<K> {
    /// Each is written down again after `every`.
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, seen: Mutex::default() }
    }

    /// Whether a thing is to be written down now; once told so, it is not for a while.
    pub(crate) fn is_due(&self, thing: K, now: Timestamp) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&thing).is_some_and(|last| now.since(*last) < self.every) {
            return false;
        }
        if seen.len() >= REMEMBERED_MAX {
            seen.clear();
        }
        seen.insert(thing, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_often_is_written_down_now_and_then() {
        let touches = Touches::new(Duration::from_secs(60));
        assert!(touches.is_due(1, Timestamp(0)));
        assert!(!touches.is_due(1, Timestamp(59_000)));
        assert!(touches.is_due(2, Timestamp(59_000)));
        assert!(touches.is_due(1, Timestamp(60_000)));
    }
}
