//! The life of a move: a license that goes from a user to the user's device, without the app ever being unlicensed.
//!
//! ```text
//! planned ─► assigning ─► assigned ─► telling ─► told ─► revoking ─► done
//!                │            │           │        │         └─────► refused(code)
//!                └────────────┴───────────┴────────┴───────────────► refused(code): the user keeps the license
//! ```
//!
//! First the device gets its license, then the MDM side installs the app anew with it, then the user's license is taken back
//! (rule S-27; <https://support.apple.com/guide/deployment/dep575bfed86/web>). The other way round cannot be done. Whatever
//! goes wrong before the last step leaves the user's license where it is.

use crate::change::State;
use crate::time::Timestamp;
use std::time::Duration;

/// Where a move has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MoveState {
    /// Written down; nothing has moved.
    Planned,
    /// The device's license is wished for.
    Assigning,
    /// Apple has confirmed the device's license.
    Assigned,
    /// The MDM side is being told, or has not confirmed yet.
    Telling,
    /// The MDM side has confirmed, or nobody had to be told. It waits for the user's other devices.
    Told,
    /// The user's license is being taken back.
    Revoking,
    /// The device has the license and the user no more.
    Done,
    /// It went no further, and `error_code` says why.
    Refused,
    /// Withdrawn before the user's license was touched.
    Cancelled,
}

impl MoveState {
    /// Every state, in the order of a move's life.
    pub const ALL: [Self; 9] = [
        Self::Planned,
        Self::Assigning,
        Self::Assigned,
        Self::Telling,
        Self::Told,
        Self::Revoking,
        Self::Done,
        Self::Refused,
        Self::Cancelled,
    ];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Assigning => "assigning",
            Self::Assigned => "assigned",
            Self::Telling => "telling",
            Self::Told => "told",
            Self::Revoking => "revoking",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing will happen to it any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        match self {
            Self::Done | Self::Refused | Self::Cancelled => true,
            Self::Planned
            | Self::Assigning
            | Self::Assigned
            | Self::Telling
            | Self::Told
            | Self::Revoking => false,
        }
    }

    /// Whether it can still be withdrawn: the user's license was not touched.
    #[must_use]
    pub fn may_be_withdrawn(self) -> bool {
        match self {
            Self::Planned | Self::Assigning | Self::Assigned | Self::Telling | Self::Told => true,
            Self::Revoking | Self::Done | Self::Refused | Self::Cancelled => false,
        }
    }

    /// Whether the life of a move may lead from here to `next` in one step.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Planned => matches!(next, Self::Assigning | Self::Refused | Self::Cancelled),
            Self::Assigning => {
                matches!(next, Self::Assigned | Self::Planned | Self::Refused | Self::Cancelled)
            }
            Self::Assigned => matches!(next, Self::Telling | Self::Told | Self::Refused | Self::Cancelled),
            Self::Telling => matches!(next, Self::Told | Self::Refused | Self::Cancelled),
            Self::Told => matches!(next, Self::Revoking | Self::Refused | Self::Cancelled),
            Self::Revoking => matches!(next, Self::Done | Self::Told | Self::Refused),
            // Only a retry of the job brings a refused one back.
            Self::Refused => matches!(next, Self::Planned),
            Self::Done | Self::Cancelled => false,
        }
    }

    /// As what a job counts it: its moves stand in its counts as changes do in those of other jobs.
    #[must_use]
    pub fn counts_as(self) -> State {
        match self {
            Self::Planned => State::Planned,
            Self::Assigning | Self::Assigned | Self::Telling | Self::Told | Self::Revoking => State::Accepted,
            Self::Done => State::Settled,
            Self::Refused => State::Refused,
            Self::Cancelled => State::Cancelled,
        }
    }
}

/// Who says that the app was installed with the device's license, so that the user's can be taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confirm {
    /// Nobody: the user's license goes as soon as Apple has confirmed the device's.
    #[default]
    None,
    /// Whoever calls the API to say so.
    Manual,
    /// The MDM side, which is called.
    Callback,
}

impl Confirm {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::None, Self::Manual, Self::Callback];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Manual => "manual",
            Self::Callback => "callback",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|confirm| confirm.as_str() == text)
    }
}

/// What is known about a wished move when it is submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whether the user holds the license or is about to; unknown while the location was never read whole.
    pub user_holds: Option<bool>,
    /// Whether the device holds it.
    pub device_holds: Option<bool>,
    /// The rule that forbids the device's license or taking the user's back, see
    /// [`rule_against`](crate::intake::rule_against).
    pub forbidden: Option<&'static str>,
}

/// What becomes of a wished move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// It is planned.
    Plan,
    /// It has been made before.
    AlreadyDone,
    /// It is refused, with a stable code.
    Refuse(&'static str),
}

/// Decides what becomes of a wished move.
///
/// ```
/// use russet_domain::moving::{First, Known, first};
///
/// let known = Known { user_holds: Some(false), device_holds: Some(true), forbidden: None };
/// assert_eq!(first(known), First::AlreadyDone);
/// ```
#[must_use]
pub fn first(known: Known) -> First {
    if let Some(code) = known.forbidden {
        return First::Refuse(code);
    }
    match (known.user_holds, known.device_holds) {
        (Some(false), Some(true)) => First::AlreadyDone,
        // A license for a device whose user never had one is a purchase, not a move.
        (Some(false), Some(false) | None) => First::Refuse("not_held_by_user"),
        (Some(true) | None, _) => First::Plan,
    }
}

/// What becomes of a move whose device's license has come to an end: the change's state and code.
///
/// `None` while there is none that has ended.
#[must_use]
pub fn after_assigning(state: State, code: Option<&str>) -> Option<(MoveState, Option<String>)> {
    match state {
        State::Settled => Some((MoveState::Assigned, None)),
        State::Refused => Some((MoveState::Refused, Some(code.unwrap_or("gave_up").to_owned()))),
        // Withdrawn by others, who know nothing of this move: it is wished for again.
        State::Cancelled if code == Some("withdrawn") => Some((MoveState::Planned, None)),
        State::Cancelled => Some((MoveState::Refused, Some(code.unwrap_or("replaced").to_owned()))),
        State::Planned | State::Sending | State::Accepted | State::Waitlisted | State::Held => None,
    }
}

/// What becomes of a move whose user's license has come to an end.
#[must_use]
pub fn after_revoking(state: State, code: Option<&str>) -> Option<(MoveState, Option<String>)> {
    match state {
        State::Settled => Some((MoveState::Done, None)),
        State::Refused => Some((MoveState::Refused, Some(code.unwrap_or("gave_up").to_owned()))),
        State::Cancelled if code == Some("withdrawn") => Some((MoveState::Told, None)),
        State::Cancelled => Some((MoveState::Refused, Some(code.unwrap_or("replaced").to_owned()))),
        State::Planned | State::Sending | State::Accepted | State::Waitlisted | State::Held => None,
    }
}

/// How the moves of one user's license of one asset stand together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Together {
    /// Devices of the user that are not ready, in this job or another one: planned up to telling.
    pub not_ready: u64,
    /// Devices whose move was refused or withdrawn in this job: they still live on the user's license.
    pub failed: u64,
    /// Ready devices that, as far as is known, have lost their license meanwhile.
    pub lost: u64,
}

/// What becomes of the ready moves of one user's license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// They wait for the user's other devices.
    Wait,
    /// The user's license is taken back.
    Revoke,
    /// The user keeps the license; the moves are refused with this code.
    Keep(&'static str),
}

/// Decides whether a user's license may be taken back: only when every device of that user in the job has its own.
///
/// ```
/// use russet_domain::moving::{Next, Together, together};
///
/// assert_eq!(together(Together::default()), Next::Revoke);
/// assert_eq!(together(Together { not_ready: 1, ..Together::default() }), Next::Wait);
/// ```
#[must_use]
pub fn together(group: Together) -> Next {
    match group {
        Together { lost: 1.., .. } => Next::Keep("device_license_gone"),
        Together { not_ready: 1.., .. } => Next::Wait,
        Together { failed: 1.., .. } => Next::Keep("kept_for_other_device"),
        Together { .. } => Next::Revoke,
    }
}

/// How long to wait before looking again at moves that wait for Apple: a tenth of the time that nothing has happened, at
/// least `least` and at most half a minute.
#[must_use]
pub fn look_again(last_news: Timestamp, now: Timestamp, least: Duration) -> Duration {
    (now.since(last_news) / 10).clamp(least, Duration::from_secs(30).max(least))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_stored_word_is_read_back() {
        for state in MoveState::ALL {
            assert_eq!(MoveState::from_text(state.as_str()), Some(state));
        }
        for confirm in Confirm::ALL {
            assert_eq!(Confirm::from_text(confirm.as_str()), Some(confirm));
        }
    }

    #[test]
    fn nothing_leads_to_revoking_but_a_device_that_has_its_license_and_was_told() {
        let before: Vec<MoveState> =
            MoveState::ALL.into_iter().filter(|state| state.may_become(MoveState::Revoking)).collect();
        assert_eq!(before, [MoveState::Told]);
        assert!(!MoveState::Planned.may_become(MoveState::Told));
        assert!(!MoveState::Assigning.may_become(MoveState::Told));
    }

    #[test]
    fn a_user_who_holds_nothing_has_nothing_to_move() {
        let known = Known { user_holds: Some(false), device_holds: Some(false), forbidden: None };
        assert_eq!(first(known), First::Refuse("not_held_by_user"));
        assert_eq!(first(Known { user_holds: None, device_holds: None, ..known }), First::Plan);
        assert_eq!(
            first(Known { forbidden: Some("not_revocable"), ..known }),
            First::Refuse("not_revocable")
        );
    }

    #[test]
    fn no_license_for_the_device_leaves_the_user_alone() {
        let (state, code) = after_assigning(State::Refused, Some("no_license_available")).unwrap();
        assert_eq!((state, code.as_deref()), (MoveState::Refused, Some("no_license_available")));
        let group = Together { failed: 1, ..Together::default() };
        assert_eq!(together(group), Next::Keep("kept_for_other_device"));
    }

    #[test]
    fn a_change_that_others_withdrew_is_wished_for_again_and_one_that_was_replaced_is_not() {
        assert_eq!(after_assigning(State::Cancelled, Some("withdrawn")), Some((MoveState::Planned, None)));
        let (state, code) = after_assigning(State::Cancelled, Some("replaced")).unwrap();
        assert_eq!((state, code.as_deref()), (MoveState::Refused, Some("replaced")));
        assert_eq!(after_revoking(State::Cancelled, Some("withdrawn")), Some((MoveState::Told, None)));
    }

    proptest! {
        #[test]
        fn a_license_is_taken_back_only_when_nothing_speaks_against_it(
            not_ready in 0_u64..3, failed in 0_u64..3, lost in 0_u64..3,
        ) {
            let next = together(Together { not_ready, failed, lost });
            prop_assert_eq!(next == Next::Revoke, not_ready + failed + lost == 0);
        }

        #[test]
        fn what_has_ended_only_comes_back_by_a_retry(from in 0_usize..9, to in 0_usize..9) {
            let (from, to) = (MoveState::ALL[from], MoveState::ALL[to]);
            if from.has_ended() && from.may_become(to) {
                prop_assert_eq!((from, to), (MoveState::Refused, MoveState::Planned));
            }
        }

        #[test]
        fn looking_again_is_neither_too_often_nor_too_seldom(silence in 0_i64..10_000_000) {
            let wait = look_again(Timestamp(0), Timestamp(silence), Duration::from_secs(1));
            prop_assert!(wait >= Duration::from_secs(1) && wait <= Duration::from_secs(30));
        }
    }
}
