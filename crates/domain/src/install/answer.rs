//! What follows from a device's answer to the command, or from the MDM server's refusal to take it.

use super::{InstallState, Patience, Standing, Step, again};
use crate::Timestamp;

/// Apple's number for “license not found”.
const LICENSE_NOT_FOUND: i64 = 9_610;
/// The number of “duplicate request”: the device has it in its queue already.
const DUPLICATE_REQUEST: i64 = 506;

/// What a device said about the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It takes it: what comes of it, only its list of apps tells.
    Acknowledged {
        /// Why it does not, all the same
        /// (<https://developer.apple.com/documentation/devicemanagement/installapplicationresponse>).
        rejection: Option<Rejection>,
    },
    /// It is busy or locked, and will fetch the command again by itself.
    NotNow,
    /// It refuses, with the numbers of its chain of errors, the outermost first.
    Error {
        /// The numbers.
        numbers: Vec<i64>,
    },
}

impl Answer {
    /// Whether the device has no more to say to the command.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Acknowledged { .. } | Self::Error { .. } => true,
            Self::NotNow => false,
        }
    }
}

/// A `RejectionReason` of Apple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// `AppAlreadyInstalled`.
    AlreadyInstalled,
    /// `AppAlreadyQueued`.
    AlreadyQueued,
    /// `AppStoreDisabled`.
    StoreDisabled,
    /// `NotSupported`, `NotAnApp`, `PurchaseMethodNotSupported` and its kin.
    NotSupported,
    /// `ManagementChangeNotSupported`.
    NotManaged,
    /// `Other`, which is all that Macs ever say, `CouldNotVerifyAppID`, and what Apple added later: the reason may pass.
    Other,
}

impl Rejection {
    /// Reads Apple's word.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "AppAlreadyInstalled" => Self::AlreadyInstalled,
            "AppAlreadyQueued" => Self::AlreadyQueued,
            "AppStoreDisabled" => Self::StoreDisabled,
            "NotSupported"
            | "NotAnApp"
            | "PurchaseMethodNotSupported"
            | "PurchaseMethodNotSupportedInMultiUser" => Self::NotSupported,
            "ManagementChangeNotSupported" => Self::NotManaged,
            _ => Self::Other,
        }
    }
}

/// Decides what follows from a device's answer. An answer to an install that waits for none, since it came twice or late,
/// changes nothing.
#[must_use]
pub fn after_answer(this: &Standing, answer: &Answer, patience: &Patience, now: Timestamp) -> Option<Step> {
    match this.state {
        // The device can be faster than the MDM server's answer to us.
        InstallState::Sending | InstallState::Sent => {}
        InstallState::Ready
        | InstallState::Verifying
        | InstallState::Installed
        | InstallState::Removed
        | InstallState::Resting
        | InstallState::Failed
        | InstallState::Cancelled => return None,
    }
    Some(match answer {
        Answer::NotNow => Step {
            to: InstallState::Sent,
            code: Some("not_now"),
            due: Some(now.plus(patience.answer_within)),
        },
        Answer::Acknowledged { rejection } => match rejection {
            None | Some(Rejection::AlreadyInstalled) => verify(None, patience, now),
            Some(Rejection::AlreadyQueued) => verify(Some("already_queued"), patience, now),
            Some(Rejection::StoreDisabled) => Step::end(InstallState::Failed, Some("store_disabled")),
            Some(Rejection::NotSupported) => Step::end(InstallState::Failed, Some("not_supported")),
            Some(Rejection::NotManaged) => Step::end(InstallState::Failed, Some("not_managed")),
            Some(Rejection::Other) => again(this, "command_refused", patience, now),
        },
        Answer::Error { numbers } if numbers.contains(&LICENSE_NOT_FOUND) => {
            again(this, "license_not_found", patience, now)
        }
        Answer::Error { numbers } if numbers.contains(&DUPLICATE_REQUEST) => {
            verify(Some("already_queued"), patience, now)
        }
        Answer::Error { .. } => again(this, "command_refused", patience, now),
    })
}

fn verify(code: Option<&'static str>, patience: &Patience, now: Timestamp) -> Step {
    Step { to: InstallState::Verifying, code, due: Some(patience.look_at(now, patience.before_look(0))) }
}

/// Decides what follows when the MDM server does not take the command for this device, and for it alone: it does not know it.
#[must_use]
pub fn after_refusal() -> Step {
    Step::end(InstallState::Failed, Some("not_enrolled"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::tests::sent;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn after(answer: &Answer) -> Step {
        after_answer(&sent(), answer, &Patience::default(), NOW).unwrap()
    }

    #[test]
    fn a_license_that_is_not_there_yet_is_waited_for_and_not_failed() {
        let step = after(&Answer::Error { numbers: vec![12_064, 9_610] });
        assert_eq!((step.to, step.code), (InstallState::Ready, Some("license_not_found")));
        assert_eq!(step.due, Some(NOW.plus(std::time::Duration::from_secs(60))));
    }

    #[test]
    fn a_duplicate_request_is_in_progress_and_not_failed() {
        let step = after(&Answer::Error { numbers: vec![506] });
        assert_eq!((step.to, step.code), (InstallState::Verifying, Some("already_queued")));
    }

    #[test]
    fn an_answer_that_comes_twice_or_late_changes_nothing() {
        for state in InstallState::ALL {
            let waits = matches!(state, InstallState::Sending | InstallState::Sent);
            let this = Standing { state, ..sent() };
            let answer = Answer::Acknowledged { rejection: None };
            assert_eq!(after_answer(&this, &answer, &Patience::default(), NOW).is_some(), waits, "{state:?}");
        }
    }

    #[test]
    fn what_apple_adds_later_may_pass() {
        assert_eq!(Rejection::from_text("Sunspots"), Rejection::Other);
        let step = after(&Answer::Acknowledged { rejection: Some(Rejection::Other) });
        assert_eq!(step.to, InstallState::Ready);
    }
}
