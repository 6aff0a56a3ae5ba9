//! Times as Russet's API writes them, and now.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, Utc};

/// Milliseconds of an RFC 3339 time, such as `2026-01-31T10:20:30.123Z`.
///
/// # Panics
///
/// When it is none.
#[must_use]
pub fn millis(text: &str) -> i64 {
    DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
}

/// Now, in milliseconds.
#[must_use]
pub fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

/// The beginning, by UTC, of the first last Sunday of a month of 31 days that begins at `after` or later: clocks in Europe change on
/// such days of March and October.
///
/// # Panics
///
/// When there is no such month.
#[must_use]
pub fn next_last_sunday(month: u32, after: i64) -> i64 {
    let year = DateTime::from_timestamp_millis(after).expect("a time").year();
    let last_sunday = |year| {
        let last = NaiveDate::from_ymd_opt(year, month, 31).expect("a month of 31 days");
        let sunday = last - Days::new(u64::from(last.weekday().num_days_from_sunday()));
        sunday.and_time(NaiveTime::MIN).and_utc().timestamp_millis()
    };
    let this_year = last_sunday(year);
    if this_year >= after { this_year } else { last_sunday(year + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_last_sunday_may_be_one_of_the_next_year() {
        let march = millis("2027-03-28T00:00:00.000Z");
        assert_eq!(next_last_sunday(3, millis("2026-12-01T00:00:00.000Z")), march);
        assert_eq!(next_last_sunday(3, march), march);
        assert_eq!(next_last_sunday(3, march + 1), millis("2028-03-26T00:00:00.000Z"));
        assert_eq!(next_last_sunday(10, march), millis("2027-10-31T00:00:00.000Z"));
    }
}
