//! Reads Apple's dates, which are not quite RFC 3339.

use chrono::DateTime;
use russet_domain::Timestamp;

/// The longest text taken for a date.
const DATE_MAX: usize = 64;

/// Reads a date such as `2031-04-09T10:20:30+0000`. Apple's offsets have no colon; a colon, a `Z` and fractions of
/// seconds are taken as well. `None` when it is no date.
///
/// <https://developer.apple.com/documentation/devicemanagement/getting-started-with-the-management-api>
///
/// ```
/// use russet_apple::parse_date;
///
/// assert_eq!(parse_date("2031-04-09T10:20:30+0000"), parse_date("2031-04-09T03:20:30-07:00"));
/// assert!(parse_date("next spring").is_none());
/// ```
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > DATE_MAX || !begins_as_date(text.as_bytes()) {
        return None;
    }
    let parsed = match text.strip_suffix(['Z', 'z']) {
        Some(utc) => DateTime::parse_from_str(&format!("{utc}+0000"), "%Y-%m-%dT%H:%M:%S%.f%z"),
        None => DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"),
    };
    parsed.ok().map(|date| Timestamp(date.timestamp_millis()))
}

/// Whether it begins with `2031-04-09T10:20:30`, each digit in its place, and has no blank: the parser would take years of
/// one digit, and blanks between all parts.
fn begins_as_date(text: &[u8]) -> bool {
    let fits = |(byte, place): (&u8, &u8)| match place {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    };
    let shape = b"0000-00-00T00:00:00";
    text.len() > shape.len()
        && text.iter().zip(shape).all(fits)
        && text[shape.len()..].iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_and_not_ignored() {
        assert_eq!(parse_date("1970-01-01T00:00:00-0700"), Some(Timestamp(7 * 3_600_000)));
        assert_eq!(parse_date("1970-01-01T01:00:00+01:00"), Some(Timestamp(0)));
        assert_eq!(parse_date(" 1970-01-01T00:00:01.5Z\n"), Some(Timestamp(1500)));
    }

    #[test]
    fn what_is_no_date_is_not_guessed_at() {
        for text in ["", "2031-04-09", "2031-04-09T10:20:30", "2031-13-09T10:20:30+0000", "Z"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn blanks_and_short_years_within_a_date_are_not_taken() {
        // Found by fuzzing.
        for text in [
            "3-\u{b}\r04- 9T\u{b}03:\u{b}2:\r30.6\rz",
            "2031-04-09T10:20: 30+0000",
            "2031-04-09T10:20:30 +0000",
            "2031-04-09T10:20:30 Z",
            "31-04-09T10:20:30+0000",
            "+2031-04-09T10:20:30+0000",
            "2031-4-9T1:2:3+0000",
        ] {
            assert_eq!(parse_date(text), None, "{text:?}");
        }
    }
}
