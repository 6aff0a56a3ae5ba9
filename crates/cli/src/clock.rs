//! What time it is, and how moments are written: as the API does.

use chrono::{DateTime, SecondsFormat};
pub(crate) use russet_clock::{now, now_us};
use russet_domain::Timestamp;

/// RFC 3339 in UTC, with milliseconds.
pub(crate) fn text(at: Timestamp) -> String {
    DateTime::from_timestamp_millis(at.0)
        .map(|moment| moment.to_rfc3339_opts(SecondsFormat::Millis, true))
        .unwrap_or_default()
}
