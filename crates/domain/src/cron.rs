//! Reads cron expressions and tells when they tick.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, TimeZone};
use chrono_tz::Tz;
use cron::Schedule;

use crate::Timestamp;

/// When something is due, again and again.
#[derive(Clone, Debug)]
pub struct Cron {
    schedule: Schedule,
    zone: Tz,
}

/// Why an expression or time zone is not one.
#[derive(Debug, thiserror::Error)]
pub enum CronError {
    /// The expression cannot be read.
    #[error(
        "“{text}” is no cron expression: {why}; write five fields (minute hour day month weekday), as in “0 */12 * * *”"
    )]
    Expression {
        /// What was written.
        text: String,
        /// What the parser says.
        why: String,
    },
    /// The time zone is unknown.
    #[error("“{0}” is no time zone; write an IANA name such as “Europe/Amsterdam” or “UTC”")]
    Zone(String),
}

impl Cron {
    /// Reads an expression of five fields, or six with seconds in front. An empty one is `None`: never.
    ///
    /// # Errors
    /// When the expression or the time zone cannot be read.
    pub fn read(text: &str, zone: &str) -> Result<Option<Self>, CronError> {
        let zone = Tz::from_str(zone).map_err(|_| CronError::Zone(zone.to_owned()))?;
        let text = text.trim();
        let with_seconds = match text.split_whitespace().count() {
            0 => return Ok(None),
            5 => format!("0 {text}"),
            _ => text.to_owned(),
        };
        let schedule = Schedule::from_str(&with_seconds)
            .map_err(|error| CronError::Expression { text: text.to_owned(), why: error.to_string() })?;
        Ok(Some(Self { schedule, zone }))
    }

    /// The ticks that decide who is due now: worked out once for all tokens that share the expression.
    #[must_use]
    pub fn ticks(&self, now: Timestamp) -> Ticks {
        let tick = |at: Timestamp| Tick { at, interval: self.interval(at) };
        let newest = self.before(now);
        // The tick before the newest still has tokens whose place has not come.
        let older = newest.and_then(|at| self.before(at.minus(Duration::from_millis(1))));
        Ticks { now, newest: newest.map(tick), older: older.map(tick) }
    }

    /// [`Ticks::is_due`] for a single token.
    #[must_use]
    pub fn is_due(&self, token: i64, after: Timestamp, now: Timestamp, spread: bool) -> bool {
        self.ticks(now).is_due(token, after, spread)
    }

    /// The longest time between two of the next ticks after `now`: how old news may become. None when nothing comes.
    #[must_use]
    pub fn longest_gap(&self, now: Timestamp) -> Option<Duration> {
        // A week of ticks shows every rhythm that people write, and seconds are not worth more than a look.
        const LOOKED_AT: usize = 400;
        let at = self.moment(now)?;
        let ticks: Vec<i64> =
            self.schedule.after(&at).take(LOOKED_AT).map(|tick| tick.timestamp_millis()).collect();
        let gaps = ticks.windows(2).map(|pair| Timestamp(pair[1]).since(Timestamp(pair[0])));
        gaps.max()
    }

    /// The time from a tick to the one after it.
    fn interval(&self, tick: Timestamp) -> Duration {
        let next = self.moment(tick).and_then(|at| self.schedule.after(&at).next());
        next.map_or(Duration::ZERO, |next| Timestamp(next.timestamp_millis()).since(tick))
    }

    fn before(&self, now: Timestamp) -> Option<Timestamp> {
        // The iterator leaves its start out, and a tick at this very moment is due.
        let at = self.moment(now.plus(Duration::from_millis(1)))?;
        self.schedule.after(&at).next_back().map(|tick| Timestamp(tick.timestamp_millis()))
    }

    fn moment(&self, at: Timestamp) -> Option<DateTime<Tz>> {
        self.zone.timestamp_millis_opt(at.0).single()
    }
}

/// The last two ticks before a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    now: Timestamp,
    newest: Option<Tick>,
    older: Option<Tick>,
}

/// A tick, and how long it is until the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tick {
    at: Timestamp,
    interval: Duration,
}

impl Ticks {
    /// Whether the moment of `token` lies after `after` and not after now. However many of its moments do, it is due once:
    /// what was missed is made up for once.
    ///
    /// Its moment is the tick itself, or its own place between this tick and the next when tokens are `spread`.
    #[must_use]
    pub fn is_due(&self, token: i64, after: Timestamp, spread: bool) -> bool {
        let moment = |tick: Tick| if spread { tick.at.plus(place(token, tick.interval)) } else { tick.at };
        let moments = [self.newest, self.older].into_iter().flatten().map(moment);
        moments.into_iter().any(|moment| after < moment && moment <= self.now)
    }
}

/// Where in the interval a token has its place: the same in every round, spread evenly over all tokens.
///
/// It is a fixed hash (FNV-1a) of the token's number and no random one, so that a restart moves nobody.
#[must_use]
fn place(token: i64, interval: Duration) -> Duration {
    let hash = token.to_le_bytes().into_iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let share = (hash >> 11) as f64 / (1_u64 << 53) as f64;
    interval.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
    }

    fn cron(text: &str, zone: &str) -> Cron {
        Cron::read(text, zone).unwrap().unwrap()
    }

    fn due(cron: &Cron, after: &str, now: &str) -> bool {
        cron.is_due(7, at(after), at(now), false)
    }

    #[test]
    fn twice_a_day_ticks_at_noon_and_midnight() {
        let cron = cron("0 */12 * * *", "UTC");
        assert!(due(&cron, "2026-03-01T00:00:00Z", "2026-03-01T12:00:00Z"));
        assert!(!due(&cron, "2026-03-01T12:00:00Z", "2026-03-01T23:59:59Z"));
        assert_eq!(cron.interval(at("2026-03-01T12:00:00Z")), Duration::from_secs(12 * 3600));
    }

    #[test]
    fn a_token_that_is_spread_is_due_once_between_two_ticks() {
        let cron = cron("0 */12 * * *", "UTC");
        let minute = |n: i64| at("2026-03-01T00:00:00Z").plus(Duration::from_secs(60 * n as u64));
        for token in 0..50 {
            let due = (0..1440).filter(|n| cron.is_due(token, minute(*n), minute(n + 1), true)).count();
            assert_eq!(due, 2, "token {token} in a day of two ticks");
        }
    }

    #[test]
    fn a_token_is_due_once_after_a_week_of_silence() {
        let cron = cron("0 */12 * * *", "UTC");
        let (after, now) = (at("2026-03-01T00:00:00Z"), at("2026-03-08T13:00:00Z"));
        assert!((0..50).all(|token| cron.is_due(token, after, now, true)));
    }

    #[test]
    fn midnight_is_midnight_where_the_administrator_lives() {
        let cron = cron("0 0 * * *", "America/New_York");
        assert!(!due(&cron, "2026-07-01T00:30:00Z", "2026-07-01T03:59:59Z"));
        assert!(due(&cron, "2026-07-01T00:30:00Z", "2026-07-01T04:00:00Z"));
    }

    #[test]
    fn the_hour_that_summer_time_skips_does_not_stop_the_schedule() {
        let cron = cron("30 2 * * *", "Europe/Amsterdam");
        assert!(due(&cron, "2026-03-29T12:00:00Z", "2026-03-30T00:30:00Z"));
    }

    #[test]
    fn the_hour_that_comes_twice_when_summer_time_ends_ticks_once() {
        // Amsterdam, 2026-10-25: from 3:00 back to 2:00, which is 1:00 in UTC.
        let cron = cron("30 2 * * *", "Europe/Amsterdam");
        let minute = |n: i64| at("2026-10-24T12:00:00Z").plus(Duration::from_secs(60 * n as u64));
        let mut last = minute(0);
        let mut fired = Vec::new();
        for now in (1..=36 * 60).map(minute) {
            if cron.is_due(7, last, now, false) {
                fired.push(now);
                last = now;
            }
        }
        assert!(!fired.is_empty(), "the night has a tick");
        assert!(
            fired.windows(2).all(|pair| pair[1].since(pair[0]) >= Duration::from_secs(3_600)),
            "{fired:?}"
        );
        assert!(fired.len() <= 2, "{fired:?}");
    }

    #[test]
    fn a_clock_that_is_set_back_fires_nothing_twice() {
        let cron = cron("0 */12 * * *", "UTC");
        // Fired at noon by a clock that ran five minutes ahead, and asked again by one that is right.
        assert!(due(&cron, "2026-03-01T00:00:00Z", "2026-03-01T12:00:00Z"));
        assert!(!due(&cron, "2026-03-01T12:00:00Z", "2026-03-01T11:55:00Z"));
        assert!(!due(&cron, "2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"));
        assert!(due(&cron, "2026-03-01T12:00:00Z", "2026-03-02T00:00:00Z"));
    }

    #[test]
    fn the_longest_gap_is_the_one_over_the_weekend() {
        let noon = at("2026-03-02T12:00:00Z");
        let gap = |text: &str| cron(text, "UTC").longest_gap(noon);
        assert_eq!(gap("0 */12 * * *"), Some(Duration::from_secs(12 * 3_600)));
        assert_eq!(gap("0 6 * * Mon-Fri"), Some(Duration::from_secs(72 * 3_600)));
    }

    #[test]
    fn a_wrong_expression_is_named_with_an_example() {
        let error = Cron::read("every day", "UTC").unwrap_err();
        assert!(error.to_string().contains("0 */12 * * *"), "{error}");
        assert!(Cron::read("0 0 * * *", "Mars/Base").unwrap_err().to_string().contains("Mars/Base"));
        assert!(Cron::read("  ", "UTC").unwrap().is_none());
    }

    #[test]
    fn three_thousand_tokens_are_spread_evenly() {
        let day = Duration::from_secs(12 * 3600);
        let mut hours = [0; 12];
        for token in 0..3000 {
            hours[(place(token, day).as_secs() / 3600) as usize] += 1;
        }
        assert!(hours.iter().all(|count| (150..350).contains(count)), "{hours:?}");
    }
}
