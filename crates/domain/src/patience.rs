//! How long to wait before trying again.

use std::time::Duration;

use crate::time::Timestamp;

/// Exponential backoff with full jitter: anything from zero up to a ceiling that doubles with each attempt.
///
/// Full jitter spreads a crowd that failed together over the whole interval, where a fixed delay would send it
/// back together.
///
/// ```
/// use russet_domain::patience::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };
/// assert_eq!(backoff.ceiling(3), Duration::from_secs(8));
/// assert_eq!(backoff.delay(3, 0.5), Duration::from_secs(4));
/// assert_eq!(backoff.ceiling(40), Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The ceiling for attempt 0.
    pub base: Duration,
    /// The ceiling that no attempt exceeds.
    pub cap: Duration,
}

impl Backoff {
    /// The longest wait before attempt number `attempt`, counted from 0.
    #[must_use]
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt.min(31)).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// The wait before attempt number `attempt`; `unit` is a random number in `[0, 1)` that the caller draws.
    #[must_use]
    pub fn delay(&self, attempt: u32, unit: f64) -> Duration {
        self.ceiling(attempt).mul_f64(unit.clamp(0.0, 1.0))
    }
}

/// Until when to wait for company before planned changes are sent: jobs that come together share requests to Apple.
///
/// As long as something newer keeps coming within `linger` it is waited for, but never longer than five times that for
/// the oldest. `None` means: go now.
///
/// ```
/// use russet_domain::patience::company;
/// use russet_domain::Timestamp;
/// use std::time::Duration;
///
/// let linger = Duration::from_millis(200);
/// assert_eq!(company(Timestamp(0), Timestamp(100), Timestamp(150), linger), Some(Timestamp(300)));
/// assert_eq!(company(Timestamp(0), Timestamp(100), Timestamp(300), linger), None);
/// ```
#[must_use]
pub fn company(oldest: Timestamp, newest: Timestamp, now: Timestamp, linger: Duration) -> Option<Timestamp> {
    let until = newest.plus(linger).min(oldest.plus(linger * 5));
    (now < until).then_some(until)
}

/// How Apple's own answers are retried.
///
/// Up to five attempts follow each other within seconds; from then on Apple wants minutes
/// (<https://developer.apple.com/documentation/devicemanagement/interpreting-error-codes>).
#[must_use]
pub fn apple_backoff(attempt: u32) -> Backoff {
    if attempt < 5 {
        Backoff { base: Duration::from_secs(2), cap: Duration::from_secs(60) }
    } else {
        Backoff { base: Duration::from_secs(60), cap: Duration::from_secs(30 * 60) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_cap(attempt in 0_u32..1000, unit in 0.0_f64..1.0) {
            let backoff = Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(30) };
            prop_assert!(backoff.delay(attempt, unit) <= backoff.cap);
            prop_assert!(backoff.ceiling(attempt) <= backoff.ceiling(attempt + 1));
        }
    }
}
