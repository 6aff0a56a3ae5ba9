//! Writes down what an MDM server told: which devices there are, what they answered, which apps they have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use russet_domain::directory::DeviceState;
use russet_domain::install::{Answer, InstallState, Step, after_answer, after_report};
use russet_domain::{DeviceId, Timestamp};
use russet_mdm::inbound::{Answered, App, Declared, DeviceFacts, Event, What};
use russet_queue::jobs::{Reconcile, SendCommands};
use russet_queue::{Due, When};
use russet_store::Tx;
use russet_store::awaited::{self, Polled};
use russet_store::connectors::{self, Connector};
use russet_store::device_apps::{self, DeviceApp};
use russet_store::directory::devices::{self, Device, NewDevice};
use russet_store::directory::enrollments;
use russet_store::installs::{self, Install, Shift, Waiting};
use russet_store::mdm_messages::{self, MessageId};

use super::{declared, missing};
use crate::context::Context;
use crate::error::JobError;
use crate::gates;

/// What events came in; it is noted as read in the transaction that writes them down.
pub(crate) enum Source<'a> {
    /// The server's messages, with the verdict on each.
    Messages(&'a [(MessageId, String)]),
    /// Answers that the server was asked for.
    Answers(&'a Polled),
}

/// What is to be done after a batch was written down.
#[derive(Default)]
pub(crate) struct Done {
    /// Enrollment ids of devices that nobody knows.
    pub(crate) strangers: Vec<String>,
    /// When something is due to be sent next.
    pub(crate) due: Option<Timestamp>,
    /// Whether devices have come or gone, which can move licenses.
    pub(crate) reconcile: bool,
    /// Devices that have told their apps.
    pub(crate) told: Vec<DeviceId>,
}

/// What the batch says, sorted.
#[derive(Default)]
struct Batch {
    /// What devices said of themselves, by enrollment id.
    facts: BTreeMap<String, DeviceFacts>,
    /// The last word of each device on whether it is managed.
    managed: BTreeMap<String, bool>,
    /// Everybody who said anything.
    seen: BTreeSet<String>,
    /// Answers to commands, by command and enrollment id.
    answers: BTreeMap<(String, String), Answered>,
    /// The last list of apps of each device.
    apps: BTreeMap<String, Vec<App>>,
    /// What each device told of its declared apps, put together.
    declared: BTreeMap<String, Declared>,
}

/// Writes a batch of events down in one transaction with what they came in. May be repeated.
pub(crate) async fn write_down(
    ctx: &Context,
    connector: &Connector,
    events: Vec<Event>,
    source: Source<'_>,
) -> Result<Done, JobError> {
    let now = ctx.now();
    let batch = Batch::sort(events);
    let mut done = Done::default();
    let mut tx = ctx.begin().await?;
    done.reconcile = take_in_devices(&mut tx, connector, &batch, now).await?;
    let known = known(&mut tx, connector, &batch).await?;
    done.strangers =
        batch.seen.iter().filter(|id| !known.contains_key(*id) && batch.is_here(id)).cloned().collect();
    done.reconcile |= unenroll(&mut tx, &batch.managed, &known, now).await?;
    let ids: Vec<DeviceId> = known.values().map(|device| device.id).collect();
    enrollments::seen(&mut tx, &ids, now).await?;
    take_in_answers(ctx, &mut tx, connector, &batch, now).await?;
    done.told = take_in_apps(ctx, &mut tx, &batch, &known, now).await?;
    done.told.extend(declared::take_in(ctx, &mut tx, &batch.declared, &known, now).await?);
    match source {
        Source::Messages(verdicts) => mdm_messages::mark_read(&mut tx, verdicts, now).await?,
        Source::Answers(polled) => awaited::polled(&mut tx, polled).await?,
    }
    connectors::heard(&mut tx, connector.id, now).await?;
    // A device that has just come is asked for its apps.
    let came = batch.managed.values().any(|managed| *managed) || !batch.facts.is_empty();
    done.due = if came { Some(now) } else { installs::next_due(&mut tx, connector.id).await? };
    tx.commit().await?;
    Ok(done)
}

/// Sets in motion what follows from a batch.
pub(crate) async fn follow_up(ctx: &Context, connector: &Connector, done: &Done) -> Result<(), JobError> {
    if done.reconcile {
        ctx.push(&Reconcile, When::default()).await?;
    }
    missing::install(ctx, &done.told).await?;
    if let Some(due) = done.due {
        ctx.push(&SendCommands { connector: connector.id }, When::due(Due::At(due))).await?;
    }
    gates::wake_due(ctx).await
}

impl Batch {
    fn sort(events: Vec<Event>) -> Self {
        let mut batch = Self::default();
        for Event { enrollment_id, what } in events {
            match what {
                // What is about a person on a device, or about something else, says nothing of the device.
                What::Other(_) => continue,
                What::Enrolling(facts) => {
                    batch.facts.insert(enrollment_id.clone(), facts);
                    batch.managed.insert(enrollment_id.clone(), true);
                }
                What::Enrolled => {
                    batch.managed.insert(enrollment_id.clone(), true);
                }
                What::Unenrolled => {
                    batch.managed.insert(enrollment_id.clone(), false);
                }
                What::Seen => {}
                What::Answered(answered) => batch.answered(&enrollment_id, *answered),
                What::Declared(told) => {
                    let before = batch.declared.remove(&enrollment_id);
                    let told = match before {
                        Some(before) => before.followed_by(told),
                        None => told,
                    };
                    batch.declared.insert(enrollment_id.clone(), told);
                }
            }
            batch.seen.insert(enrollment_id);
        }
        batch
    }

    fn answered(&mut self, enrollment_id: &str, mut answered: Answered) {
        if let Some(facts) = answered.facts.take() {
            self.facts.insert(enrollment_id.to_owned(), facts);
        }
        if let Some(apps) = answered.apps.take() {
            self.apps.insert(enrollment_id.to_owned(), apps);
        }
        let key = (answered.command_uuid.clone(), enrollment_id.to_owned());
        match self.answers.get(&key) {
            // A device that was busy first and then answered has answered, in whatever order its words came.
            Some(known) if known.answer != Answer::NotNow => {}
            Some(_) | None => {
                self.answers.insert(key, answered);
            }
        }
    }

    fn is_here(&self, enrollment_id: &str) -> bool {
        self.managed.get(enrollment_id).copied().unwrap_or(true)
    }
}

/// Devices that said which they are. Tells whether that can move a license.
async fn take_in_devices(
    tx: &mut Tx,
    connector: &Connector,
    batch: &Batch,
    now: Timestamp,
) -> Result<bool, JobError> {
    let told: Vec<NewDevice> = batch
        .facts
        .iter()
        .filter_map(|(enrollment_id, facts)| {
            Some(NewDevice {
                serial: facts.serial.clone()?,
                platform: facts.platform,
                os_version: facts.os_version.clone(),
                supervised: facts.supervised,
                // A device that answers is managed; whether it is still is decided by its last word below.
                enrolled: Some(true),
                mdm: Some(connector.name.clone()),
                mdm_enrollment_id: Some(enrollment_id.clone()),
                last_seen_at: Some(now),
                time_zone: facts.time_zone.clone(),
                ..NewDevice::default()
            })
        })
        .collect();
    if told.is_empty() {
        return Ok(false);
    }
    devices::tell(tx, &told, now).await?;
    Ok(true)
}

async fn known(
    tx: &mut Tx,
    connector: &Connector,
    batch: &Batch,
) -> Result<HashMap<String, Device>, JobError> {
    let ids: Vec<&str> = batch.seen.iter().map(String::as_str).collect();
    let devices = enrollments::devices(tx, &connector.name, &ids).await?;
    let named = |device: Device| Some((device.mdm_enrollment_id.clone()?, device));
    Ok(devices.into_iter().filter_map(named).collect())
}

/// Brings devices in step with their last word on whether they are managed. Tells whether that is news.
pub(super) async fn unenroll(
    tx: &mut Tx,
    managed: &BTreeMap<String, bool>,
    known: &HashMap<String, Device>,
    now: Timestamp,
) -> Result<bool, JobError> {
    let mut moved = false;
    let mut gone = Vec::new();
    for (enrollment_id, managed) in managed {
        let Some(device) = known.get(enrollment_id) else { continue };
        let state = if *managed { DeviceState::Enrolled } else { DeviceState::Unenrolled };
        // One that was deleted here stays so until it says again which it is.
        if device.state == DeviceState::Deleted {
            continue;
        }
        moved |= devices::set_state(tx, device, state, now).await?;
        if !managed {
            gone.push(device.id);
        }
    }
    let open = installs::open_of_devices(tx, &gone).await?;
    let step = Step { to: InstallState::Cancelled, code: Some("not_enrolled"), due: None };
    let shifts: Vec<Shift> = open
        .into_iter()
        .map(|install| Shift { id: install.id, from: install.standing.state, step, detail: None })
        .collect();
    installs::shift(tx, &shifts, now).await?;
    Ok(moved)
}

async fn take_in_answers(
    ctx: &Context,
    tx: &mut Tx,
    connector: &Connector,
    batch: &Batch,
    now: Timestamp,
) -> Result<(), JobError> {
    let keys: Vec<(String, String)> = batch.answers.keys().cloned().collect();
    if keys.is_empty() {
        return Ok(());
    }
    let waiting = installs::waiting_for_answer(tx, connector.id, &keys).await?;
    let patience = ctx.mdm_settings.patience();
    let (mut shifts, mut named) = (Vec::new(), Vec::new());
    for Waiting { command_uuid, enrollment_id, install } in waiting {
        let Some(said) = batch.answers.get(&(command_uuid, enrollment_id)) else { continue };
        if let Some(bundle_id) = &said.bundle_id {
            named.push((install.id, bundle_id.clone()));
        }
        if let Some(step) = after_answer(&install.standing, &said.answer, &patience, now) {
            let from = install.standing.state;
            shifts.push(Shift { id: install.id, from, step, detail: said.detail.clone() });
        }
    }
    installs::took_command(tx, &named).await?;
    installs::shift(tx, &shifts, now).await?;
    Ok(())
}

/// Answers who has told its apps.
async fn take_in_apps(
    ctx: &Context,
    tx: &mut Tx,
    batch: &Batch,
    known: &HashMap<String, Device>,
    now: Timestamp,
) -> Result<Vec<DeviceId>, JobError> {
    let mut told: Vec<DeviceApp> = Vec::new();
    let mut ids = Vec::new();
    for (enrollment_id, apps) in &batch.apps {
        let Some(device) = known.get(enrollment_id) else { continue };
        ids.push(device.id);
        told.extend(apps.iter().map(|app| DeviceApp {
            device: device.id,
            bundle_id: app.bundle_id.clone(),
            version: app.version,
            shown: app.shown.clone(),
            status: app.status.clone(),
            reported_at: now,
        }));
    }
    if ids.is_empty() {
        return Ok(ids);
    }
    device_apps::replace(tx, &ids, &told, now).await?;
    // The list leaves declared apps out, whether they are there or not.
    let mut waiting = installs::waiting_for_report(tx, &ids).await?;
    waiting.retain(|install| !install.declared);
    let by_app: HashMap<(DeviceId, &str), &DeviceApp> =
        told.iter().map(|app| ((app.device, app.bundle_id.as_str()), app)).collect();
    let patience = ctx.mdm_settings.patience();
    let step = |install: Install| {
        let app = install.bundle_id.as_deref().and_then(|bundle_id| by_app.get(&(install.device, bundle_id)));
        let reported = app.map(|app| app.reported());
        let step = after_report(&install.standing, reported, &patience, now)?;
        Some(Shift { id: install.id, from: install.standing.state, step, detail: None })
    };
    let shifts: Vec<Shift> = waiting.into_iter().filter_map(step).collect();
    installs::shift(tx, &shifts, now).await?;
    Ok(ids)
}
