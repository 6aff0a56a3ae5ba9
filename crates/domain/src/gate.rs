//! The life of a gate: an app that a holder is made ready for, so that nobody sends the install before Apple has confirmed the
//! license (pains 1 to 6).
//!
//! ```text
//! licensing ─► ready                                       the caller installs
//!   │  ▲  └──► installing ─► installed | failed            we do
//!   ▼  │
//! waitlisted ──────────────► refused | cancelled
//! ```

use crate::change::State;
use crate::install::InstallState;

/// Where a gate has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GateState {
    /// The license was asked for, and Apple has not confirmed it yet.
    Licensing,
    /// No license is free; it waits in line, and whoever waits for it may go on.
    Waitlisted,
    /// Apple has confirmed the license; the app can be installed.
    Ready,
    /// Apple has confirmed the license, and the app is on its way to the device.
    Installing,
    /// The device reports the app.
    Installed,
    /// There will be no license, and `code` says why.
    Refused,
    /// There is a license, and the app does not get onto the device; `code` says why.
    Failed,
    /// Withdrawn before there was a license.
    Cancelled,
}

impl GateState {
    /// Every state, in the order of a gate's life.
    pub const ALL: [Self; 8] = [
        Self::Licensing,
        Self::Waitlisted,
        Self::Ready,
        Self::Installing,
        Self::Installed,
        Self::Refused,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word stored, told and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Licensing => "licensing",
            Self::Waitlisted => "waitlisted",
            Self::Ready => "ready",
            Self::Installing => "installing",
            Self::Installed => "installed",
            Self::Refused => "refused",
            Self::Failed => "failed",
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
            Self::Ready | Self::Installed | Self::Refused | Self::Failed | Self::Cancelled => true,
            Self::Licensing | Self::Waitlisted | Self::Installing => false,
        }
    }

    /// Whether the caller is told when it gets here. What is still asked of Apple is no news, nor that the install has begun.
    #[must_use]
    pub fn is_news(self) -> bool {
        match self {
            Self::Waitlisted
            | Self::Ready
            | Self::Installed
            | Self::Refused
            | Self::Failed
            | Self::Cancelled => true,
            Self::Licensing | Self::Installing => false,
        }
    }

    /// As what a job counts it: its gates stand in its counts as changes do in those of other jobs.
    #[must_use]
    pub fn counts_as(self) -> State {
        match self {
            Self::Licensing => State::Planned,
            Self::Installing => State::Accepted,
            Self::Waitlisted => State::Waitlisted,
            Self::Ready | Self::Installed => State::Settled,
            Self::Refused | Self::Failed => State::Refused,
            Self::Cancelled => State::Cancelled,
        }
    }
}

/// Where a gate goes whose license's change has got to `change`; nothing when it stays where it is.
#[must_use]
pub fn after_change(gate: GateState, change: State, install: bool) -> Option<GateState> {
    match gate {
        GateState::Licensing | GateState::Waitlisted => {}
        GateState::Ready
        | GateState::Installing
        | GateState::Installed
        | GateState::Refused
        | GateState::Failed
        | GateState::Cancelled => return None,
    }
    let to = match change {
        State::Settled if install => GateState::Installing,
        State::Settled => GateState::Ready,
        State::Refused => GateState::Refused,
        State::Cancelled => GateState::Cancelled,
        State::Waitlisted => GateState::Waitlisted,
        State::Planned | State::Sending | State::Accepted | State::Held => GateState::Licensing,
    };
    (to != gate).then_some(to)
}

/// Where a gate goes whose install has got to `install`; nothing as long as that has not ended.
#[must_use]
pub fn after_install(install: InstallState) -> Option<GateState> {
    match install {
        InstallState::Installed => Some(GateState::Installed),
        InstallState::Removed | InstallState::Resting | InstallState::Failed | InstallState::Cancelled => {
            Some(GateState::Failed)
        }
        InstallState::Ready | InstallState::Sending | InstallState::Sent | InstallState::Verifying => None,
    }
}

/// Where a gate goes whose installs, one on each device of a person, have got so far; nothing as long as one of them has not ended.
/// It has failed when one has, since the person is without the app on that device.
#[must_use]
pub fn after_installs(installs: &[InstallState]) -> Option<GateState> {
    let ends: Option<Vec<GateState>> = installs.iter().map(|install| after_install(*install)).collect();
    let ends = ends.filter(|ends| !ends.is_empty())?;
    let all_installed = ends.iter().all(|end| *end == GateState::Installed);
    Some(if all_installed { GateState::Installed } else { GateState::Failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_word_reads_back() {
        for state in GateState::ALL {
            assert_eq!(GateState::from_text(state.as_str()), Some(state));
        }
    }

    #[test]
    fn nothing_is_ready_before_apple_has_said_so() {
        for change in [State::Planned, State::Sending, State::Accepted, State::Held] {
            assert_eq!(after_change(GateState::Licensing, change, false), None);
            assert_eq!(after_change(GateState::Waitlisted, change, false), Some(GateState::Licensing));
        }
        assert_eq!(after_change(GateState::Licensing, State::Settled, false), Some(GateState::Ready));
        assert_eq!(after_change(GateState::Licensing, State::Settled, true), Some(GateState::Installing));
        assert_eq!(after_change(GateState::Licensing, State::Waitlisted, true), Some(GateState::Waitlisted));
    }

    #[test]
    fn a_gate_that_has_ended_stays_so() {
        for gate in GateState::ALL.into_iter().filter(|gate| gate.has_ended()) {
            assert_eq!(after_change(gate, State::Settled, true), None);
        }
    }

    #[test]
    fn a_persons_gate_ends_with_the_last_device_and_fails_with_any() {
        let (done, failed, open) = (InstallState::Installed, InstallState::Resting, InstallState::Sent);
        assert_eq!(after_installs(&[done, open]), None);
        assert_eq!(after_installs(&[failed, open]), None);
        assert_eq!(after_installs(&[done, done]), Some(GateState::Installed));
        assert_eq!(after_installs(&[done, failed]), Some(GateState::Failed));
        assert_eq!(after_installs(&[]), None);
    }
}
