//! What Apple's word makes of a wish for a user.

use super::{Deed, Found, Registration};
use crate::apple_error::{Meaning, code, meaning};
use crate::change::ATTEMPTS_MAX;
use crate::patience::apple_backoff;
use crate::time::Timestamp;

/// What Apple said about one user of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is done.
    Done,
    /// It is not done.
    Failed {
        /// Apple's `errorNumber`, where it gave one.
        number: Option<i32>,
    },
    /// Nothing, and reading back shows that it is not done.
    FoundMissing,
}

/// What Apple's word says about the user himself, whatever becomes of the wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing.
    Nothing,
    /// He is registered; whether he is associated, his record tells.
    IsActive,
    /// Apple has him as retired.
    IsRetired,
    /// Apple has no such user.
    IsAbsent,
}

/// What becomes of the work on a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The wish is true.
    Settled,
    /// It will never be.
    Refused {
        /// Stable name of the reason, see [`crate::apple_error::code`].
        code: String,
        /// Apple's number, where it gave one.
        number: Option<i32>,
    },
    /// It is looked at again, not before `not_before`: perhaps something else has to be asked for now.
    Again {
        /// The earliest moment of the next request.
        not_before: Timestamp,
        /// Apple's number, where it gave one.
        number: Option<i32>,
    },
}

/// What becomes of a user and the work on his wish after Apple's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What becomes of the work.
    pub end: End,
    /// What is known of the user now.
    pub learned: Learned,
}

/// Apple's number for a user who is there already.
const EXISTS: i32 = 9716;

/// What becomes of a deed that was sent `attempts` times (this one included) after Apple's word.
///
/// `unit` is a random number in `[0, 1)` for the backoff. Numbers:
/// <https://developer.apple.com/documentation/devicemanagement/handling-error-responses>.
///
/// ```
/// use russet_domain::user_registration::{after, Deed, End, Learned, Word};
/// use russet_domain::Timestamp;
///
/// // A user who exists is taken as he is; what the wish says beyond that is asked for next.
/// let outcome = after(Deed::Create, Word::Failed { number: Some(9716) }, 1, Timestamp(5), 0.5);
/// assert_eq!(outcome.learned, Learned::IsActive);
/// assert_eq!(outcome.end, End::Again { not_before: Timestamp(5), number: Some(9716) });
/// ```
#[must_use]
pub fn after(deed: Deed, word: Word, attempts: u32, now: Timestamp, unit: f64) -> Outcome {
    let number = match word {
        Word::Done => return Outcome { end: End::Settled, learned: done(deed) },
        Word::FoundMissing => return again(attempts, None, now, Learned::Nothing),
        Word::Failed { number } => number,
    };
    match (deed, number) {
        (Deed::Create, Some(EXISTS)) => again(attempts, number, now, Learned::IsActive),
        // Retired behind our back, or never there: what updates him is now to register him.
        (Deed::Update, Some(9609 | 9618 | 9620 | 9636)) => again(attempts, number, now, gone(number)),
        (Deed::Retire, Some(9609 | 9618 | 9620 | 9636)) => {
            Outcome { end: End::Settled, learned: gone(number) }
        }
        (Deed::Create | Deed::Update | Deed::Retire, _) => {
            Outcome { end: failed(number, attempts, now, unit), learned: Learned::Nothing }
        }
    }
}

fn done(deed: Deed) -> Learned {
    match deed {
        Deed::Create | Deed::Update => Learned::IsActive,
        Deed::Retire => Learned::IsRetired,
    }
}

fn gone(number: Option<i32>) -> Learned {
    if matches!(number, Some(9618 | 9620)) { Learned::IsRetired } else { Learned::IsAbsent }
}

fn again(attempts: u32, number: Option<i32>, now: Timestamp, learned: Learned) -> Outcome {
    let end = if attempts >= ATTEMPTS_MAX {
        End::Refused { code: "gave_up".to_owned(), number }
    } else {
        End::Again { not_before: now, number }
    };
    Outcome { end, learned }
}

fn failed(number: Option<i32>, attempts: u32, now: Timestamp, unit: f64) -> End {
    let is_final = match number.map(meaning) {
        // A failure without a number says nothing about the next time.
        None | Some(Meaning::Later | Meaning::TooFast | Meaning::Replan) => false,
        Some(
            Meaning::Wrong
            | Meaning::TokenDead
            | Meaning::Forbidden
            | Meaning::NeedsPerson
            | Meaning::NoLicense
            | Meaning::AlreadySo,
        ) => true,
    };
    if is_final || attempts >= ATTEMPTS_MAX {
        return End::Refused { code: number.map_or("gave_up", code).to_owned(), number };
    }
    let wait = apple_backoff(attempts.saturating_sub(1)).delay(attempts.saturating_sub(1), unit);
    End::Again { not_before: now.plus(wait), number }
}

/// What a record that was read back says of a deed. `failure` is what the event's list of failures has on the user, if he
/// is in it.
#[must_use]
pub fn read_back(deed: Deed, before: &Registration, found: &Found, failure: Option<Option<i32>>) -> Word {
    let mut seen = before.seen(found);
    seen.wish = deed.wish();
    if failure.is_some() {
        // What Apple refused is not taken for done only because nothing shows the contrary.
        seen.confirmed.managed_apple_id.clone_from(&before.confirmed.managed_apple_id);
    }
    let is_done = match deed {
        Deed::Create | Deed::Update => seen.next().is_none(),
        Deed::Retire => !seen.is_active(),
    };
    match (is_done, failure) {
        (true, _) => Word::Done,
        (false, Some(number)) => Word::Failed { number },
        (false, None) => Word::FoundMissing,
    }
}
