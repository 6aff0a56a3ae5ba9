//! When of a day updates may be pushed, by the clock on the wall where the device is.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveTime, TimeZone as _, Timelike as _};
use chrono_tz::Tz;

use crate::Timestamp;

/// A part of each day, such as `22:00-05:00`; it may go over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The minute of the day it begins in.
    from: u32,
    /// The minute of the day it ends before.
    until: u32,
}

/// Why a text is no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("should be two times of a day, such as 22:00-05:00")]
pub struct WindowError;

const DAY: u32 = 24 * 60;

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let minute = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':')?;
            let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
        };
        let (from, until) = text.split_once('-').ok_or(WindowError)?;
        let (from, until) = (minute(from).ok_or(WindowError)?, minute(until).ok_or(WindowError)?);
        // The same time twice could mean all day or never.
        if from == until {
            return Err(WindowError);
        }
        Ok(Self { from, until })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (self.from, self.until);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl Window {
    /// The next moment inside the window, `now` if it is: by the clock of `zone`, an IANA name. A zone that is not known counts
    /// as UTC.
    ///
    /// On the day the clocks go forward a window may be shorter or begin later, on the day they go back it may be longer; it is
    /// never missed.
    ///
    /// ```
    /// use russet_domain::Timestamp;
    /// use russet_domain::install::Window;
    ///
    /// let window: Window = "01:00-02:00".parse()?;
    /// assert_eq!(window.next(Timestamp(0), "UTC"), Timestamp(3_600_000));
    /// assert_eq!(window.next(Timestamp(0), "Europe/Amsterdam"), Timestamp(0));
    /// # Ok::<_, russet_domain::install::WindowError>(())
    /// ```
    #[must_use]
    pub fn next(&self, now: Timestamp, zone: &str) -> Timestamp {
        let zone: Tz = zone.parse().unwrap_or(chrono_tz::UTC);
        let Some(utc) = DateTime::from_timestamp_millis(now.0) else { return now };
        let local = utc.with_timezone(&zone);
        if self.holds(local.hour() * 60 + local.minute()) {
            return now;
        }
        // Today's beginning, or that of one of the next days, whichever is the first that lies ahead.
        for day in 0..3 {
            let date = local.date_naive() + chrono::Days::new(day);
            let Some(time) = NaiveTime::from_hms_opt(self.from / 60, self.from % 60, 0) else { return now };
            let begin = first_after_gap(zone, date.and_time(time));
            if let Some(begin) = begin.filter(|begin| begin.timestamp_millis() > now.0) {
                return Timestamp(begin.timestamp_millis());
            }
        }
        now
    }

    fn holds(&self, minute: u32) -> bool {
        (minute + DAY - self.from) % DAY < (self.until + DAY - self.from) % DAY
    }
}

/// Whether a text names a time zone that windows can go by.
#[must_use]
pub fn is_time_zone(text: &str) -> bool {
    text.parse::<Tz>().is_ok()
}

/// The moment of a time on the wall; of one that the clocks skip, the first after it that they show.
fn first_after_gap(zone: Tz, wall: chrono::NaiveDateTime) -> Option<DateTime<Tz>> {
    // No gap is longer than a day, and all are whole quarters of an hour.
    (0..=96).find_map(|quarters| {
        zone.from_local_datetime(&(wall + chrono::Duration::minutes(15 * quarters))).earliest()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
    }

    fn next(window: &str, now: &str, zone: &str) -> Timestamp {
        window.parse::<Window>().unwrap().next(at(now), zone)
    }

    #[test]
    fn a_window_over_midnight_holds_on_both_sides_of_it() {
        let night = "22:00-05:00";
        for inside in ["2026-03-01T22:00:00Z", "2026-03-01T23:59:59Z", "2026-03-02T04:59:00Z"] {
            assert_eq!(next(night, inside, "UTC"), at(inside));
        }
        assert_eq!(next(night, "2026-03-01T05:00:00Z", "UTC"), at("2026-03-01T22:00:00Z"));
        assert_eq!(next("01:00-02:00", "2026-03-01T02:00:00Z", "UTC"), at("2026-03-02T01:00:00Z"));
    }

    #[test]
    fn the_clock_is_that_of_the_device() {
        assert_eq!(next("22:00-05:00", "2026-01-10T12:00:00Z", "Asia/Tokyo"), at("2026-01-10T13:00:00Z"));
        assert_eq!(next("22:00-05:00", "2026-01-10T12:00:00Z", "no/where"), at("2026-01-10T22:00:00Z"));
    }

    #[test]
    fn a_change_of_the_clock_moves_the_window_and_loses_it_never() {
        // At 2 in the night of 29 March 2026 clocks in Amsterdam go to 3: half past two is not on the wall.
        let skipped = next("02:30-02:45", "2026-03-28T23:00:00Z", "Europe/Amsterdam");
        assert_eq!(skipped, at("2026-03-29T01:00:00Z"));
        // On the evening after it 22:00 is an hour earlier by UTC than the evening before.
        assert_eq!(
            next("22:00-23:00", "2026-03-28T12:00:00Z", "Europe/Amsterdam"),
            at("2026-03-28T21:00:00Z")
        );
        assert_eq!(
            next("22:00-23:00", "2026-03-29T12:00:00Z", "Europe/Amsterdam"),
            at("2026-03-29T20:00:00Z")
        );
        // In the night of 25 October it is half past two twice; the window begins with the first.
        assert_eq!(
            next("02:30-02:45", "2026-10-24T23:00:00Z", "Europe/Amsterdam"),
            at("2026-10-25T00:30:00Z")
        );
    }

    #[test]
    fn what_is_no_window_is_said() {
        for text in ["", "22:00", "22-05", "24:00-05:00", "22:60-05:00", "22:00-22:00", "a:b-c:d"] {
            assert_eq!(text.parse::<Window>(), Err(WindowError), "{text}");
        }
        assert_eq!("9:05-17:00".parse::<Window>().unwrap().to_string(), "09:05-17:00");
    }
}
