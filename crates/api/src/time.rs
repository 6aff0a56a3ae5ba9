//! Moments as clients see them: RFC 3339, UTC, with milliseconds.

use chrono::{DateTime, SecondsFormat};
pub(crate) use russet_clock::now;
use russet_domain::Timestamp;

/// A moment as text, such as `2031-04-09T10:20:30.000Z`.
pub(crate) fn text(at: Timestamp) -> String {
    DateTime::from_timestamp_millis(at.0)
        .unwrap_or(DateTime::UNIX_EPOCH)
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads a moment that a client wrote, with any offset.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(Timestamp(at.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_milliseconds_and_z() {
        assert_eq!(text(Timestamp(1_933_496_430_007)), "2031-04-09T10:20:30.007Z");
    }
}
