//! What a notification about licenses bought, transferred or refunded does with the counts that are known.
//!
//! It tells a difference and not the total, may come up to three times over some minutes, and has no time of its own
//! (<https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>).

use std::time::Duration;

use crate::Timestamp;
use crate::asset::Supply;

/// How late a notification may be. Counts read from Apple within this long before it came may hold its difference
/// already, or not: Apple tries three times over up to five minutes.
const LATEST: Duration = Duration::from_secs(600);

/// The counts of an asset, and how far they can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Bought and free licenses.
    pub supply: Supply,
    /// Licenses that somebody holds.
    pub assigned: i64,
    /// Licenses lost with retired users.
    pub retired: i64,
    /// When Apple was last asked for them.
    pub read_at: Option<Timestamp>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The counts are these now.
    Moved {
        /// All licenses.
        total: i64,
        /// Those that nobody holds.
        available: i64,
    },
    /// They do not add up, or would not for sure: ask Apple for this asset.
    Ask,
}

/// Takes in a difference that was notified at `received`.
///
/// ```
/// use russet_domain::Timestamp;
/// use russet_domain::asset::Supply;
/// use russet_domain::purchase::{Known, Step, bought};
///
/// let supply = Supply::Limited { total: 10, available: 4 };
/// let known = Known { supply, assigned: 6, retired: 0, read_at: Some(Timestamp(0)) };
/// assert_eq!(bought(Some(known), 5, Timestamp(3_600_000)), Step::Moved { total: 15, available: 9 });
/// assert_eq!(bought(None, 5, Timestamp(3_600_000)), Step::Ask);
/// ```
#[must_use]
pub fn bought(known: Option<Known>, delta: i64, received: Timestamp) -> Step {
    let Some(known) = known else { return Step::Ask };
    let Supply::Limited { total, available } = known.supply else { return Step::Ask };
    if known.read_at.is_none_or(|read| received.since(read) < LATEST) {
        return Step::Ask;
    }
    let (Some(total), Some(available)) = (total.checked_add(delta), available.checked_add(delta)) else {
        return Step::Ask;
    };
    let parts = available.checked_add(known.assigned).and_then(|sum| sum.checked_add(known.retired));
    let adds_up = parts == Some(total) && total >= 0 && available >= 0;
    match Supply::from_counts(total, available) {
        Supply::Limited { .. } if adds_up => Step::Moved { total, available },
        Supply::Limited { .. } | Supply::Unlimited => Step::Ask,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Timestamp = Timestamp(3_600_000);

    fn known(total: i64, available: i64, assigned: i64, retired: i64) -> Known {
        let supply = Supply::Limited { total, available };
        Known { supply, assigned, retired, read_at: Some(Timestamp(0)) }
    }

    #[test]
    fn a_refund_takes_away_what_is_free() {
        assert_eq!(bought(Some(known(10, 4, 5, 1)), -4, HOUR), Step::Moved { total: 6, available: 0 });
    }

    #[test]
    fn counts_that_do_not_add_up_are_asked_for() {
        for (counts, delta) in [
            (known(10, 4, 6, 0), -5),
            (known(10, 4, 5, 0), 1),
            (known(i64::MAX - 1, 0, i64::MAX - 1, 0), 2),
            (known(10, 10, 0, 0), 2_147_483_647),
        ] {
            assert_eq!(bought(Some(counts), delta, HOUR), Step::Ask, "{counts:?}");
        }
        let unlimited = Known { supply: Supply::Unlimited, ..known(0, 0, 0, 0) };
        assert_eq!(bought(Some(unlimited), 1, HOUR), Step::Ask);
    }

    #[test]
    fn a_purchase_that_a_fresh_reading_may_hold_already_is_not_added_to_it() {
        let read = |ms| Known { read_at: Some(Timestamp(ms)), ..known(10, 10, 0, 0) };
        assert_eq!(bought(Some(read(3_100_000)), 5, HOUR), Step::Ask);
        assert_eq!(bought(Some(read(3_000_000)), 5, HOUR), Step::Moved { total: 15, available: 15 });
        // Read after it came, by a clock that is ahead.
        assert_eq!(bought(Some(read(3_700_000)), 5, HOUR), Step::Ask);
        assert_eq!(bought(Some(Known { read_at: None, ..known(10, 10, 0, 0) }), 5, HOUR), Step::Ask);
    }
}
