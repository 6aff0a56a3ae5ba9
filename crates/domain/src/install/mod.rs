//! The life of an install: an app, or a version of it, that a device is to have.
//!
//! ```text
//! ready ─► sending ─► sent ─► verifying ─► installed      the device reports the version
//!   ▲         │         │         │
//!   │         │         │         ├──────► resting        tried as often as is good; a new version begins anew
//!   └─────────┴─────────┴─────────┘                       and is installed if it arrives all the same
//!                       └────────────────► failed         the device will never do it
//!     ready, sending, sent, verifying ───► cancelled      nobody wants it any more (rule N-8)
//! ```
//!
//! An app that is to go has the same life, and ends as removed once the device reports it no more.
//!
//! A device that says that it took the command has installed nothing yet: only its list of apps tells
//! (<https://developer.apple.com/documentation/devicemanagement/managed-application-list-command>). What is tried is counted by
//! device, app and version, and bounded, so that no two systems that disagree about a version can loop.

mod answer;
mod declared;
mod presence;
mod report;
mod settings;
mod update;
mod window;

pub use answer::{Answer, Rejection, after_answer, after_refusal};
pub use declared::{Declarable, as_of, is_declarable};
pub use presence::Presence;
pub use report::{AppStatus, Reported, after_report, after_silence};
pub use settings::InstallSettings;
pub use update::{Facts, Verdict, is_older_system, verdict};
pub use window::{Window, WindowError, is_time_zone};

use std::time::Duration;

use crate::Timestamp;
use crate::change::State;

/// Where an install has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstallState {
    /// To be sent as soon as it is due.
    Ready,
    /// Written down as part of a command that is on the way to the MDM server.
    Sending,
    /// The MDM server has the command; the device has not answered yet.
    Sent,
    /// The device took the command; its list of apps is to tell the rest.
    Verifying,
    /// The device reports the app, in the wanted version if there is one.
    Installed,
    /// The app was to go, and the device reports it no more.
    Removed,
    /// Tried as often as is good. Nothing tries again by itself for this version.
    Resting,
    /// The device will never do it, and `code` says why.
    Failed,
    /// Nobody wants it any more.
    Cancelled,
}

impl InstallState {
    /// Every state, in the order of an install's life.
    pub const ALL: [Self; 9] = [
        Self::Ready,
        Self::Sending,
        Self::Sent,
        Self::Verifying,
        Self::Installed,
        Self::Removed,
        Self::Resting,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Verifying => "verifying",
            Self::Installed => "installed",
            Self::Removed => "removed",
            Self::Resting => "resting",
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
            Self::Installed | Self::Removed | Self::Resting | Self::Failed | Self::Cancelled => true,
            Self::Ready | Self::Sending | Self::Sent | Self::Verifying => false,
        }
    }

    /// As what a job counts it: its installs stand in its counts as changes do in those of other jobs.
    #[must_use]
    pub fn counts_as(self) -> State {
        match self {
            Self::Ready => State::Planned,
            Self::Sending | Self::Sent | Self::Verifying => State::Accepted,
            Self::Installed | Self::Removed => State::Settled,
            Self::Resting | Self::Failed => State::Refused,
            Self::Cancelled => State::Cancelled,
        }
    }
}

/// How patient to be with devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often a device, app and version is tried.
    pub tries_max: u32,
    /// How long after a try that failed for a reason that passes the next one is made; it doubles with each.
    pub again_after: Duration,
    /// How long after a device took the command its list of apps is asked for; it doubles with each look.
    pub look_after: Duration,
    /// How long a device that took a command may take before that try has failed: it must be unlocked and not in use
    /// (rules N-9, N-12).
    pub install_within: Duration,
    /// How long a device that says nothing is waited for.
    pub answer_within: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries_max: 3,
            again_after: Duration::from_secs(60),
            look_after: Duration::from_secs(60),
            install_within: Duration::from_secs(24 * 3600),
            answer_within: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// The longest wait between two looks at a device's apps, and between two tries.
const WAIT_MAX: Duration = Duration::from_secs(6 * 3600);
/// The longest wait between two looks at a device that has not answered.
const UNANSWERED_MAX: Duration = Duration::from_secs(24 * 3600);
/// How many times longer than for its apps a device is waited for that has not answered.
const UNANSWERED: u32 = 10;

impl Patience {
    fn doubled(base: Duration, times: u32) -> Duration {
        base.saturating_mul(1_u32.checked_shl(times.min(20)).unwrap_or(u32::MAX)).min(WAIT_MAX.max(base))
    }

    /// How long to wait before the try after `tries` that were made.
    #[must_use]
    pub fn before_try(&self, tries: u32) -> Duration {
        Self::doubled(self.again_after, tries.saturating_sub(1))
    }

    /// How long to wait before it is looked, after `looks`, what has become of a command that was not answered: some servers call once
    /// and never again, and an answer that was lost on the way shows in the list of apps only.
    #[must_use]
    pub fn before_asking_after(&self, looks: u32) -> Duration {
        Self::doubled(self.look_after * UNANSWERED, looks).min(UNANSWERED_MAX)
    }

    /// How long to wait before the next look at a device's apps, after `looks`.
    #[must_use]
    pub fn before_look(&self, looks: u32) -> Duration {
        Self::doubled(self.look_after, looks)
    }
}

impl Patience {
    /// The moment of a look that is not to be made before `wait` is over: looks at devices are made together, so that many share a call.
    #[must_use]
    pub fn look_at(&self, now: Timestamp, wait: Duration) -> Timestamp {
        let together = i64::try_from((self.look_after / 2).as_millis()).unwrap_or(i64::MAX).max(1);
        let moment = now.plus(wait).0;
        Timestamp(moment.saturating_add(together - 1) / together * together)
    }
}

/// An install as it stands, for whoever decides what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where it has got to.
    pub state: InstallState,
    /// Whether the app is to go.
    pub removes: bool,
    /// The external version that is wanted; nothing when any will do.
    pub target: Option<i64>,
    /// The external version that the device reported when this began; nothing when it had none or nobody knew.
    pub before: Option<i64>,
    /// How often the command was sent.
    pub tries: u32,
    /// How often the device's apps were looked at since the last try.
    pub looks: u32,
    /// Since when it waits: for an answer, since the command was sent; for the app, since the device took the command.
    pub since: Timestamp,
    /// Whether the device said that it was busy, and will fetch the command again by itself.
    pub busy: bool,
    /// Whether the device runs a single app only (rule N-13).
    pub single_app: bool,
}

/// What becomes of an install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it goes.
    pub to: InstallState,
    /// Stable name of why, if there is something to say.
    pub code: Option<&'static str>,
    /// When something is to be done about it next; nothing when it has ended or only the device can act.
    pub due: Option<Timestamp>,
}

impl Step {
    fn end(to: InstallState, code: Option<&'static str>) -> Self {
        Self { to, code, due: None }
    }
}

/// Another try, unless there were enough: then it rests, with the reason that explains it best.
fn again(this: &Standing, code: &'static str, patience: &Patience, now: Timestamp) -> Step {
    if this.tries < patience.tries_max {
        let due = Some(now.plus(patience.before_try(this.tries)));
        return Step { to: InstallState::Ready, code: Some(code), due };
    }
    let code = if this.single_app { "single_app_mode" } else { code };
    Step::end(InstallState::Resting, Some(code))
}

/// What a code means and what to do, in a sentence for administrators. Nothing for one that is not known.
#[must_use]
pub fn explain(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

/// Every code of an install, with its sentence. Rows and clients hold the codes; they never change.
pub const CODES: &[(&str, &str)] = &[
    (
        "license_not_found",
        "The device found no license for the app (9610); it is asked again a few times, later each time.",
    ),
    (
        "not_now",
        "The device is busy or locked and asked to be left alone; it fetches the command again by itself.",
    ),
    ("already_queued", "The device already has the app in its queue (506); its list of apps will tell."),
    (
        "single_app_mode",
        "The device runs a single app, and in single app mode nothing is updated (rule N-13); end it for long enough to update.",
    ),
    (
        "user_refused",
        "The person at the device declined; ask for it again once they agree, with a push_update job.",
    ),
    (
        "version_differs",
        "The device reports another version than the store; their regions may differ, and trying again changes nothing.",
    ),
    (
        "no_progress",
        "The device took the command as often as is allowed and still does not report the version; unlock it, close the app, and ask again.",
    ),
    (
        "no_answer",
        "The device has said nothing for longer than is waited for; see whether it still checks in.",
    ),
    (
        "not_managed",
        "The person had installed the app before and did not hand it over; on a supervised device it is taken over without asking.",
    ),
    (
        "declared_elsewhere",
        "Another declaration already manages the app on the device; take it out of the MDM server's own declarations.",
    ),
    (
        "store_disabled",
        "The App Store is disabled on the device; allow it, or the apps of the organization, in its restrictions.",
    ),
    ("not_supported", "The app does not run on this device."),
    ("os_too_old", "The device's system is older than the app needs; update the system first."),
    ("install_failed", "The device tried and failed; its error is in `detail`."),
    ("command_refused", "The device refused the command; its error is in `detail`."),
    ("not_enrolled", "The MDM server does not know the device; enroll it again."),
    ("no_connector", "No connector is known for the device's MDM server."),
    (
        "no_device",
        "The license is there; no enrolled device of the person is known that the app runs on, so nothing was sent.",
    ),
    ("left", "The device is not to have the app any more, so nothing more is sent (rule N-8)."),
    ("wanted_again", "The device is to have the app again, so it is not removed."),
    ("withdrawn", "The job was cancelled before the command was sent."),
    ("halted", "Too many devices of an earlier ring failed; resume it once the reason is known."),
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(super) fn sent() -> Standing {
        Standing {
            state: InstallState::Sent,
            removes: false,
            target: Some(20),
            before: Some(10),
            tries: 1,
            looks: 0,
            since: Timestamp(0),
            busy: false,
            single_app: false,
        }
    }

    #[test]
    fn every_stored_word_reads_back() {
        for state in InstallState::ALL {
            assert_eq!(InstallState::from_text(state.as_str()), Some(state));
        }
    }

    #[test]
    fn waits_double_and_end() {
        let patience = Patience::default();
        assert_eq!(patience.before_try(1), Duration::from_secs(60));
        assert_eq!(patience.before_try(3), Duration::from_secs(240));
        assert_eq!(patience.before_look(40), WAIT_MAX);
    }

    #[test]
    fn looks_that_are_due_within_half_a_wait_are_made_together() {
        let patience = Patience::default();
        let at = |now| patience.look_at(Timestamp(now), Duration::from_secs(60));
        assert_eq!(
            (at(1), at(29_999), at(30_000)),
            (Timestamp(90_000), Timestamp(90_000), Timestamp(90_000))
        );
        assert_eq!(at(30_001), Timestamp(120_000));
    }

    #[test]
    fn the_last_try_rests_and_the_one_before_is_made_again() {
        let (patience, now) = (Patience::default(), Timestamp(1_000));
        let step = again(&Standing { tries: 2, ..sent() }, "no_progress", &patience, now);
        assert_eq!(step.to, InstallState::Ready);
        let last = Standing { tries: 3, ..sent() };
        assert_eq!(
            again(&last, "no_progress", &patience, now),
            Step::end(InstallState::Resting, Some("no_progress"))
        );
        let kiosk = Standing { single_app: true, ..last };
        assert_eq!(again(&kiosk, "no_progress", &patience, now).code, Some("single_app_mode"));
    }
}
