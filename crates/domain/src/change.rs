//! The life of a change: one wanted movement of one license, from the wish to its end.
//!
//! ```text
//! planned ─► sending(request) ─► accepted(event) ─► settled
//!    │            │                   │  └────────► refused(why)
//!    │            └─ lost reply ──────┤
//!    │                                └───────────► planned again
//!    ├─► waitlisted ─► planned
//!    │   held ─► planned                            when somebody approves
//!    └─► cancelled
//! ```

use crate::apple_error::{Meaning, meaning};
use crate::patience::apple_backoff;
use crate::time::Timestamp;

/// Which way a license is to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Give the license to the holder.
    Assign,
    /// Take it back.
    Revoke,
}

impl Action {
    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Revoke => "revoke",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Assign, Self::Revoke].into_iter().find(|action| action.as_str() == text)
    }
}

/// Where one change has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Written down; Apple has not been told.
    Planned,
    /// Its request is written down and may have left; Apple's answer is not known.
    Sending,
    /// Apple took the request and settles it in its own time.
    Accepted,
    /// The license is where it was wanted.
    Settled,
    /// It will not move, and `error_code` says why.
    Refused,
    /// No license is free; it waits for one.
    Waitlisted,
    /// More would be taken back than the brakes allow; it waits for an approval.
    Held,
    /// Withdrawn, or replaced by a newer wish, before it was sent.
    Cancelled,
}

impl State {
    /// Every state, in the order of a change's life.
    pub const ALL: [Self; 8] = [
        Self::Planned,
        Self::Sending,
        Self::Accepted,
        Self::Settled,
        Self::Refused,
        Self::Waitlisted,
        Self::Held,
        Self::Cancelled,
    ];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Settled => "settled",
            Self::Refused => "refused",
            Self::Waitlisted => "waitlisted",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether Apple may be working on it.
    #[must_use]
    pub fn is_in_flight(self) -> bool {
        match self {
            Self::Sending | Self::Accepted => true,
            Self::Planned
            | Self::Settled
            | Self::Refused
            | Self::Waitlisted
            | Self::Held
            | Self::Cancelled => false,
        }
    }

    /// Whether nothing will happen to it any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        match self {
            Self::Settled | Self::Refused | Self::Cancelled => true,
            Self::Planned | Self::Sending | Self::Accepted | Self::Waitlisted | Self::Held => false,
        }
    }

    /// Whether the life of a change may lead from here to `next` in one step.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Planned => {
                matches!(
                    next,
                    Self::Sending | Self::Settled | Self::Refused | Self::Waitlisted | Self::Cancelled
                )
            }
            Self::Sending => {
                matches!(next, Self::Accepted | Self::Planned | Self::Settled | Self::Refused)
            }
            Self::Accepted => matches!(next, Self::Planned | Self::Settled | Self::Refused),
            Self::Waitlisted | Self::Held => {
                matches!(next, Self::Planned | Self::Refused | Self::Cancelled)
            }
            Self::Settled | Self::Refused | Self::Cancelled => false,
        }
    }
}

/// What Apple said about one license of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It moved.
    Moved,
    /// It did not move.
    Failed {
        /// Apple's `errorNumber`, where it gave one.
        number: Option<i32>,
    },
    /// Nothing, but reading back shows the license where it was wanted.
    FoundInPlace,
    /// Nothing, and reading back shows that it did not move.
    FoundMissing,
}

/// What a change becomes after Apple's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The license is where it was wanted.
    Settled,
    /// It will never be.
    Refused {
        /// Stable name of the reason, see [`crate::apple_error::code`].
        code: String,
        /// Apple's number, where it gave one.
        number: Option<i32>,
    },
    /// Sent again, not before `not_before`.
    Again {
        /// The earliest moment of the next request.
        not_before: Timestamp,
        /// Apple's number, where it gave one.
        number: Option<i32>,
    },
}

/// How often one change is sent before Apple's "later" is taken for a "no".
///
/// With [`apple_backoff`] this is some four hours of trying.
pub const ATTEMPTS_MAX: u32 = 20;

/// What becomes of a change that was sent `attempts` times (this one included), after Apple's word.
///
/// `unit` is a random number in `[0, 1)` for the backoff.
///
/// ```
/// use russet_domain::change::{after, Action, Outcome, Word};
/// use russet_domain::Timestamp;
///
/// // Apple calls an assignment that already stands an error; for us it is the wish fulfilled.
/// let word = Word::Failed { number: Some(9616) };
/// assert_eq!(after(Action::Assign, &word, 1, Timestamp(0), 0.5), Outcome::Settled);
/// ```
#[must_use]
pub fn after(action: Action, word: &Word, attempts: u32, now: Timestamp, unit: f64) -> Outcome {
    let number = match word {
        Word::Moved | Word::FoundInPlace => return Outcome::Settled,
        Word::FoundMissing => None,
        Word::Failed { number } => *number,
    };
    if number.is_some_and(|number| already_so(action, number)) {
        return Outcome::Settled;
    }
    let final_answer = match (word, number.map(meaning)) {
        (Word::FoundMissing, _) | (_, Some(Meaning::Later | Meaning::TooFast | Meaning::Replan)) => false,
        (_, Some(_)) => true,
        // A failure without a number says nothing about the next time.
        (_, None) => false,
    };
    if final_answer || attempts >= ATTEMPTS_MAX {
        let code = number.map_or("gave_up", crate::apple_error::code).to_owned();
        return Outcome::Refused { code, number };
    }
    let wait = apple_backoff(attempts.saturating_sub(1)).delay(attempts.saturating_sub(1), unit);
    let wait = if *word == Word::FoundMissing { std::time::Duration::ZERO } else { wait };
    Outcome::Again { not_before: now.plus(wait), number }
}

/// Whether Apple's error says that the license already is where it was wanted: "already assigned" for an assign,
/// "not associated" for a revoke
/// (<https://developer.apple.com/documentation/devicemanagement/interpreting-error-codes>).
#[must_use]
pub fn already_so(action: Action, number: i32) -> bool {
    match action {
        Action::Assign => number == 9616,
        Action::Revoke => number == 9619,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_license_free_is_a_final_no() {
        let word = Word::Failed { number: Some(9709) };
        let outcome = after(Action::Assign, &word, 1, Timestamp(0), 0.0);
        assert_eq!(outcome, Outcome::Refused { code: "no_license_available".to_owned(), number: Some(9709) });
    }

    #[test]
    fn an_internal_error_at_apple_is_tried_again_later() {
        let word = Word::Failed { number: Some(9603) };
        match after(Action::Assign, &word, 1, Timestamp(1000), 0.5) {
            Outcome::Again { not_before, .. } => assert!(not_before > Timestamp(1000)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_stored_word_is_read_back() {
        for state in State::ALL {
            assert_eq!(State::from_text(state.as_str()), Some(state));
        }
    }

    #[test]
    fn a_change_in_flight_cannot_be_cancelled() {
        assert!(!State::Sending.may_become(State::Cancelled));
        assert!(!State::Accepted.may_become(State::Cancelled));
    }

    proptest! {
        #[test]
        fn trying_ends(number in 9600_i32..9900, assign in any::<bool>(), unit in 0.0_f64..1.0) {
            let action = if assign { Action::Assign } else { Action::Revoke };
            let word = Word::Failed { number: Some(number) };
            let outcome = after(action, &word, ATTEMPTS_MAX, Timestamp(0), unit);
            let again = matches!(outcome, Outcome::Again { .. });
            prop_assert!(!again);
        }

        #[test]
        fn an_end_stays_an_end(from in 0_usize..8, to in 0_usize..8) {
            let (from, to) = (State::ALL[from], State::ALL[to]);
            if from.has_ended() {
                prop_assert!(!from.may_become(to));
            }
        }
    }
}
