//! An app for a group: what can be wished, and which rule speaks against a wish.

use crate::asset::{Asset, ProductType};
use crate::directory::GroupKind;
use crate::prompts::LicenseKind;

/// What a group is to have of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intent {
    /// Whoever asks for it gets it, and a license not before (rules S-33, N-6).
    Available,
    /// Every member gets it (rule S-33).
    Required,
    /// Nobody of the group has it: the license comes back and the app goes (rule S-44).
    Uninstall,
}

impl Intent {
    /// Every intent, the stricter one last: of two for one holder the stricter holds.
    pub const ALL: [Self; 3] = [Self::Available, Self::Required, Self::Uninstall];

    /// The word stored, taken and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Required => "required",
            Self::Uninstall => "uninstall",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|intent| intent.as_str() == text)
    }
}

/// The least and the most urgent that an assignment can be.
pub const PRIORITY_MIN: i64 = -100;
/// The most urgent.
pub const PRIORITY_MAX: i64 = 100;

/// The most holders that a quota can allow: more licenses than any location owns.
pub const QUOTA_MAX: i64 = 10_000_000;

/// What is wrong with a quota, in words that follow the field's name; nothing when it can be had.
///
/// ```
/// use russet_domain::assignment::{Intent, against_quota};
///
/// assert_eq!(against_quota(20, Intent::Required), None);
/// assert!(against_quota(0, Intent::Required).is_some());
/// assert!(against_quota(20, Intent::Uninstall).is_some());
/// ```
#[must_use]
pub fn against_quota(quota: i64, intent: Intent) -> Option<String> {
    if !(1..=QUOTA_MAX).contains(&quota) {
        return Some(format!("it should be from 1 to {QUOTA_MAX}"));
    }
    match intent {
        Intent::Available | Intent::Required => None,
        Intent::Uninstall => Some(
            "an assignment with the intent `uninstall` gives no licenses that a quota could limit; leave it out, or take it away with `none`"
                .to_owned(),
        ),
    }
}

/// Why an app cannot be assigned like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Against {
    /// A stable name. Clients hold it; it never changes.
    pub code: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// Why, and what to do instead.
    pub why: &'static str,
}

/// The rule that speaks against an assignment, if one does.
///
/// ```
/// use russet_domain::assignment::{Intent, against};
/// use russet_domain::directory::GroupKind;
/// use russet_domain::prompts::LicenseKind;
/// # use russet_domain::asset::{Asset, AssetKey, Pricing, ProductType, Supply};
/// # let app = Asset {
/// #     key: AssetKey::new("1", Pricing::Standard), product_type: ProductType::App, device_assignable: true,
/// #     revocable: true, supply: Supply::Unlimited, assigned: 0, retired: 0, platforms: Vec::new(),
/// # };
/// let found = against(&app, GroupKind::Devices, Intent::Available, LicenseKind::Device);
/// assert_eq!(found.map(|found| found.rule), Some("S-35"));
/// ```
#[must_use]
pub fn against(asset: &Asset, group: GroupKind, intent: Intent, license: LicenseKind) -> Option<Against> {
    let is_book = asset.product_type == ProductType::Book;
    match (intent, license, group) {
        (Intent::Available, _, GroupKind::Devices) => Some(Against {
            code: "available_for_devices",
            rule: "S-35",
            why: "An app can be made available to people only, who ask for it; use a group of people, or make it required.",
        }),
        (Intent::Uninstall, _, _) if is_book || !asset.revocable => Some(Against {
            code: "not_revocable",
            rule: "N-30",
            why: "A license that can never be taken back, such as a book's, cannot be uninstalled; leave it where it is.",
        }),
        (_, LicenseKind::Device, _) if is_book => Some(Against {
            code: "book_to_device",
            rule: "S-25",
            why: "A book can only go to people, never to devices; use the license type `user`.",
        }),
        (_, LicenseKind::Device, _) if !asset.device_assignable => Some(Against {
            code: "not_device_assignable",
            rule: "S-25",
            why: "This license cannot go to a device; use the license type `user`.",
        }),
        (_, LicenseKind::User, GroupKind::Devices) if is_book => Some(Against {
            code: "book_to_devices_group",
            rule: "N-30",
            why: "A book goes to groups of people only; use one of them.",
        }),
        (Intent::Available | Intent::Required | Intent::Uninstall, _, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{AssetKey, Pricing, Supply};

    fn asset(product_type: ProductType) -> Asset {
        let is_book = product_type == ProductType::Book;
        Asset {
            key: AssetKey::new("1", Pricing::Standard),
            product_type,
            device_assignable: !is_book,
            revocable: !is_book,
            supply: Supply::Unlimited,
            assigned: 0,
            retired: 0,
            platforms: Vec::new(),
        }
    }

    fn rule(asset: &Asset, group: GroupKind, intent: Intent, license: LicenseKind) -> Option<&'static str> {
        against(asset, group, intent, license).map(|against| against.rule)
    }

    #[test]
    fn s_35_nothing_is_available_to_groups_of_devices() {
        let app = asset(ProductType::App);
        for license in LicenseKind::ALL {
            assert_eq!(rule(&app, GroupKind::Devices, Intent::Available, license), Some("S-35"));
            assert_eq!(rule(&app, GroupKind::People, Intent::Available, license), None);
            assert_eq!(rule(&app, GroupKind::Devices, Intent::Required, license), None);
        }
    }

    #[test]
    fn a_book_goes_to_people_with_user_licenses_and_stays() {
        let book = asset(ProductType::Book);
        assert_eq!(rule(&book, GroupKind::People, Intent::Required, LicenseKind::User), None);
        assert_eq!(rule(&book, GroupKind::People, Intent::Required, LicenseKind::Device), Some("S-25"));
        assert_eq!(rule(&book, GroupKind::Devices, Intent::Required, LicenseKind::User), Some("N-30"));
        assert_eq!(rule(&book, GroupKind::People, Intent::Uninstall, LicenseKind::User), Some("N-30"));
    }

    #[test]
    fn the_stricter_intent_is_the_greater_one() {
        assert!(Intent::Uninstall > Intent::Required && Intent::Required > Intent::Available);
    }
}
