//! Whether an app comes onto a device by a declaration, in place of commands.

use std::time::Duration;

use super::{AppStatus, Patience, Reported, Standing, is_older_system};
use crate::Timestamp;
use crate::directory::Platform;

/// Newer than this are the systems whose declarations can pin a version: 26 and later, on every platform that knows declared apps
/// (<https://developer.apple.com/documentation/devicemanagement/appmanagedinstallbehaviorobject>).
const LAST_WITHOUT_PINS: &str = "25.999";

/// What is known of a device and of how an app is to come onto it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declarable<'a> {
    /// The device's platform.
    pub platform: Platform,
    /// Its system; one that nobody told of can be any.
    pub os_version: Option<&'a str>,
    /// Whether it is supervised, if anybody told.
    pub supervised: Option<bool>,
    /// Whether it is a person's own device, under User Enrollment.
    pub user_enrollment: bool,
    /// Whether the app is told something: a declaration can only point at where that is to be fetched.
    pub is_told: bool,
    /// Whether the app is declared for the device already. Then commands do nothing to it any more
    /// (<https://developer.apple.com/documentation/devicemanagement/transferring-management-of-apps-to-declarative-management>).
    pub is_declared: bool,
}

/// Whether to declare the app, given that the device's server can.
///
/// ```
/// use russet_domain::directory::Platform;
/// use russet_domain::install::{Declarable, is_declarable};
///
/// let ipad = Declarable {
///     platform: Platform::Ipados,
///     os_version: Some("26.1"),
///     supervised: Some(true),
///     user_enrollment: false,
///     is_told: false,
///     is_declared: false,
/// };
/// assert!(is_declarable(&ipad));
/// assert!(!is_declarable(&Declarable { os_version: Some("18.2"), ..ipad }));
/// ```
#[must_use]
pub fn is_declarable(this: &Declarable<'_>) -> bool {
    if this.is_declared {
        return true;
    }
    let enrolled_so = match this.platform {
        Platform::Ios | Platform::Ipados | Platform::Visionos => true,
        // Macs take declared apps when they are supervised, and under User Enrollment.
        Platform::Macos => this.user_enrollment || this.supervised == Some(true),
        Platform::Tvos | Platform::Watchos | Platform::Unknown => false,
    };
    let can_pin = is_older_system(Some(LAST_WITHOUT_PINS), this.os_version);
    enrolled_so && can_pin && !this.is_told
}

/// What a report that a server kept says of an install. One that was made before the last try tells of the one before, so that its
/// failure is none of this try's: whoever looks goes on waiting, as long as a try may take. A device that fails for the same reason again
/// need not say so again, so that the failure stands afterwards. Servers keep whole seconds, and their clocks differ from ours.
#[must_use]
pub fn as_of(
    this: &Standing,
    reported: Reported,
    told_at: Option<Timestamp>,
    patience: &Patience,
    now: Timestamp,
) -> Reported {
    let latest = |at: Timestamp| at.plus(Duration::from_secs(1)).plus(patience.again_after / 2);
    let may_take = now < this.since.plus(patience.install_within);
    let is_old = may_take && told_at.is_some_and(|at| latest(at) < this.since);
    let counts = !(is_old && reported.status.has_failed());
    if counts { reported } else { Reported { status: AppStatus::Underway, ..reported } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::tests::sent;
    use crate::install::{InstallState, after_report};

    fn device() -> Declarable<'static> {
        Declarable {
            platform: Platform::Ios,
            os_version: Some("26.0"),
            supervised: None,
            user_enrollment: false,
            is_told: false,
            is_declared: false,
        }
    }

    #[test]
    fn older_systems_and_those_that_nobody_told_of_keep_commands() {
        assert!(is_declarable(&device()));
        for os_version in [None, Some("18.7.1"), Some("soon")] {
            assert!(!is_declarable(&Declarable { os_version, ..device() }), "{os_version:?}");
        }
    }

    #[test]
    fn a_mac_has_to_be_supervised_or_a_persons_own() {
        let mac = Declarable { platform: Platform::Macos, ..device() };
        assert!(!is_declarable(&mac));
        assert!(!is_declarable(&Declarable { supervised: Some(false), ..mac }));
        assert!(is_declarable(&Declarable { supervised: Some(true), ..mac }));
        assert!(is_declarable(&Declarable { user_enrollment: true, ..mac }));
    }

    #[test]
    fn other_platforms_know_no_declared_apps() {
        for platform in [Platform::Tvos, Platform::Watchos, Platform::Unknown] {
            assert!(!is_declarable(&Declarable { platform, ..device() }));
        }
    }

    #[test]
    fn an_app_that_is_told_something_keeps_commands_unless_it_is_declared_already() {
        let told = Declarable { is_told: true, ..device() };
        assert!(!is_declarable(&told));
        assert!(is_declarable(&Declarable { is_declared: true, ..told }));
    }

    #[test]
    fn a_failure_that_a_server_kept_from_the_try_before_counts_for_nothing() {
        let patience = Patience::default();
        let this = Standing { state: InstallState::Verifying, since: Timestamp(600_000), ..sent() };
        let failed = Reported { status: AppStatus::LicenseNotFound, version: None };
        let step = |at, now| {
            let now = Timestamp(now);
            after_report(&this, Some(as_of(&this, failed, at, &patience, now)), &patience, now).unwrap().code
        };
        let before = Some(Timestamp(500_000));
        assert_eq!(step(before, 700_000), None);
        assert_eq!(step(Some(Timestamp(650_000)), 700_000), Some("license_not_found"));
        assert_eq!(step(None, 700_000), Some("license_not_found"), "one that has just come");
        assert_eq!(step(before, 600_000 + 86_400_000), Some("license_not_found"), "nothing else was said");
        let arrived = Reported { status: AppStatus::Managed, version: Some(20) };
        assert_eq!(as_of(&this, arrived, Some(Timestamp(0)), &patience, Timestamp(0)), arrived);
    }
}
