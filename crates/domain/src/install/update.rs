//! Whether a device's app is out of date.
//!
//! Apple's external version id decides, a number that grows with each version of a product; never the text that people read,
//! which is compared in no order that Apple promises.

use std::cmp::Ordering;

/// What is known of an app on a device, and of it in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// The external version that the device reports.
    pub reported: Option<i64>,
    /// The external version that the store has for the device's platform.
    pub latest: Option<i64>,
    /// The oldest system that version runs on.
    pub minimum_os: Option<&'a str>,
    /// The device's system.
    pub os_version: Option<&'a str>,
}

/// Whether to push the newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The device has it, or a newer one.
    Current,
    /// The device has an older one.
    Outdated {
        /// The version to go to.
        target: i64,
    },
    /// There is a newer one, for which the device's system is too old.
    SystemTooOld,
    /// The device or the store does not tell a version.
    Unknown,
}

/// Decides whether an app is out of date.
///
/// ```
/// use russet_domain::install::{Facts, Verdict, verdict};
///
/// let facts = Facts { reported: Some(1), latest: Some(2), minimum_os: Some("17.4"), os_version: Some("17.10") };
/// assert_eq!(verdict(facts), Verdict::Outdated { target: 2 });
/// ```
#[must_use]
pub fn verdict(facts: Facts<'_>) -> Verdict {
    let (Some(reported), Some(latest)) = (facts.reported, facts.latest) else { return Verdict::Unknown };
    // A device with a newer version than the store of its token's country is of another region: nothing here makes it agree.
    if reported >= latest {
        return Verdict::Current;
    }
    if is_older_system(facts.os_version, facts.minimum_os) {
        return Verdict::SystemTooOld;
    }
    Verdict::Outdated { target: latest }
}

/// Whether a system is older than the oldest that is supported. One that nobody told of, or that cannot be read, is not: the
/// device will say so itself.
#[must_use]
pub fn is_older_system(os_version: Option<&str>, minimum: Option<&str>) -> bool {
    let (Some(os), Some(minimum)) = (os_version.and_then(numbers), minimum.and_then(numbers)) else {
        return false;
    };
    os.cmp(&minimum) == Ordering::Less
}

/// The numbers of a system's version, such as 17.4.1; what is missing counts as zero.
fn numbers(text: &str) -> Option<[u32; 3]> {
    // Stores write words around it at times, as in “17.0 or later”.
    let text = text.split_whitespace().next()?;
    let mut numbers = [0; 3];
    for (place, part) in text.split('.').enumerate() {
        let number = part.parse().ok()?;
        if let Some(known) = numbers.get_mut(place) {
            *known = number;
        }
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(reported: i64, latest: i64) -> Facts<'static> {
        Facts { reported: Some(reported), latest: Some(latest), minimum_os: None, os_version: None }
    }

    #[test]
    fn only_an_older_version_is_out_of_date() {
        assert_eq!(verdict(facts(1, 2)), Verdict::Outdated { target: 2 });
        assert_eq!(verdict(facts(2, 2)), Verdict::Current);
        assert_eq!(verdict(facts(3, 2)), Verdict::Current);
        assert_eq!(verdict(Facts { reported: None, ..facts(1, 2) }), Verdict::Unknown);
        assert_eq!(verdict(Facts { latest: None, ..facts(1, 2) }), Verdict::Unknown);
    }

    #[test]
    fn an_old_system_gets_no_update_that_does_not_run_on_it() {
        let on = |os| verdict(Facts { minimum_os: Some("17.4"), os_version: os, ..facts(1, 2) });
        assert_eq!(on(Some("17.3.9")), Verdict::SystemTooOld);
        assert_eq!(on(Some("17.4")), Verdict::Outdated { target: 2 });
        assert_eq!(on(Some("17.10.1")), Verdict::Outdated { target: 2 });
        assert_eq!(on(None), Verdict::Outdated { target: 2 });
        assert_eq!(on(Some("later")), Verdict::Outdated { target: 2 });
    }
}
