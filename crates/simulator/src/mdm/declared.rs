//! What a device does with its declarations, and what it reports of its declared apps
//! (<https://github.com/apple/device-management/tree/release/declarative>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::ddm::{Declaration, Report};
use super::device::{Device, Installed};
use super::plists;
use super::react::holds_license;
use crate::catalog::product::{Edition, Version};
use crate::schedule::Action;
use crate::shared::Shared;
use crate::world::Organization;
use crate::world::holders::HolderKind;

const APP: &str = "com.apple.configuration.app.managed";
const ACTIVATION: &str = "com.apple.activation.simple";
const SUBSCRIPTIONS: &str = "com.apple.configuration.management.status-subscriptions";

/// An app that is declared for a device.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Config {
    /// Which text of the declaration it is.
    #[serde(skip)]
    pub(crate) token: u64,
    pub(crate) adam_id: String,
    pub(crate) bundle_id: String,
    /// The declaration's own words.
    pub(crate) payload: Value,
    /// Why it failed.
    pub(crate) failure: Option<&'static str>,
}

/// Puts a device's declarations into force.
pub(crate) fn sync(
    shared: &Shared,
    organization: &Organization,
    device: &mut Device,
    items: &[Declaration],
    now_us: i64,
) {
    let active: BTreeSet<&str> = items
        .iter()
        .filter(|item| item.kind == ACTIVATION)
        .filter_map(|item| item.payload["StandardConfigurations"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let in_force = |item: &&Declaration| active.contains(item.identifier.as_str());
    device.tells_of_apps = items.iter().filter(in_force).any(|item| {
        let wanted = item.payload["StatusItems"].as_array().into_iter().flatten();
        item.kind == SUBSCRIPTIONS && wanted.into_iter().any(|item| item["Name"] == "app.managed.list")
    });
    let wanted: BTreeMap<&str, &Declaration> = items
        .iter()
        .filter(in_force)
        .filter(|item| item.kind == APP)
        .map(|item| (item.identifier.as_str(), item))
        .collect();
    let gone: Vec<String> =
        device.declared.keys().filter(|name| !wanted.contains_key(name.as_str())).cloned().collect();
    for name in gone {
        if let Some(config) = device.declared.remove(&name) {
            device.apps.remove(&config.bundle_id);
        }
    }
    for (name, item) in wanted {
        if device.declared.get(name).is_some_and(|config| config.token == item.token) {
            continue;
        }
        if let Some(config) = apply(shared, organization, device, item, now_us) {
            device.declared.insert(name.to_owned(), config);
        }
    }
}

/// Puts one app's declaration into force. Nothing when the store knows no such product.
fn apply(
    shared: &Shared,
    organization: &Organization,
    device: &mut Device,
    item: &Declaration,
    now_us: i64,
) -> Option<Config> {
    let adam_id = item.payload["AppStoreID"].as_str()?.to_owned();
    let found = shared.store.find(organization, None, std::slice::from_ref(&adam_id)).pop()?;
    let facts = shared.store.facts(&found);
    let mut config = Config {
        token: item.token,
        adam_id,
        bundle_id: facts.bundle_id.clone(),
        payload: item.payload.clone(),
        failure: None,
    };
    let edition = facts.editions.get(&device.platform());
    config.failure = refusal(organization, device, &config, edition.is_some());
    if let (None, Some(edition)) = (config.failure, edition) {
        config.failure = install(device, &config, edition, now_us);
    }
    Some(config)
}

/// Why a device does not begin.
fn refusal(
    organization: &Organization,
    device: &mut Device,
    config: &Config,
    is_supported: bool,
) -> Option<&'static str> {
    let is_new = device.apps.get(&config.bundle_id).is_none_or(|app| app.external_id.is_none());
    if device.behavior.no_license > 0 {
        device.behavior.no_license -= 1;
        return Some("Error.LicenseNotFound");
    }
    let is_licensed = match config.payload["InstallBehavior"]["License"]["Assignment"].as_str() {
        Some("Device") => holds_license(organization, &config.adam_id, HolderKind::Device, &device.serial),
        Some("User") => device
            .user
            .as_deref()
            .is_some_and(|user| holds_license(organization, &config.adam_id, HolderKind::User, user)),
        _ => false,
    };
    match (is_supported, is_licensed) {
        (false, _) => Some("Error.NotSupported"),
        (true, false) => Some("Error.LicenseNotFound"),
        (true, true) if device.behavior.refuses => Some("Error.UserRejected"),
        (true, true) if device.behavior.fails && is_new => Some("Error.DownloadFailed"),
        (true, true) if device.behavior.fails => Some("Error.UpdateFailed"),
        (true, true) => None,
    }
}

/// Installs, updates or takes over, as the device behaves.
fn install(device: &mut Device, config: &Config, edition: &Edition, now_us: i64) -> Option<&'static str> {
    let out = edition.out_in(&device.behavior.storefront);
    let pinned = config.payload["InstallBehavior"]["Version"].as_u64();
    let here = device.apps.get(&config.bundle_id).and_then(|app| app.external_id);
    let version = match (pinned, here) {
        // Without a pin it keeps what it has.
        (None, Some(_)) => None,
        (None, None) => out.first().copied(),
        (Some(pinned), Some(here)) if here == pinned => None,
        (Some(pinned), Some(here)) if here > pinned => return Some("Error.InstallFailed"),
        (Some(pinned), _) => match out.iter().find(|version| version.external_id == pinned) {
            Some(version) => Some(*version),
            None if here.is_some() => return Some("Error.UpdateFailed"),
            None => return Some("Error.InstallFailed"),
        },
    };
    let stands_still = device.behavior.single_app || (device.behavior.locked && here.is_some());
    let app = device.apps.entry(config.bundle_id.clone()).or_insert_with(|| Installed {
        adam_id: config.adam_id.clone(),
        status: "Queued",
        external_id: None,
        display: None,
        told_once: None,
        coming: None,
    });
    match version {
        Some(version) if !stands_still => begin(app, version, device.behavior.install_ms, now_us),
        Some(_) | None => {}
    }
    None
}

fn begin(app: &mut Installed, version: &Version, install_ms: u64, now_us: i64) {
    let at_us = now_us + i64::try_from(install_ms).unwrap_or(0) * 1000;
    app.status = if app.external_id.is_none() { "Installing" } else { "Updating" };
    app.coming = Some((at_us, version.external_id, version.display.clone()));
}

/// What a device says of its declared apps, by bundle id.
fn list(device: &Device) -> BTreeMap<String, Value> {
    let item = |(name, config): (&String, &Config)| {
        let app = device.apps.get(&config.bundle_id);
        let version = app.and_then(|app| app.external_id);
        let is_coming = app.is_some_and(|app| app.coming.is_some());
        let mut item = json!({ "identifier": config.bundle_id, "declaration-identifier": name });
        item["state"] = match (version, is_coming, config.failure) {
            (Some(_), _, _) => "managed",
            (None, true, _) => "installing",
            (None, false, Some(_)) => "failed",
            (None, false, None) => "queued",
        }
        .into();
        if let Some(version) = version {
            item["external-version-id"] = version.into();
            item["short-version"] = app.and_then(|app| app.display.clone()).into();
            if is_coming {
                item["update-state"] = "updating".into();
            } else if config.failure.is_some() {
                item["update-state"] = "failed".into();
            }
        }
        if let Some(failure) = config.failure {
            item["reasons"] = json!([{ "code": failure, "description": "As the simulator was told." }]);
        }
        (config.bundle_id.clone(), item)
    };
    device.declared.iter().map(item).collect()
}

impl Shared {
    /// Lets a device report what has changed of its declared apps, or all of them.
    pub(crate) fn report(&self, udid: &Arc<str>, is_full: bool) {
        let (now_us, now_ms) = (self.clock.now_us(), self.clock.now_ms());
        let mut inner = self.fleet.inner();
        let Some(device) = inner.devices.get_mut(udid) else { return };
        if device.behavior.asleep || !device.enrolled || !device.tells_of_apps {
            return;
        }
        device.settle(now_us);
        let next_us = device.apps.values().filter_map(|app| app.coming.as_ref()).map(|coming| coming.0).min();
        if let Some(at_us) = next_us {
            self.schedule.put(at_us, Action::Report { udid: Arc::clone(udid) });
        }
        let list = list(device);
        let told = std::mem::replace(&mut device.told, list.clone());
        let mut items: Vec<Value> = list
            .iter()
            .filter(|(name, item)| is_full || told.get(*name) != Some(*item))
            .map(|(_, item)| item.clone())
            .collect();
        if !is_full {
            let gone = told.keys().filter(|name| !list.contains_key(*name));
            items.extend(gone.map(|name| json!({ "identifier": name, "_removed": true })));
        }
        if items.is_empty() && !is_full {
            return;
        }
        let mut report = json!({ "StatusItems": { "app": { "managed": { "list": items } } }, "Errors": [] });
        if is_full {
            report["FullReport"] = true.into();
        }
        let body = report.to_string().into_bytes();
        let event = plists::declarative(udid, "status", Some(body.clone()));
        inner.ddm.keep(udid, Report { body, at_ms: now_ms });
        self.post_event(&mut inner, udid, event);
    }
}
