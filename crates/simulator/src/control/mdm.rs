//! `/_sim/mdm`: the MDM server, its devices, and what they do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Refusal, answer, read};
use crate::mdm::device::{Behavior, Device, Installed};
use crate::mdm::plists;
use crate::mdm::webhook::Hook;
use crate::schedule::Action;
use crate::shared::Shared;

/// Devices that there can be.
const MOST_DEVICES: usize = 500_000;

/// What `PATCH /_sim/mdm` takes; what is missing stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerChange {
    api_key: Option<String>,
    webhook: Option<Hook>,
    /// How many of the next calls are answered with 500 and nothing else.
    broken: Option<u32>,
    /// How many of the next calls are carried out and not answered.
    lost: Option<u32>,
    /// The key to the KMFDDM's API.
    declarations_key: Option<String>,
    /// How many of its next calls are answered with 500 and nothing else.
    declarations_broken: Option<u32>,
}

/// What `POST /_sim/mdm/devices` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDevices {
    /// Serial numbers; the UDIDs are made of them.
    serials: Option<Vec<String>>,
    /// How many to make up, named by the prefix and a number.
    count: Option<usize>,
    #[serde(default = "prefix")]
    prefix: String,
    #[serde(default = "model")]
    model: String,
    #[serde(default = "os_version")]
    os_version: String,
    #[serde(default = "time_zone")]
    time_zone: String,
    /// Whose they are, by `clientUserId`.
    user: Option<String>,
    #[serde(default)]
    behavior: Behavior,
    /// Apps that they have: bundle id to product and version.
    #[serde(default)]
    apps: BTreeMap<String, HasApp>,
    /// Whether they enroll at once, and tell so.
    #[serde(default = "yes")]
    enroll: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct HasApp {
    adam_id: String,
    external_id: u64,
}

/// Which devices, and how they behave from now on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Serial numbers; all devices without any.
    serials: Option<Vec<String>>,
    /// What is to be otherwise about how they behave.
    #[serde(default)]
    behavior: Map<String, Value>,
    os_version: Option<String>,
}

fn prefix() -> String {
    "VDEV".to_owned()
}

fn model() -> String {
    "iPad13,1".to_owned()
}

fn os_version() -> String {
    "18.2".to_owned()
}

fn time_zone() -> String {
    "Europe/Amsterdam".to_owned()
}

fn yes() -> bool {
    true
}

/// The server and what was counted.
pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Answer {
    let inner = shared.fleet.inner();
    answer(&json!({
        "url": format!("{}{}", shared.url, crate::mdm::PREFIX),
        "declarations_url": format!("{}{}", shared.url, crate::mdm::ddm_api::PREFIX),
        "declarations": inner.ddm.declarations.keys().collect::<Vec<_>>(),
        "devices": inner.devices.len(),
        "enrolled": inner.devices.values().filter(|device| device.enrolled).count(),
        "queued": inner.devices.values().map(|device| device.queue.len()).sum::<usize>(),
        "counts": inner.counts,
    }))
}

/// Sets what is given.
pub(super) async fn change(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let change: ServerChange = read(&body)?;
    {
        let mut inner = shared.fleet.inner();
        if let Some(api_key) = change.api_key {
            inner.api_key = api_key;
        }
        if let Some(hook) = change.webhook {
            inner.hook = Some(hook);
        }
        inner.broken = change.broken.unwrap_or(inner.broken);
        inner.lost = change.lost.unwrap_or(inner.lost);
        if let Some(key) = change.declarations_key {
            inner.ddm.key = key;
        }
        inner.ddm.broken = change.declarations_broken.unwrap_or(inner.ddm.broken);
    }
    show(State(shared)).await
}

/// Makes devices, and lets them enroll.
pub(super) async fn add(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let new: NewDevices = read(&body)?;
    let serials = match (new.serials, new.count) {
        (Some(serials), None) => serials,
        (None, Some(count)) if count <= MOST_DEVICES => {
            (0..count).map(|number| format!("{}{number:07}", new.prefix)).collect()
        }
        _ => return Err(Refusal::Bad(format!("give either serials or a count of at most {MOST_DEVICES}"))),
    };
    let apps: BTreeMap<String, Installed> = new
        .apps
        .into_iter()
        .map(|(bundle_id, app)| {
            let installed = Installed {
                adam_id: app.adam_id,
                status: "Managed",
                external_id: Some(app.external_id),
                display: None,
                told_once: None,
                coming: None,
            };
            (bundle_id, installed)
        })
        .collect();
    let mut inner = shared.fleet.inner();
    if inner.devices.len() + serials.len() > MOST_DEVICES {
        return Err(Refusal::Bad(format!("there can be {MOST_DEVICES} devices")));
    }
    let mut added = 0;
    for serial in serials {
        let udid: Arc<str> = format!("UDID-{serial}").into();
        let device = Device {
            udid: Arc::clone(&udid),
            serial: serial.clone(),
            model: new.model.clone(),
            os_version: new.os_version.clone(),
            time_zone: new.time_zone.clone(),
            user: new.user.clone(),
            enrolled: new.enroll,
            behavior: new.behavior.clone(),
            apps: apps.clone(),
            declared: BTreeMap::new(),
            told: BTreeMap::new(),
            tells_of_apps: false,
            queue: VecDeque::new(),
            awake: false,
            given: VecDeque::new(),
            seen_ms: shared.clock.now_ms(),
        };
        if new.enroll {
            let events = [plists::authenticate(&device), plists::token_update(&device)];
            for event in events {
                shared.post_event(&mut inner, &udid, event);
            }
        }
        inner.by_serial.insert(serial, Arc::clone(&udid));
        inner.devices.insert(udid, device);
        added += 1;
    }
    answer(&json!({ "added": added }))
}

/// Changes how devices behave.
pub(super) async fn behave(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let which: Which = read(&body)?;
    let mut changed = 0;
    let mut waking = Vec::new();
    {
        let mut inner = shared.fleet.inner();
        for udid in chosen(&inner, which.serials.as_deref())? {
            let Some(device) = inner.devices.get_mut(&udid) else { continue };
            device.behavior = merged(&device.behavior, &which.behavior)?;
            if let Some(os_version) = &which.os_version {
                device.os_version.clone_from(os_version);
            }
            changed += 1;
            if !device.behavior.asleep && !device.queue.is_empty() {
                waking.push(udid);
            }
        }
    }
    let ids: Vec<&str> = waking.iter().map(|udid| &**udid).collect();
    // Whoever wakes up sees what came meanwhile.
    shared.wake_devices(&ids);
    answer(&json!({ "changed": changed }))
}

fn merged(behavior: &Behavior, changes: &Map<String, Value>) -> Result<Behavior, Refusal> {
    let impossible = |error: serde_json::Error| Refusal::Bad(format!("no device behaves so: {error}"));
    let mut fields = serde_json::to_value(behavior).map_err(impossible)?;
    for (name, value) in changes {
        fields[name] = value.clone();
    }
    serde_json::from_value(fields).map_err(impossible)
}

/// Lets devices leave, and tell so.
pub(super) async fn leave(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let which: Which = read(&body)?;
    let mut inner = shared.fleet.inner();
    let chosen = chosen(&inner, which.serials.as_deref())?;
    for udid in &chosen {
        let Some(device) = inner.devices.get_mut(udid) else { continue };
        device.enrolled = false;
        let event = plists::check_out(device);
        shared.post_event(&mut inner, udid, event);
    }
    answer(&json!({ "left": chosen.len() }))
}

/// Lets devices look whether there is something for them, without a push.
pub(super) async fn check_in(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let which: Which = read(&body)?;
    let now_us = shared.clock.now_us();
    let mut inner = shared.fleet.inner();
    let chosen = chosen(&inner, which.serials.as_deref())?;
    for udid in &chosen {
        if let Some(device) = inner.devices.get_mut(udid)
            && !device.awake
        {
            device.awake = true;
            shared.schedule.put(now_us, Action::CheckIn { udid: Arc::clone(udid) });
        }
    }
    answer(&json!({ "coming": chosen.len() }))
}

/// Lets devices report all of their declared apps, as they do once a day.
pub(super) async fn report(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let which: Which = read(&body)?;
    let chosen = chosen(&shared.fleet.inner(), which.serials.as_deref())?;
    for udid in &chosen {
        shared.report(udid, true);
    }
    answer(&json!({ "reported": chosen.len() }))
}

fn chosen(inner: &crate::mdm::fleet::Inner, serials: Option<&[String]>) -> Result<Vec<Arc<str>>, Refusal> {
    let Some(serials) = serials else { return Ok(inner.devices.keys().cloned().collect()) };
    serials
        .iter()
        .map(|serial| {
            let known = inner.by_serial.get(serial).cloned();
            known.ok_or_else(|| Refusal::Missing(format!("there is no device {serial}")))
        })
        .collect()
}

/// One device: what it has and what it was given.
pub(super) async fn device(State(shared): State<Arc<Shared>>, Path(serial): Path<String>) -> Answer {
    let now_us = shared.clock.now_us();
    let mut inner = shared.fleet.inner();
    let known = inner.by_serial.get(&serial).cloned();
    let device = known.and_then(|udid| inner.devices.get_mut(&udid));
    let device = device.ok_or_else(|| Refusal::Missing(format!("there is no device {serial}")))?;
    device.settle(now_us);
    let udid = Arc::clone(&device.udid);
    let sets = inner.ddm.of_devices.get(&*udid).cloned().unwrap_or_default();
    let device =
        inner.devices.get(&udid).ok_or_else(|| Refusal::Missing(format!("there is no device {serial}")))?;
    answer(&json!({
        "udid": &*device.udid,
        "serial": device.serial,
        "enrolled": device.enrolled,
        "behavior": device.behavior,
        "apps": device.apps,
        "declared": device.declared,
        "sets": sets,
        "queued": device.queue.len(),
        "given": device.given,
    }))
}
