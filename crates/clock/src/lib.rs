//! What time it is: by this machine's clock, or in a rehearsal by one that runs ahead of it.
//!
//! Windows, waits and terms are kept to the minute over months, which nobody can wait for. A rehearsal moves the whole
//! process to another time, in which it then lives as it would: the night the clocks change, the day a token expires. All
//! processes of an installation must be moved alike. Waits that only this process knows (timeouts, pauses between two looks) go
//! by [`std::time::Instant`] and are not touched.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use russet_domain::Timestamp;

/// By how many milliseconds this process is ahead of the machine it runs on.
static AHEAD_MS: AtomicI64 = AtomicI64::new(0);

/// The moment, in milliseconds. A clock that stands before 1970 counts as standing there.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(now_us() / 1_000)
}

/// The moment in microseconds since 1970.
#[must_use]
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let here = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    here.saturating_add(AHEAD_MS.load(Ordering::Relaxed).saturating_mul(1_000))
}

/// Moves this process: from now on its clock is so far ahead of the machine's. Meant for the start of a process, against a
/// simulator; zero ends the rehearsal.
pub fn rehearse(ahead: Duration) {
    AHEAD_MS.store(i64::try_from(ahead.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
}

/// Whether the clock is another one than the machine's, so that what others say the time is does not count.
#[must_use]
pub fn is_rehearsal() -> bool {
    AHEAD_MS.load(Ordering::Relaxed) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test, because the clock is the process's.
    #[test]
    fn a_rehearsal_moves_the_clock_and_ends() {
        let before = now();
        assert!(!is_rehearsal());
        rehearse(Duration::from_secs(86_400));
        let tomorrow = now();
        assert!(is_rehearsal());
        assert!((86_400_000..86_460_000).contains(&(tomorrow.0 - before.0)), "{before:?} {tomorrow:?}");
        rehearse(Duration::ZERO);
        assert!((0..60_000).contains(&(now().0 - before.0)));
    }
}
