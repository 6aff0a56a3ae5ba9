//! What follows from a device's list of apps, or from its silence.

use super::{InstallState, Patience, Standing, Step, again};
use crate::Timestamp;

/// What a device says about a managed app, as far as it matters here
/// (<https://developer.apple.com/documentation/devicemanagement/managedapplicationlistresponse>). States that pass are told once
/// only, so that whoever hears of one writes it down. Of a declared app that failed the reason's code is the word
/// (<https://developer.apple.com/documentation/devicemanagement/statusappmanagedlist>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AppStatus {
    /// It is installed and managed.
    Managed,
    /// It is on its way: queued, prompting, installing, updating.
    Underway,
    /// The person declined to have it, or the newer version.
    UserRejected,
    /// The person has it and did not hand it over.
    NotManaged,
    /// The device tried and failed.
    Failed,
    /// It was installed and the person removed it.
    Removed,
    /// It finds no license for it.
    LicenseNotFound,
    /// The App Store is disabled on it.
    StoreDisabled,
    /// It will never run on the device.
    NotSupported,
    /// Another declaration manages it.
    DeclaredElsewhere,
    /// A word that Apple added later.
    Unknown,
}

impl AppStatus {
    /// Whether it says why the app does not come, as opposed to how it stands or how far it has got.
    #[must_use]
    pub fn has_failed(self) -> bool {
        match self {
            Self::UserRejected
            | Self::NotManaged
            | Self::Failed
            | Self::LicenseNotFound
            | Self::StoreDisabled
            | Self::NotSupported
            | Self::DeclaredElsewhere => true,
            Self::Managed | Self::Underway | Self::Removed | Self::Unknown => false,
        }
    }

    /// Reads Apple's word.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "Managed" => Self::Managed,
            "NeedsRedemption"
            | "Redeeming"
            | "Prompting"
            | "PromptingForLogin"
            | "Installing"
            | "ValidatingPurchase"
            | "PromptingForUpdate"
            | "PromptingForUpdateLogin"
            | "PromptingForManagement"
            | "ValidatingUpdate"
            | "Updating"
            | "Downloading"
            | "Queued" => Self::Underway,
            "UserRejected" | "UpdateRejected" | "Error.UserRejected" => Self::UserRejected,
            "ManagementRejected" | "UserInstalledApp" | "Error.UnmanagedAppAlreadyInstalled" => {
                Self::NotManaged
            }
            "Error.LicenseNotFound" => Self::LicenseNotFound,
            "Error.AppStoreDisabled" => Self::StoreDisabled,
            "Error.InvalidAppID" | "Error.IsSystemApp" | "Error.NotAnApp" | "Error.NotSupported" => {
                Self::NotSupported
            }
            "Error.DuplicateConfiguredApp" => Self::DeclaredElsewhere,
            "Failed" => Self::Failed,
            // What failed for another reason may go well another time.
            other if other.starts_with("Error.") => Self::Failed,
            "ManagedButUninstalled" => Self::Removed,
            _ => Self::Unknown,
        }
    }
}

/// What a device reports of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// How it stands.
    pub status: AppStatus,
    /// Its external version; nothing on systems that do not tell.
    pub version: Option<i64>,
}

/// Decides what follows from a list of apps that was made after the command was sent; `reported` is nothing when the app is not
/// in it. Success is that the device reports the version, or a newer one, and nothing else (pain 32).
#[must_use]
pub fn after_report(
    this: &Standing,
    reported: Option<Reported>,
    patience: &Patience,
    now: Timestamp,
) -> Option<Step> {
    match this.state {
        // What was given up can arrive all the same: the person closed the app, or unlocked the device.
        InstallState::Sent | InstallState::Verifying | InstallState::Resting => {}
        // Nothing was sent yet, or it has ended.
        InstallState::Ready
        | InstallState::Sending
        | InstallState::Installed
        | InstallState::Removed
        | InstallState::Failed
        | InstallState::Cancelled => return None,
    }
    if this.removes {
        return after_report_of_removal(this, reported, patience, now);
    }
    if reported.is_some_and(|reported| has_arrived(this, reported)) {
        return Some(Step::end(InstallState::Installed, None));
    }
    // Commands are answered in order: a device that answers what was asked after the command has answered the command too, and
    // that was lost. One that was not asked since tells of the past.
    let lost_answer = this.state == InstallState::Sent && this.looks > 0 && !this.busy;
    if this.state != InstallState::Verifying && !lost_answer {
        return None;
    }
    let status = reported.map(|reported| reported.status);
    Some(match status {
        Some(AppStatus::UserRejected) => Step::end(InstallState::Resting, Some("user_refused")),
        Some(AppStatus::NotManaged) => Step::end(InstallState::Resting, Some("not_managed")),
        Some(AppStatus::Failed) => again(this, "install_failed", patience, now),
        Some(AppStatus::LicenseNotFound) => again(this, "license_not_found", patience, now),
        Some(AppStatus::StoreDisabled) => Step::end(InstallState::Failed, Some("store_disabled")),
        Some(AppStatus::NotSupported) => Step::end(InstallState::Failed, Some("not_supported")),
        Some(AppStatus::DeclaredElsewhere) => Step::end(InstallState::Resting, Some("declared_elsewhere")),
        Some(AppStatus::Managed) if moved_elsewhere(this, reported) => {
            Step::end(InstallState::Resting, Some("version_differs"))
        }
        Some(AppStatus::Managed | AppStatus::Underway | AppStatus::Removed | AppStatus::Unknown) | None => {
            wait_on(this, patience, now)
        }
    })
}

/// The same of an app that is to go.
fn after_report_of_removal(
    this: &Standing,
    reported: Option<Reported>,
    patience: &Patience,
    now: Timestamp,
) -> Option<Step> {
    if reported.is_none_or(|reported| reported.status == AppStatus::Removed) {
        return Some(Step::end(InstallState::Removed, None));
    }
    (this.state == InstallState::Verifying).then(|| wait_on(this, patience, now))
}

/// Whether the device has what was wanted. A device that tells no version has it as soon as it has the app, unless it had it
/// before: then nobody can know, and the patience decides.
fn has_arrived(this: &Standing, reported: Reported) -> bool {
    let is_new_enough = match (this.target, reported.version) {
        (None, _) => true,
        (Some(target), Some(version)) => version >= target,
        (Some(_), None) => false,
    };
    reported.status == AppStatus::Managed && is_new_enough
}

/// Whether the device has gone to a version that is neither the one it had nor the one that was wanted: its store offers another.
fn moved_elsewhere(this: &Standing, reported: Option<Reported>) -> bool {
    let version = reported.and_then(|reported| reported.version);
    version.is_some() && this.before.is_some() && version != this.before
}

/// Looks again later, as long as the device may take.
fn wait_on(this: &Standing, patience: &Patience, now: Timestamp) -> Step {
    if now >= this.since.plus(patience.install_within) {
        return again(this, "no_progress", patience, now);
    }
    let end = this.since.plus(patience.install_within);
    let due = patience.look_at(now, patience.before_look(this.looks + 1)).min(end);
    Step { to: InstallState::Verifying, code: None, due: Some(due) }
}

/// Decides what follows when an install is due and the device has said nothing new: one that never answered is given up, one
/// that took the command is tried again.
#[must_use]
pub fn after_silence(this: &Standing, patience: &Patience, now: Timestamp) -> Option<Step> {
    match this.state {
        InstallState::Sent => (now >= this.since.plus(patience.answer_within))
            .then(|| Step::end(InstallState::Resting, Some("no_answer"))),
        InstallState::Verifying => (now >= this.since.plus(patience.install_within))
            .then(|| again(this, "no_progress", patience, now)),
        InstallState::Ready
        | InstallState::Sending
        | InstallState::Installed
        | InstallState::Removed
        | InstallState::Resting
        | InstallState::Failed
        | InstallState::Cancelled => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::install::tests::sent;

    const SOON: Timestamp = Timestamp(60_000);

    fn verifying() -> Standing {
        Standing { state: InstallState::Verifying, ..sent() }
    }

    fn managed(version: Option<i64>) -> Option<Reported> {
        Some(Reported { status: AppStatus::Managed, version })
    }

    fn after(this: &Standing, reported: Option<Reported>, now: Timestamp) -> Option<Step> {
        after_report(this, reported, &Patience::default(), now)
    }

    #[test]
    fn only_the_version_is_success() {
        for (version, to) in
            [(20, InstallState::Installed), (21, InstallState::Installed), (10, InstallState::Verifying)]
        {
            assert_eq!(after(&verifying(), managed(Some(version)), SOON).unwrap().to, to, "{version}");
        }
        assert_eq!(after(&verifying(), managed(None), SOON).unwrap().to, InstallState::Verifying);
        let any = Standing { target: None, before: None, ..verifying() };
        assert_eq!(after(&any, managed(None), SOON).unwrap().to, InstallState::Installed);
    }

    #[test]
    fn a_device_that_was_asleep_and_has_the_version_is_done() {
        assert_eq!(after(&sent(), managed(Some(20)), SOON).unwrap().to, InstallState::Installed);
        assert_eq!(after(&sent(), managed(Some(10)), SOON), None);
    }

    #[test]
    fn an_answer_that_was_lost_shows_in_the_list_that_was_asked_for_afterwards() {
        let asked = Standing { looks: 1, ..sent() };
        assert_eq!(after(&asked, managed(Some(10)), SOON).unwrap().to, InstallState::Verifying);
        assert_eq!(after(&asked, None, SOON).unwrap().to, InstallState::Verifying);
        assert_eq!(after(&Standing { busy: true, ..asked }, None, SOON), None, "it will answer by itself");
    }

    #[test]
    fn what_rests_and_arrives_all_the_same_is_installed() {
        let rests = Standing { state: InstallState::Resting, tries: 3, ..sent() };
        assert_eq!(after(&rests, managed(Some(20)), SOON).unwrap().to, InstallState::Installed);
        assert_eq!(after(&rests, managed(Some(10)), SOON), None);
    }

    #[test]
    fn a_store_that_offers_another_version_ends_in_words() {
        let step = after(&verifying(), managed(Some(15)), SOON).unwrap();
        assert_eq!((step.to, step.code), (InstallState::Resting, Some("version_differs")));
    }

    #[test]
    fn a_person_who_declines_is_not_asked_again_for_this_version() {
        for word in ["UserRejected", "UpdateRejected"] {
            let reported = Some(Reported { status: AppStatus::from_text(word), version: Some(10) });
            let step = after(&verifying(), reported, SOON).unwrap();
            assert_eq!((step.to, step.code), (InstallState::Resting, Some("user_refused")), "{word}");
        }
    }

    #[test]
    fn a_device_that_never_gets_there_is_tried_three_times_and_no_more() {
        let patience = Patience::default();
        let mut this = Standing { tries: 1, ..verifying() };
        let mut now = Timestamp(0);
        let mut looks = 0;
        loop {
            looks += 1;
            assert!(looks < 200, "it loops");
            let step = after(&this, managed(Some(10)), now).unwrap();
            match step.to {
                InstallState::Resting => break,
                InstallState::Ready => {
                    now = step.due.unwrap();
                    this = Standing { tries: this.tries + 1, looks: 0, since: now, ..this };
                }
                _ => {
                    now = step.due.unwrap();
                    this.looks += 1;
                }
            }
        }
        assert_eq!(this.tries, patience.tries_max);
        assert!(now >= Timestamp(0).plus(Duration::from_secs(3 * 24 * 3600)), "each try has its day");
    }

    #[test]
    fn an_app_that_is_to_go_is_gone_when_the_device_reports_it_no_more() {
        let this = Standing { removes: true, ..verifying() };
        assert_eq!(after(&this, managed(Some(10)), SOON).unwrap().to, InstallState::Verifying);
        assert_eq!(after(&this, None, SOON).unwrap().to, InstallState::Removed);
        let uninstalled = Some(Reported { status: AppStatus::Removed, version: None });
        assert_eq!(after(&this, uninstalled, SOON).unwrap().to, InstallState::Removed);
    }

    #[test]
    fn a_declared_app_that_failed_ends_by_its_reason() {
        for (word, to, code) in [
            ("Error.LicenseNotFound", InstallState::Ready, "license_not_found"),
            ("Error.DownloadFailed", InstallState::Ready, "install_failed"),
            ("Error.UpdateFailed", InstallState::Ready, "install_failed"),
            ("Error.AddedByAppleLater", InstallState::Ready, "install_failed"),
            ("Error.UserRejected", InstallState::Resting, "user_refused"),
            ("Error.UnmanagedAppAlreadyInstalled", InstallState::Resting, "not_managed"),
            ("Error.DuplicateConfiguredApp", InstallState::Resting, "declared_elsewhere"),
            ("Error.AppStoreDisabled", InstallState::Failed, "store_disabled"),
            ("Error.NotSupported", InstallState::Failed, "not_supported"),
            ("Error.InvalidAppID", InstallState::Failed, "not_supported"),
        ] {
            let reported = Some(Reported { status: AppStatus::from_text(word), version: None });
            let step = after(&verifying(), reported, SOON).unwrap();
            assert_eq!((step.to, step.code), (to, Some(code)), "{word}");
            let last = Standing { tries: 3, ..verifying() };
            let step = after(&last, reported, SOON).unwrap();
            assert!(step.to.has_ended(), "{word}");
        }
    }

    #[test]
    fn silence_ends_too() {
        let patience = Patience::default();
        assert_eq!(after_silence(&sent(), &patience, SOON), None);
        let month = Timestamp(0).plus(patience.answer_within);
        assert_eq!(after_silence(&sent(), &patience, month).unwrap().code, Some("no_answer"));
        let day = Timestamp(0).plus(patience.install_within);
        assert_eq!(after_silence(&verifying(), &patience, day).unwrap().to, InstallState::Ready);
    }
}
