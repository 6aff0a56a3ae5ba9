//! How long licenses last and how many to buy, by what moved in the last weeks.
//!
//! A forecast is a line through the past, no more: what was given less what came back, a day, goes on as it went. A location whose
//! history is younger than a week has none, since its first days are its filling.

use std::time::Duration;

use crate::asset::Supply;
use crate::time::Timestamp;

/// How far back movements count.
pub const LOOK_BACK: Duration = Duration::from_hours(28 * 24);
/// The youngest history that says anything.
const YOUNGEST: Duration = Duration::from_hours(7 * 24);

const DAY_MS: f64 = 86_400_000.0;

/// What moved of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Licenses that were given.
    pub given: u64,
    /// Licenses that came back.
    pub back: u64,
}

/// Since when movements count for a forecast made now, of a location whose history began at `begins`; nothing when that is too young.
#[must_use]
pub fn counts_since(begins: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let begins = begins.filter(|begins| begins.plus(YOUNGEST) <= now)?;
    Some(begins.max(now.minus(LOOK_BACK)))
}

/// How many more licenses are in use every day; less than none while they come back.
#[must_use]
pub fn a_day(moved: Moved, since: Timestamp, now: Timestamp) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "counts of licenses and milliseconds are far below 2^52")]
    let (more, days) =
        (moved.given as f64 - moved.back as f64, (now.0.saturating_sub(since.0)) as f64 / DAY_MS);
    if days > 0.0 { more / days } else { 0.0 }
}

/// In how many days the last free license is given, rounded down; nothing without a limit, or while no more are in use every day.
#[must_use]
pub fn days_left(supply: Supply, a_day: f64) -> Option<u64> {
    let Supply::Limited { available, .. } = supply else { return None };
    if available <= 0 {
        return Some(0);
    }
    (a_day > 0.0).then(|| whole(as_number(available) / a_day))
}

/// How many licenses to buy, so that everybody who waits has one and those of the next `days` days find one; nothing to buy without a
/// limit.
///
/// ```
/// use russet_domain::asset::Supply;
/// use russet_domain::forecast::to_buy;
///
/// let supply = Supply::Limited { total: 100, available: 10 };
/// assert_eq!(to_buy(supply, 0, 0.5, 90), 35);
/// assert_eq!(to_buy(supply, 12, 0.0, 90), 2);
/// ```
#[must_use]
pub fn to_buy(supply: Supply, waiting: u64, a_day: f64, days: u64) -> u64 {
    let Supply::Limited { available, .. } = supply else { return 0 };
    #[allow(clippy::cast_precision_loss, reason = "counts of licenses and days are far below 2^52")]
    let coming = (a_day.max(0.0) * days as f64).ceil();
    let wanted = waiting.saturating_add(whole(coming));
    wanted.saturating_sub(u64::try_from(available.max(0)).unwrap_or(0))
}

#[allow(clippy::cast_precision_loss, reason = "Apple counts in 32 bits")]
fn as_number(count: i64) -> f64 {
    count as f64
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "never below zero, and what is too large becomes the largest"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn days(days: u64) -> Duration {
        Duration::from_hours(days * 24)
    }

    fn limited(available: i64) -> Supply {
        Supply::Limited { total: 1_000, available }
    }

    #[test]
    fn the_last_four_weeks_count_or_what_there_is_of_them() {
        assert_eq!(counts_since(None, NOW), None);
        assert_eq!(counts_since(Some(NOW.minus(days(6))), NOW), None);
        assert_eq!(counts_since(Some(NOW.minus(days(7))), NOW), Some(NOW.minus(days(7))));
        assert_eq!(counts_since(Some(NOW.minus(days(400))), NOW), Some(NOW.minus(days(28))));
    }

    #[test]
    fn what_is_given_less_what_comes_back_uses_the_free_ones_up() {
        let daily = a_day(Moved { given: 84, back: 28 }, NOW.minus(days(28)), NOW);
        assert!((daily - 2.0).abs() < 1e-9);
        assert_eq!(days_left(limited(21), daily), Some(10));
        assert_eq!(days_left(limited(0), daily), Some(0));
        assert_eq!(days_left(Supply::Unlimited, daily), None);
        let fewer = a_day(Moved { given: 1, back: 28 }, NOW.minus(days(28)), NOW);
        assert_eq!(days_left(limited(21), fewer), None);
    }

    #[test]
    fn who_waits_and_who_comes_is_bought_for_and_no_more() {
        assert_eq!(to_buy(limited(50), 0, 2.0, 30), 10);
        assert_eq!(to_buy(limited(0), 7, 0.0, 30), 7);
        assert_eq!(to_buy(limited(0), 7, -3.0, 30), 7, "what comes back is not counted on");
        assert_eq!(to_buy(limited(-4), 7, 0.0, 30), 7, "a refund is not bought again");
        assert_eq!(to_buy(Supply::Unlimited, 7, 2.0, 30), 0);
    }
}
