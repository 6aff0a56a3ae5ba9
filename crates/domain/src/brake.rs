//! Brakes: how many licenses may be taken back within an hour before somebody else has to agree.
//!
//! A feed that loses a group, or a hand that slips, takes licenses and the data of apps from thousands of devices within minutes, and
//! nothing brings the data back. So a token can have a limit, as a number and as a share of what is held; a job that would go beyond it
//! is held whole until a second API key approves it.

use std::time::Duration;

use crate::policy::Policies;

/// How far back licenses count that were taken back.
pub const WINDOW: Duration = Duration::from_hours(1);
/// How long a job may wait for an approval before what it wanted is refused.
pub const PATIENCE: Duration = Duration::from_hours(7 * 24);
/// A share counts from so many licenses on: of three, one is a third.
pub const SHARE_FROM: u64 = 25;

/// What was taken back and what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Licenses taken back, or about to be, within the last hour, that nobody approved.
    pub recent: u64,
    /// Of those, how many have come back.
    pub back: u64,
    /// Licenses that are held.
    pub held: u64,
}

/// The limits of a token; nothing is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brakes {
    /// Licenses within an hour.
    pub licenses: Option<u64>,
    /// Percent of the licenses held, within an hour.
    pub percent: Option<u64>,
}

impl Brakes {
    /// Those that the policies set.
    #[must_use]
    pub fn of(policies: &Policies) -> Self {
        Self { licenses: policies.number("brake_revocations"), percent: policies.number("brake_percent") }
    }

    /// Whether there are none.
    #[must_use]
    pub fn are_off(&self) -> bool {
        *self == Self::default()
    }

    /// Why `more` licenses may not be taken back without an approval, in a sentence; nothing when they may.
    ///
    /// ```
    /// use russet_domain::brake::{Brakes, Standing};
    ///
    /// let brakes = Brakes { licenses: Some(200), percent: None };
    /// let standing = Standing { recent: 150, back: 150, held: 10_000 };
    /// assert!(brakes.trip(&standing, 50).is_none());
    /// assert!(brakes.trip(&standing, 51).is_some());
    /// ```
    #[must_use]
    pub fn trip(&self, standing: &Standing, more: u64) -> Option<String> {
        if more == 0 {
            return None;
        }
        let all = standing.recent.saturating_add(more);
        if let Some(most) = self.licenses.filter(|most| all > *most) {
            return Some(format!(
                "{all} licenses would be taken back within an hour, and `brake_revocations` allows {most}"
            ));
        }
        let before = standing.held.saturating_add(standing.back);
        let is_beyond =
            |percent: &u64| all >= SHARE_FROM && all.saturating_mul(100) > before.saturating_mul(*percent);
        self.percent.filter(is_beyond).map(|percent| {
            format!(
                "{all} of {before} licenses would be taken back within an hour, and `brake_percent` allows {percent} %"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Brakes, Standing};
    use crate::policy::Policies;

    #[test]
    fn without_a_decision_there_are_none() {
        let brakes = Brakes::of(&Policies::default());
        assert!(brakes.are_off());
        assert_eq!(brakes.trip(&Standing { recent: u64::MAX, back: 0, held: 0 }, u64::MAX), None);
    }

    #[test]
    fn a_share_is_of_what_was_held_an_hour_ago_and_counts_for_many() {
        let brakes = Brakes { licenses: None, percent: Some(10) };
        // Ninety came back already: of the thousand that were held, a hundred may.
        let standing = Standing { recent: 90, back: 90, held: 910 };
        assert_eq!(brakes.trip(&standing, 10), None);
        assert!(brakes.trip(&standing, 11).unwrap().contains("101 of 1000"));
        let few = Standing { recent: 0, back: 0, held: 30 };
        assert_eq!(brakes.trip(&few, 24), None);
        assert!(brakes.trip(&few, 25).is_some());
    }

    #[test]
    fn what_a_policy_says_is_read_and_off_is_no_limit() {
        let decided = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let policies = Policies::of([decided("brake_revocations", "200"), decided("brake_percent", "off")]);
        assert_eq!(Brakes::of(&policies), Brakes { licenses: Some(200), percent: None });
    }

    proptest! {
        /// Whatever passes in parts would have passed up to there: the brake cannot be got round by asking in small pieces.
        #[test]
        fn pieces_do_not_get_round_it(
            most in 1_u64..500,
            percent in 1_u64..100,
            held in 0_u64..1_000,
            pieces in proptest::collection::vec(1_u64..100, 1..20),
        ) {
            let brakes = Brakes { licenses: Some(most), percent: Some(percent) };
            let mut standing = Standing { recent: 0, back: 0, held };
            for piece in pieces {
                if brakes.trip(&standing, piece).is_none() {
                    standing.recent += piece;
                }
            }
            prop_assert!(standing.recent <= most);
            prop_assert!(standing.recent < super::SHARE_FROM || standing.recent * 100 <= held * percent);
        }
    }
}
