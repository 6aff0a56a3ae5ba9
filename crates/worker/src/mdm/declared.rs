//! What becomes of declared apps: what devices tell of them, by webhook or as the server keeps it, and of devices that have left.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use russet_domain::install::{Reported, after_report, as_of};
use russet_domain::{DeviceId, InstallId, Timestamp};
use russet_mdm::Declares;
use russet_mdm::inbound::{Declared, ToldApp};
use russet_store::connectors::Connector;
use russet_store::declared::{self, Stray};
use russet_store::device_apps::{self, DeviceApp};
use russet_store::directory::devices::Device;
use russet_store::directory::enrollments;
use russet_store::installs::{self, Install, Shift};
use russet_store::{Tx, connectors};

use super::commands::failed;
use super::missing;
use crate::context::Context;
use crate::error::JobError;
use crate::gates;

/// Declarations of devices that left that a server is rid of in one round.
const STRAYS_MAX: usize = 200;

/// What devices told, sorted.
#[derive(Default)]
struct Told<'a> {
    ids: Vec<DeviceId>,
    full: Vec<DeviceId>,
    apps: BTreeMap<(DeviceId, &'a str), &'a ToldApp>,
    by_product: HashMap<(DeviceId, u64), &'a ToldApp>,
    removed: BTreeSet<(DeviceId, String)>,
}

/// Writes down what devices told of their declared apps, and what follows for their installs. Answers who they are.
pub(super) async fn take_in(
    ctx: &Context,
    tx: &mut Tx,
    reports: &BTreeMap<String, Declared>,
    known: &HashMap<String, Device>,
    now: Timestamp,
) -> Result<Vec<DeviceId>, JobError> {
    let told = Told::sort(reports, known);
    if told.ids.is_empty() {
        return Ok(told.ids);
    }
    let apps: Vec<DeviceApp> = told.apps.iter().map(|((device, _), app)| row(*device, app, now)).collect();
    let removed: Vec<_> = told.removed.iter().cloned().collect();
    device_apps::tell_declared(tx, &told.full, &apps, &removed, now).await?;
    let mut waiting = installs::waiting_for_report(tx, &told.ids).await?;
    waiting.retain(|install| install.declared);
    let on_devices = device_apps::declared_of(tx, &told.ids).await?;
    let (mut shifts, mut named, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    let patience = ctx.mdm_settings.patience();
    for install in waiting {
        let app = told.of(&install);
        if let Some(app) = app {
            named.push((install.id, app.app.bundle_id.clone()));
        }
        let reported = match app {
            Some(app) => {
                let reported = row(install.device, app, now).reported();
                Some(as_of(&install.standing, reported, app.told_at, &patience, now))
            }
            None if told.has_gone(&install, &on_devices) => None,
            None => continue,
        };
        if let Some(shift) = shift(ctx, &install, reported, app, now) {
            if shift.step.to.has_ended() && install.standing.removes {
                gone.push(install.id);
            }
            shifts.push(shift);
        }
    }
    installs::took_command(tx, &named).await?;
    let moved: HashSet<InstallId> =
        installs::shift(tx, &shifts, now).await?.into_iter().map(|moved| moved.id).collect();
    gone.retain(|id| moved.contains(id));
    declared::gone(tx, &gone).await?;
    Ok(told.ids)
}

fn shift(
    ctx: &Context,
    install: &Install,
    reported: Option<Reported>,
    app: Option<&ToldApp>,
    now: Timestamp,
) -> Option<Shift> {
    let step = after_report(&install.standing, reported, &ctx.mdm_settings.patience(), now)?;
    let detail = app.map(|app| app.app.status.clone()).filter(|word| word.starts_with("Error."));
    Some(Shift { id: install.id, from: install.standing.state, step, detail })
}

impl<'a> Told<'a> {
    fn sort(reports: &'a BTreeMap<String, Declared>, known: &HashMap<String, Device>) -> Self {
        let mut told = Self::default();
        for (enrollment_id, report) in reports {
            let Some(device) = known.get(enrollment_id).map(|device| device.id) else { continue };
            told.ids.push(device);
            if report.is_full {
                told.full.push(device);
            }
            for app in &report.apps {
                told.apps.insert((device, &app.app.bundle_id), app);
                if let Some(adam_id) = app.adam_id {
                    told.by_product.insert((device, adam_id), app);
                }
            }
            told.removed.extend(report.removed.iter().map(|bundle_id| (device, bundle_id.clone())));
        }
        told
    }

    /// What was told of an install's app: under the name of our declaration, or under what devices know it by.
    fn of(&self, install: &Install) -> Option<&'a ToldApp> {
        let product = install.adam_id.parse().ok();
        let by_product = product.and_then(|product| self.by_product.get(&(install.device, product)));
        let bundle_id = install.bundle_id.as_deref();
        by_product.or_else(|| self.apps.get(&(install.device, bundle_id?))).copied()
    }

    /// Whether an install's app is known not to be on its device: it was told so, or it is to go and was never told of.
    fn has_gone(&self, install: &Install, on_devices: &HashSet<(DeviceId, String)>) -> bool {
        let key = |bundle_id: &String| (install.device, bundle_id.clone());
        let is_in = |set: &dyn Fn(&(DeviceId, String)) -> bool| {
            install.bundle_id.as_ref().is_some_and(|bundle_id| set(&key(bundle_id)))
        };
        self.full.contains(&install.device)
            || is_in(&|key| self.removed.contains(key))
            || (install.standing.removes && !is_in(&|key| on_devices.contains(key)))
    }
}

fn row(device: DeviceId, told: &ToldApp, now: Timestamp) -> DeviceApp {
    DeviceApp {
        device,
        bundle_id: told.app.bundle_id.clone(),
        version: told.app.version,
        shown: told.app.shown.clone(),
        status: told.app.status.clone(),
        reported_at: now,
    }
}

/// Asks a server what it keeps of these devices' reports: its webhooks come once and never again, and those that were lost show
/// here. The devices themselves say nothing to it.
pub(super) async fn ask(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Declares,
    devices: &[String],
) -> Result<(), JobError> {
    if devices.is_empty() {
        return Ok(());
    }
    let told = match server.reports(devices).await {
        Ok(told) => told,
        Err(error) => {
            failed(ctx, connector, &error).await?;
            return Ok(());
        }
    };
    // Who has told nothing at all has told nothing of apps that are to go.
    let mut reports: BTreeMap<String, Declared> =
        devices.iter().map(|device| (device.clone(), Declared::default())).collect();
    reports.extend(told);
    let mut tx = ctx.begin().await?;
    let ids: Vec<&str> = devices.iter().map(String::as_str).collect();
    let known: HashMap<String, Device> = enrollments::devices(&mut tx, &connector.name, &ids)
        .await?
        .into_iter()
        .filter_map(|device| Some((device.mdm_enrollment_id.clone()?, device)))
        .collect();
    let told = take_in(ctx, &mut tx, &reports, &known, ctx.now()).await?;
    connectors::went_well(&mut tx, connector.id).await?;
    tx.commit().await?;
    missing::install(ctx, &told).await?;
    gates::wake_due(ctx).await
}

/// Has a server be rid of what is declared for devices that have left: coming back, they would have the apps again without anybody's
/// doing. Tells how many declarations were looked at.
pub(crate) async fn tidy(
    ctx: &Context,
    connector: &Connector,
    server: Option<&dyn Declares>,
) -> Result<usize, JobError> {
    let mut db = ctx.store.read().await?;
    let strays = declared::strays(&mut db, connector.id, ctx.now(), STRAYS_MAX).await?;
    drop(db);
    if strays.is_empty() {
        return Ok(0);
    }
    let gone = strays.iter().filter(|stray| !stray.is_back);
    let named = |stray: &Stray| Some((stray.adam_id.parse().ok()?, stray.enrollment_id.clone()));
    let apps: Vec<(u64, String)> = gone.filter_map(named).collect();
    // Without declarations there is nobody to be told.
    if let Some(server) = server
        && let Err(error) = server.forget(&apps).await
    {
        failed(ctx, connector, &error).await?;
        return Ok(strays.len());
    }
    let mut tx = ctx.begin().await?;
    declared::forgotten(&mut tx, &strays).await?;
    tx.commit().await?;
    Ok(strays.len())
}
