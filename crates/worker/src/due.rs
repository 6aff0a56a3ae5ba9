//! Which tokens are due, by the schedule of all or by one of their own.

use std::collections::HashMap;

use russet_domain::cron::{Cron, Ticks};
use russet_domain::sync_schedule::SyncSchedule;
use russet_domain::{Timestamp, TokenId};
use russet_store::tokens::ToSync;

/// The most expressions that are remembered; more than as many tokens have, and then all is read anew.
const REMEMBERED_MAX: usize = 10_000;

/// Reads each expression of tokens' own once.
#[derive(Default)]
pub(crate) struct OwnCrons(HashMap<String, Option<Cron>>);

impl OwnCrons {
    /// The expression, when it can be read. It was checked when it was written, so that another one is a hand's in the
    /// database: it never fires.
    fn read(&mut self, text: &str, zone: &str) -> Option<&Cron> {
        if self.0.len() >= REMEMBERED_MAX {
            self.0.clear();
        }
        let read = || Cron::read(text, zone).ok().flatten();
        self.0.entry(text.to_owned()).or_insert_with(read).as_ref()
    }
}

/// The schedule that holds for tokens without their own.
pub(crate) struct Common<'a> {
    /// Nothing when tokens are not synced by themselves.
    pub(crate) cron: Option<&'a Cron>,
    /// The time zone of all expressions.
    pub(crate) zone: &'a str,
    /// Whether tokens get places of their own between two ticks.
    pub(crate) spread: bool,
}

/// The tokens with a moment after `last` and not after `now`.
pub(crate) fn due_syncs(
    tokens: &[ToSync],
    common: &Common<'_>,
    own: &mut OwnCrons,
    last: Timestamp,
    now: Timestamp,
) -> Vec<TokenId> {
    let usual = common.cron.map(|cron| cron.ticks(now));
    // Thousands of tokens share few expressions.
    let mut known: HashMap<&str, Option<Ticks>> = HashMap::new();
    let mut due = Vec::new();
    for token in tokens {
        let ticks = match &token.schedule {
            SyncSchedule::Default => usual,
            SyncSchedule::Never => None,
            SyncSchedule::Own(text) => {
                *known.entry(text).or_insert_with(|| own.read(text, common.zone).map(|cron| cron.ticks(now)))
            }
        };
        let after = token.since.map_or(last, |since| since.max(last));
        if ticks.is_some_and(|ticks| ticks.is_due(token.id.0, after, common.spread)) {
            due.push(token.id);
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn token(id: i64, schedule: SyncSchedule, since: Option<i64>) -> ToSync {
        ToSync { id: TokenId(id), schedule, since: since.map(Timestamp) }
    }

    fn due(tokens: &[ToSync], last: i64, now: i64) -> Vec<i64> {
        let usual = Cron::read("0 */12 * * *", "UTC").unwrap();
        let common = Common { cron: usual.as_ref(), zone: "UTC", spread: false };
        let found = due_syncs(tokens, &common, &mut OwnCrons::default(), Timestamp(last), Timestamp(now));
        found.into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn each_token_is_due_by_its_own_schedule_or_by_that_of_all() {
        let own = |text: &str| SyncSchedule::Own(text.to_owned());
        let tokens = [
            token(1, SyncSchedule::Default, None),
            token(2, SyncSchedule::Never, None),
            token(3, own("0 * * * *"), None),
            token(4, own("not one"), None),
        ];
        assert_eq!(due(&tokens, 11 * HOUR + 1, 12 * HOUR), [1, 3]);
        assert_eq!(due(&tokens, 12 * HOUR, 13 * HOUR), [3]);
        assert_eq!(due(&tokens, 13 * HOUR, 13 * HOUR + 1), [0; 0]);
    }

    #[test]
    fn a_schedule_does_not_fire_for_moments_before_it_was_set() {
        let hourly = SyncSchedule::Own("0 * * * *".to_owned());
        let tokens = [token(1, hourly.clone(), Some(5 * HOUR + 1)), token(2, hourly, Some(4 * HOUR))];
        // The schedule as a whole last fired in the night.
        assert_eq!(due(&tokens, 0, 5 * HOUR + 2), [2]);
        assert_eq!(due(&tokens, 0, 6 * HOUR), [1, 2]);
    }

    #[test]
    fn without_a_schedule_for_all_only_tokens_with_their_own_are_due() {
        let tokens = [
            token(1, SyncSchedule::Default, None),
            token(2, SyncSchedule::Own("0 6 * * *".to_owned()), None),
        ];
        let common = Common { cron: None, zone: "Europe/Amsterdam", spread: false };
        let mut own = OwnCrons::default();
        // Six o'clock there is five in UTC.
        let found = due_syncs(&tokens, &common, &mut own, Timestamp(4 * HOUR), Timestamp(5 * HOUR));
        assert_eq!(found, [TokenId(2)]);
    }

    #[test]
    fn five_thousand_tokens_are_looked_through_in_a_moment() {
        let tokens: Vec<_> = (0..5_000)
            .map(|id| match id % 3 {
                0 => token(id, SyncSchedule::Own(format!("{} 3 * * *", id % 60)), None),
                _ => token(id, SyncSchedule::Default, None),
            })
            .collect();
        let usual = Cron::read("0 */12 * * *", "UTC").unwrap();
        let common = Common { cron: usual.as_ref(), zone: "UTC", spread: true };
        let mut own = OwnCrons::default();
        let began = std::time::Instant::now();
        let mut found = 0;
        for second in 0..10 {
            let now = Timestamp(30 * HOUR + second * 1_000);
            found += due_syncs(&tokens, &common, &mut own, now.minus(Duration::from_secs(1)), now).len();
        }
        // Ten looks of a leader; one may take a tenth of the second that lies between two of them.
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(found < 20, "{found}");
    }
}
