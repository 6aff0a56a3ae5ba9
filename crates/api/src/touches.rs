//! Remembers when each key was last written down as used, so that not every request writes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use russet_domain::{KeyId, Timestamp};

/// A key's last use is written down this often, not at every request.
const TOUCH_EVERY: Duration = Duration::from_secs(60);
/// The most keys whose last use is remembered.
const TOUCHES_MAX: usize = 10_000;

/// When each key was last written down as used, in this process.
#[derive(Default)]
pub(crate) struct Touches(Mutex<HashMap<KeyId, Timestamp>>);

impl Touches {
    /// Whether a key's use is to be written down now; once told so, it is not for a while.
    pub(crate) fn is_due(&self, key: KeyId, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&key).is_some_and(|last| now.since(*last) < TOUCH_EVERY) {
            return false;
        }
        if seen.len() >= TOUCHES_MAX {
            seen.clear();
        }
        seen.insert(key, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_used_often_is_written_down_now_and_then() {
        let touches = Touches::default();
        assert!(touches.is_due(KeyId(1), Timestamp(0)));
        assert!(!touches.is_due(KeyId(1), Timestamp(59_000)));
        assert!(touches.is_due(KeyId(1), Timestamp(60_000)));
    }
}
