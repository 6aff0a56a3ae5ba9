//! Times as Russet's API writes them, and now.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds of an RFC 3339 time in UTC, such as `2026-01-31T10:20:30.123Z`.
///
/// # Panics
///
/// When it is none.
#[must_use]
pub fn millis(text: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().expect("digits in a time");
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days since 1970 by Hinnant's formula, with years that begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    (((days * 24 + number(11..13)) * 60 + number(14..16)) * 60 + number(17..19)) * 1000 + number(20..23)
}

/// Now, in milliseconds.
///
/// # Panics
///
/// When the clock stands before 1970.
#[must_use]
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(now.as_millis()).expect("a time before the end of all times")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_the_milliseconds_it_stands_for() {
        assert_eq!(millis("1970-01-01T00:00:00.000Z"), 0);
        assert_eq!(millis("2000-02-29T12:00:00.500Z"), 951_825_600_500);
        assert_eq!(millis("2026-01-31T10:20:30.123Z"), 1_769_854_830_123);
    }
}
