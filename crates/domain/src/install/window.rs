//! When of a day updates may be pushed, by the clock on the wall where the device is.

use std::fmt;
use std::str::FromStr;

use chrono::{
    DateTime, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Timelike as _,
};
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
    /// The next moment inside the window, `now` if it is: by the clock of `zone`, an IANA name. Where nobody told a zone, or one that
    /// is not known, UTC counts.
    ///
    /// On the day the clocks go forward a window may be shorter or begin later: one of which the clocks show nothing at all is
    /// held in full right after the gap. On the day they go back it may be longer, or come twice. It is never missed.
    ///
    /// ```
    /// use russet_domain::Timestamp;
    /// use russet_domain::install::Window;
    ///
    /// let window: Window = "01:00-02:00".parse()?;
    /// assert_eq!(window.next(Timestamp(0), None), Timestamp(3_600_000));
    /// assert_eq!(window.next(Timestamp(0), Some("Europe/Amsterdam")), Timestamp(0));
    /// # Ok::<_, russet_domain::install::WindowError>(())
    /// ```
    #[must_use]
    pub fn next(&self, now: Timestamp, zone: Option<&str>) -> Timestamp {
        let zone: Tz = zone.and_then(|zone| zone.parse().ok()).unwrap_or(chrono_tz::UTC);
        let Some(utc) = DateTime::from_timestamp_millis(now.0) else { return now };
        let local = utc.with_timezone(&zone);
        let minute = local.hour() * 60 + local.minute();
        let today = local.date_naive();
        // A gap may have lasted a whole day.
        if self.holds(minute) || (0..2).any(|day| self.makes_up(zone, today - Days::new(day), now)) {
            return now;
        }
        // Of today and the next days, the first beginning that lies ahead.
        let begins = (0..4).flat_map(|day| self.begins(zone, today + Days::new(day)));
        begins.filter(|begin| *begin > now).min().unwrap_or(now)
    }

    fn holds(&self, minute: u32) -> bool {
        (minute + DAY - self.from) % DAY < self.minutes()
    }

    /// How long it is where no clock is changed.
    fn minutes(&self) -> u32 {
        (self.until + DAY - self.from) % DAY
    }

    /// The moments at which it begins on a day: two where the clocks show the time twice.
    fn begins(&self, zone: Tz, day: NaiveDate) -> Vec<Timestamp> {
        let Some(wall) = wall(day, self.from) else { return Vec::new() };
        let shown = match zone.from_local_datetime(&wall) {
            LocalResult::None => vec![after_gap(zone, wall)],
            LocalResult::Single(once) => vec![Some(once)],
            LocalResult::Ambiguous(first, second) => vec![Some(first), Some(second)],
        };
        shown.into_iter().flatten().map(|at| Timestamp(at.timestamp_millis())).collect()
    }

    /// Whether a moment lies in what is held of a day's window for one of which the clocks show nothing.
    fn makes_up(&self, zone: Tz, day: NaiveDate, now: Timestamp) -> bool {
        let Some(from) = wall(day, self.from) else { return false };
        if !matches!(zone.from_local_datetime(&from), LocalResult::None) {
            return false;
        }
        let length = TimeDelta::minutes(i64::from(self.minutes()));
        let (begin, end) = (after_gap(zone, from), after_gap(zone, from + length));
        // Where the end is shown, what is left of the window is shown too.
        begin.is_some_and(|begin| {
            let since = now.0 - begin.timestamp_millis();
            Some(begin) == end && (0..length.num_milliseconds()).contains(&since)
        })
    }
}

/// Whether a text names a time zone that windows can go by.
#[must_use]
pub fn is_time_zone(text: &str) -> bool {
    text.parse::<Tz>().is_ok()
}

/// A minute of a day on the wall.
fn wall(day: NaiveDate, minute: u32) -> Option<NaiveDateTime> {
    Some(day.and_time(NaiveTime::from_hms_opt(minute / 60, minute % 60, 0)?))
}

/// The moment of a time on the wall; of one that the clocks skip, the first after it that they show.
fn after_gap(zone: Tz, wall: NaiveDateTime) -> Option<DateTime<Tz>> {
    // No gap is longer than a day.
    let minutes = 0..=i64::from(DAY);
    minutes
        .map(|minutes| wall + TimeDelta::minutes(minutes))
        .find_map(|wall| zone.from_local_datetime(&wall).earliest())
}

#[cfg(test)]
mod tests {
    use chrono::Offset as _;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
    }

    fn next(window: &str, now: &str, zone: &str) -> Timestamp {
        window.parse::<Window>().unwrap().next(at(now), Some(zone))
    }

    fn is_open(window: &str, now: &str) -> bool {
        next(window, now, "Europe/Amsterdam") == at(now)
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
        // In the night of 25 October it is half past two twice, and the window comes twice.
        for (now, begin) in [
            ("2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"),
            ("2026-10-25T00:50:00Z", "2026-10-25T01:30:00Z"),
        ] {
            assert_eq!(next("02:30-02:45", now, "Europe/Amsterdam"), at(begin));
        }
    }

    #[test]
    fn a_window_that_the_clocks_skip_is_held_in_full_after_the_gap() {
        let open = |now| is_open("02:30-02:45", now);
        assert!(!open("2026-03-29T00:59:59Z"));
        assert!(open("2026-03-29T01:00:00Z") && open("2026-03-29T01:14:59Z"));
        assert!(!open("2026-03-29T01:15:00Z"));
        // Of one that goes on after the gap, what the clocks show is what there is.
        let open = |now| is_open("02:30-03:10", now);
        assert!(open("2026-03-29T01:09:59Z") && !open("2026-03-29T01:10:00Z"));
    }

    /// How far the clocks of a zone are ahead of UTC, in seconds.
    fn shown_ahead(zone: &str, at: Timestamp) -> i32 {
        let zone: Tz = zone.parse().unwrap();
        DateTime::from_timestamp_millis(at.0).unwrap().with_timezone(&zone).offset().fix().local_minus_utc()
    }

    #[test]
    fn the_next_moment_is_the_first_that_is_open() {
        // Clocks that go forward, back, by half an hour, at midnight, and over a whole day.
        let changes = [
            ("Europe/Amsterdam", "2026-03-28T12:00:00Z"),
            ("Europe/Amsterdam", "2026-10-24T12:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T00:00:00Z"),
            ("America/Havana", "2026-03-07T12:00:00Z"),
            ("Pacific/Apia", "2011-12-29T12:00:00Z"),
        ];
        let windows = ["02:30-02:45", "01:50-02:10", "23:50-00:20", "22:00-05:00"];
        for (zone, begin) in changes {
            for window in windows.map(|window| window.parse::<Window>().unwrap()) {
                let minute = |minute: i64| Timestamp(at(begin).0 + minute * 60_000);
                // Backwards, so that the first open minute after each is known.
                let mut first = None;
                for now in (0..3 * i64::from(DAY) / 2).rev().map(minute) {
                    let next = window.next(now, Some(zone));
                    if next == now {
                        first = Some(now);
                    }
                    let Some(first) = first else { continue };
                    // Clocks that go back into the midst of a window that was open already do not begin it anew.
                    let is_again = shown_ahead(zone, first) < shown_ahead(zone, now) && next > first;
                    assert!(next == first || is_again, "{zone} {window} {now:?} {next:?} {first:?}");
                    assert_eq!(window.next(next, Some(zone)), next, "{zone} {window} {now:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_window_is_said() {
        for text in ["", "22:00", "22-05", "24:00-05:00", "22:60-05:00", "22:00-22:00", "a:b-c:d"] {
            assert_eq!(text.parse::<Window>(), Err(WindowError), "{text}");
        }
        assert_eq!("9:05-17:00".parse::<Window>().unwrap().to_string(), "09:05-17:00");
    }
}
