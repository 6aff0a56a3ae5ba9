//! Looks a job through before it is done, and says what Apple will refuse and what will not work well.
//!
//! Rules are named as the reference names them: S-n from Microsoft's page about volume-purchased apps, N-n from newer
//! pages of it, C-n where the two differ. What nobody told about devices and users gives no findings.

mod facts;
mod report;
mod table;

pub use facts::{About, DeviceFacts, Enrollment, UserFacts, UserStanding};
pub use report::{EXAMPLES_MAX, Finding, Report, Subject};
pub use table::{Kind, Severity, rule_of};

use std::collections::{HashMap, HashSet};

use crate::asset::{Asset, AssetKey, Pricing, ProductType, Supply};
use crate::change::Action;
use crate::holder::Holder;
use crate::intake::rule_against;

/// Everything that is looked at.
pub struct Situation<'a> {
    /// Which way licenses are to move.
    pub action: Action,
    /// The pairs, each once.
    pub pairs: &'a [(AssetKey, Holder)],
    /// The assets that the location has, by name, as far as the pairs name them.
    pub assets: &'a HashMap<AssetKey, Asset>,
    /// The store's country of the location.
    pub country: Option<&'a str>,
    /// What the caller knows.
    pub about: &'a About,
    /// Licenses held today, of the pairs' holders and of the devices and users that belong to them.
    pub held: &'a HashSet<(AssetKey, Holder)>,
    /// Those of the pairs that an assignment wants.
    pub wanted: &'a HashSet<(AssetKey, Holder)>,
}

/// Finds what speaks against a job. Costs time by the number of pairs, and memory by the number of kinds of findings.
#[must_use]
pub fn lint(situation: &Situation<'_>) -> Report {
    let mut report = Report::default();
    match situation.action {
        Action::Assign => {
            // Only what is told of devices makes pairs depend on each other.
            let wanted: HashSet<(&AssetKey, &Holder)> = if situation.about.devices.is_empty() {
                HashSet::new()
            } else {
                situation.pairs.iter().map(|(key, holder)| (key, holder)).collect()
            };
            let devices_of = situation.about.devices_by_user();
            for (key, holder) in situation.pairs {
                let Some(asset) = situation.assets.get(key) else {
                    report.add(Kind::UnknownAsset, || Subject::of(Some(key), None));
                    continue;
                };
                assigning_asset(asset, holder, &mut report);
                match holder {
                    Holder::Device(serial) => to_device(situation, key, serial, &wanted, &mut report),
                    Holder::User(user) => {
                        let devices = devices_of.get(user.as_str()).map_or(&[][..], Vec::as_slice);
                        to_user(situation, key, user, devices, &wanted, &mut report);
                    }
                }
            }
            per_asset(situation, &mut report);
            per_user(situation, &devices_of, &mut report);
        }
        Action::Revoke => {
            for (key, holder) in situation.pairs {
                revoking(situation, key, holder, &mut report);
            }
        }
    }
    report
}

/// What Apple's description of the asset says against giving it to this holder.
fn assigning_asset(asset: &Asset, holder: &Holder, report: &mut Report) {
    let subject = || Subject::of(Some(&asset.key), Some(holder));
    if let Some(kind) = rule_against(Action::Assign, asset, holder).and_then(Kind::from_code) {
        report.add(kind, subject);
    } else if !asset.revocable {
        report.add(Kind::StaysForEver, subject);
    }
}

fn revoking(situation: &Situation<'_>, key: &AssetKey, holder: &Holder, report: &mut Report) {
    let Some(asset) = situation.assets.get(key) else {
        report.add(Kind::UnknownAsset, || Subject::of(Some(key), None));
        return;
    };
    if let Some(kind) = rule_against(Action::Revoke, asset, holder).and_then(Kind::from_code) {
        report.add(kind, || Subject::of(Some(key), Some(holder)));
    } else if !situation.wanted.is_empty() && situation.wanted.contains(&(key.clone(), holder.clone())) {
        report.add(Kind::StillAssigned, || Subject::of(Some(key), Some(holder)));
    }
}

fn to_device(
    situation: &Situation<'_>,
    key: &AssetKey,
    serial: &str,
    wanted: &HashSet<(&AssetKey, &Holder)>,
    report: &mut Report,
) {
    let Some(device) = situation.about.devices.get(serial) else { return };
    let holder = Holder::Device(serial.to_owned());
    let subject = || Subject::of(Some(key), Some(&holder));
    if device.enrollment.is_some_and(Enrollment::takes_user_licenses_only) {
        report.add(Kind::DeviceLicenseForUserEnrollment, subject);
    }
    if differ(situation.country, device.country.as_deref()) {
        report.add(Kind::CountryMismatch, subject);
    }
    let Some(user) = device.user.clone().map(Holder::User) else { return };
    if wanted.contains(&(key, &user)) || situation.held.contains(&(key.clone(), user)) {
        report.add(Kind::BothLicenseKinds, subject);
    }
}

fn to_user(
    situation: &Situation<'_>,
    key: &AssetKey,
    user: &str,
    devices: &[&str],
    wanted: &HashSet<(&AssetKey, &Holder)>,
    report: &mut Report,
) {
    let holder = Holder::User(user.to_owned());
    let subject = || Subject::of(Some(key), Some(&holder));
    // A device in the job itself is named from its own side.
    let also_a_device = devices.iter().any(|serial| {
        let device = Holder::Device((*serial).to_owned());
        !wanted.contains(&(key, &device)) && situation.held.contains(&(key.clone(), device))
    });
    if also_a_device {
        report.add(Kind::BothLicenseKinds, subject);
    }
    let known = |serial: &&str| situation.about.devices.get(*serial);
    if devices.iter().filter_map(known).any(|device| device.kiosk == Some(true)) {
        report.add(Kind::UserLicenseForKiosk, subject);
    }
    let Some(facts) = situation.about.users.get(user) else { return };
    if differ(situation.country, facts.country.as_deref()) {
        report.add(Kind::CountryMismatch, subject);
    }
    match facts.standing {
        Some(UserStanding::Unknown) => report.add(Kind::UserNotRegistered, subject),
        Some(UserStanding::Retired) => report.add(Kind::UserRetired, subject),
        Some(UserStanding::Registered) if facts.app_store_blocked == Some(true) => {
            report.add(Kind::AppStoreBlocked, subject);
        }
        Some(UserStanding::Registered) => report.add(Kind::UserNotAssociated, subject),
        None if facts.app_store_blocked == Some(true) => report.add(Kind::AppStoreBlocked, subject),
        Some(UserStanding::Associated) | None => {}
    }
}

/// What is seen by looking at all pairs of an asset together.
fn per_asset(situation: &Situation<'_>, report: &mut Report) {
    let mut needed: HashMap<&AssetKey, i64> = HashMap::new();
    for pair in situation.pairs {
        let asset = situation.assets.get(&pair.0);
        let possible = asset.is_some_and(|asset| rule_against(Action::Assign, asset, &pair.1).is_none());
        if possible && !situation.held.contains(pair) {
            *needed.entry(&pair.0).or_default() += 1;
        }
    }
    let mut assets: Vec<_> =
        situation.assets.values().filter(|asset| needed.contains_key(&asset.key)).collect();
    assets.sort_by(|one, other| one.key.cmp(&other.key));
    for asset in &assets {
        let subject = || Subject::of(Some(&asset.key), None);
        match asset.supply {
            Supply::Unlimited => report.add(Kind::UnlimitedCounts, subject),
            Supply::Limited { .. } => {
                if needed.get(&asset.key).is_some_and(|needed| *needed > asset.supply.free()) {
                    report.add(Kind::NoLicenseFree, subject);
                }
            }
        }
    }
    let products: HashSet<&str> = assets
        .iter()
        .filter(|asset| asset.key.pricing == Pricing::Standard)
        .map(|asset| asset.key.adam_id.as_str())
        .collect();
    for asset in &assets {
        if asset.key.pricing == Pricing::Plus && products.contains(asset.key.adam_id.as_str()) {
            report.add(Kind::MixedQualities, || Subject::of(Some(&asset.key), None));
        }
    }
}

/// What is seen by looking at all devices of a user together.
fn per_user(situation: &Situation<'_>, devices_of: &HashMap<&str, Vec<&str>>, report: &mut Report) {
    let mut seen = HashSet::new();
    for (_, holder) in situation.pairs {
        let Holder::User(user) = holder else { continue };
        if !seen.insert(user.as_str()) {
            continue;
        }
        let devices = devices_of.get(user.as_str()).map_or(&[][..], Vec::as_slice);
        let enrollments =
            || devices.iter().filter_map(|serial| situation.about.devices.get(*serial)?.enrollment);
        let account_driven = enrollments().any(Enrollment::is_account_driven);
        if account_driven && enrollments().any(|enrollment| !enrollment.is_account_driven()) {
            report.add(Kind::MixedEnrollments, || Subject::of(None, Some(holder)));
        }
    }
}

fn differ(here: Option<&str>, there: Option<&str>) -> bool {
    here.zip(there).is_some_and(|(here, there)| !here.eq_ignore_ascii_case(there))
}

/// Whether a license of this asset, once given, can be taken back: false for books (rules S-25, N-30).
#[must_use]
pub fn comes_back(asset: &Asset) -> bool {
    asset.revocable && asset.product_type != ProductType::Book
}

#[cfg(test)]
mod tests;
