//! What a device does with a command.

use plist::{Dictionary, Value};

use super::device::{Command, Device, Installed};
use super::plists::{Answer, adam_id};
use crate::shared::Shared;
use crate::world::Organization;
use crate::world::asset::{AssetKey, Pricing};
use crate::world::holders::HolderKind;

/// “License not found”, below the MDM client's own error.
const NO_LICENSE: &[(i64, &str, &str)] = &[
    (12_064, "MCMDMErrorDomain", "License not found"),
    (9_610, "ASDServerErrorDomain", "License not found for the app"),
];
/// “Duplicate request”: the app is in the device's queue.
const DUPLICATE: &[(i64, &str, &str)] = &[(506, "ASDErrorDomain", "Duplicate request")];

/// Commands do nothing to declared apps.
const DECLARED: &[(i64, &str, &str)] = &[(12_078, "MCMDMErrorDomain", "The app is managed by a declaration")];

pub(crate) fn react(
    shared: &Shared,
    organization: &Organization,
    device: &mut Device,
    command: &Command,
    now_us: i64,
) -> Answer {
    if device.behavior.not_now > 0 {
        device.behavior.not_now -= 1;
        return Answer::not_now();
    }
    match command.request_type.as_str() {
        "InstallApplication" => install(shared, organization, device, command, now_us),
        "ManagedApplicationList" => Answer::acknowledged(list(device)),
        "RemoveApplication" => remove(device, command),
        "DeviceInformation" => Answer::acknowledged(describe(device)),
        // What comes of it, its status reports tell.
        "DeclarativeManagement" => Answer::acknowledged(Dictionary::new()),
        _ => Answer::error(&[(12_021, "MCMDMErrorDomain", "Unknown command")]),
    }
}

fn install(
    shared: &Shared,
    organization: &Organization,
    device: &mut Device,
    command: &Command,
    now_us: i64,
) -> Answer {
    let Some(adam_id) = adam_id(&command.fields) else {
        return Answer::error(&[(12_026, "MCMDMErrorDomain", "The app could not be verified")]);
    };
    if device.declared.values().any(|config| config.adam_id == adam_id) {
        return Answer::error(DECLARED);
    }
    if device.behavior.no_license > 0 {
        device.behavior.no_license -= 1;
        return Answer::error(NO_LICENSE);
    }
    if !is_licensed(organization, &adam_id, device) {
        return Answer::error(NO_LICENSE);
    }
    if device.behavior.duplicate > 0 {
        device.behavior.duplicate -= 1;
        start(shared, organization, device, &adam_id, now_us);
        return Answer::error(DUPLICATE);
    }
    if device.apps.values().any(|app| app.adam_id == adam_id && app.coming.is_some()) {
        return Answer::error(DUPLICATE);
    }
    match start(shared, organization, device, &adam_id, now_us) {
        Some(bundle_id) => {
            let mut fields = Dictionary::new();
            fields.insert("Identifier".to_owned(), bundle_id.into());
            fields.insert("State".to_owned(), "Queued".into());
            Answer::acknowledged(fields)
        }
        None => {
            let mut fields = Dictionary::new();
            fields.insert("RejectionReason".to_owned(), "NotSupported".into());
            Answer::acknowledged(fields)
        }
    }
}

/// Starts to install or update, as the device behaves. Answers what it knows the app by; nothing when it is none for its platform.
fn start(
    shared: &Shared,
    organization: &Organization,
    device: &mut Device,
    adam_id: &str,
    now_us: i64,
) -> Option<String> {
    let ids = [adam_id.to_owned()];
    let found = shared.store.find(organization, None, &ids).pop()?;
    let facts = shared.store.facts(&found);
    let edition = facts.editions.get(&device.platform())?;
    let version = (*edition.out_in(&device.behavior.storefront).first()?).clone();
    let behavior = device.behavior.clone();
    let is_new = device.apps.get(&facts.bundle_id).is_none_or(|app| app.external_id.is_none());
    let app = device.apps.entry(facts.bundle_id.clone()).or_insert_with(|| Installed {
        adam_id: adam_id.to_owned(),
        status: "Queued",
        external_id: None,
        display: None,
        told_once: None,
        coming: None,
    });
    if behavior.refuses {
        app.told_once = Some(if is_new { "UserRejected" } else { "UpdateRejected" });
    } else if behavior.fails {
        app.told_once = Some("Failed");
    } else if behavior.single_app || (behavior.locked && !is_new) {
        // It took the command, and nothing comes of it.
    } else {
        let at_us = now_us + i64::try_from(behavior.install_ms).unwrap_or(0) * 1000;
        if behavior.install_ms == 0 {
            app.status = "Managed";
            app.external_id = Some(version.external_id);
            app.display = Some(version.display);
        } else {
            app.status = if is_new { "Installing" } else { "Updating" };
            app.coming = Some((at_us, version.external_id, version.display));
        }
    }
    Some(facts.bundle_id)
}

/// Whether a device, or whose it is, holds a license for a product, wherever.
fn is_licensed(organization: &Organization, adam_id: &str, device: &Device) -> bool {
    let of_user = device.user.as_deref();
    holds_license(organization, adam_id, HolderKind::Device, &device.serial)
        || of_user.is_some_and(|user| holds_license(organization, adam_id, HolderKind::User, user))
}

/// Whether a holder has a license for a product, wherever.
pub(crate) fn holds_license(
    organization: &Organization,
    adam_id: &str,
    kind: HolderKind,
    holder: &str,
) -> bool {
    organization.locations.values().any(|location| {
        location.holders.find(kind, holder).is_some_and(|holder| {
            [Pricing::Standard, Pricing::Plus].into_iter().any(|pricing| {
                let key = AssetKey { adam_id: adam_id.to_owned(), pricing };
                location.asset_id(&key).is_some_and(|asset| location.licenses.contains((asset, holder)))
            })
        })
    })
}

fn list(device: &mut Device) -> Dictionary {
    let mut apps = Dictionary::new();
    let mut never_came = Vec::new();
    let declared: Vec<String> = device.declared.values().map(|config| config.bundle_id.clone()).collect();
    for (bundle_id, app) in device.apps.iter_mut().filter(|(name, _)| !declared.contains(name)) {
        let mut fields = Dictionary::new();
        let told_once = app.told_once.take();
        if told_once.is_some() && app.external_id.is_none() {
            never_came.push(bundle_id.clone());
        }
        let status = told_once.unwrap_or(app.status);
        fields.insert("Status".to_owned(), status.into());
        fields.insert("IsValidated".to_owned(), true.into());
        if let Some(external_id) = app.external_id {
            fields.insert("ExternalVersionIdentifier".to_owned(), Value::Integer(external_id.into()));
        }
        apps.insert(bundle_id.clone(), Value::Dictionary(fields));
    }
    // An app that was declined or failed, and was not there before, is told of with that once and is none afterwards.
    device.apps.retain(|bundle_id, _| !never_came.contains(bundle_id));
    let mut fields = Dictionary::new();
    fields.insert("ManagedApplicationList".to_owned(), Value::Dictionary(apps));
    fields
}

fn remove(device: &mut Device, command: &Command) -> Answer {
    let bundle_id = command.fields.get("Identifier").and_then(Value::as_string).unwrap_or_default();
    if device.has_declared(bundle_id) || device.apps.remove(bundle_id).is_none() {
        return Answer::error(&[(12_020, "MCMDMErrorDomain", "The app is not managed")]);
    }
    let mut fields = Dictionary::new();
    fields.insert("Identifier".to_owned(), bundle_id.into());
    Answer::acknowledged(fields)
}

fn describe(device: &Device) -> Dictionary {
    let mut said = Dictionary::new();
    for (key, value) in [
        ("SerialNumber", device.serial.as_str()),
        ("OSVersion", device.os_version.as_str()),
        ("ProductName", device.model.as_str()),
        ("TimeZone", device.time_zone.as_str()),
    ] {
        said.insert(key.to_owned(), value.into());
    }
    said.insert("IsSupervised".to_owned(), true.into());
    let mut fields = Dictionary::new();
    fields.insert("QueryResponses".to_owned(), Value::Dictionary(said));
    fields
}
