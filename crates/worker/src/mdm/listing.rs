//! Asks servers that tell nothing by themselves which devices they have, page by page.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use russet_domain::Timestamp;
use russet_domain::directory::{DeviceState, Platform};
use russet_mdm::{Asked, DevicePage, Listed};
use russet_queue::When;
use russet_queue::jobs::Reconcile;
use russet_store::connectors::{self, Connector};
use russet_store::directory::devices::{self, Device, NewDevice};
use russet_store::directory::enrollments;

use super::commands::failed;
use super::{news, strangers};
use crate::context::Context;
use crate::error::JobError;

/// The most pages of one walk.
const PAGES_MAX: u64 = 10_000;

/// What is to be done after a page was written down.
struct Done {
    /// Devices that are new here.
    new: Vec<(Platform, String)>,
    /// Whether devices have come or gone, which can move licenses.
    reconcile: bool,
}

/// Reads the next page, if one is due. Tells whether one was.
pub(crate) async fn list_devices(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Asked,
) -> Result<bool, JobError> {
    if connector.list_at.is_some_and(|at| at > ctx.now()) {
        return Ok(false);
    }
    let page = match server.devices(connector.list_page).await {
        Ok(page) => page,
        Err(error) => {
            failed(ctx, connector, &error).await?;
            return Ok(true);
        }
    };
    let done = write_down(ctx, connector, page).await?;
    if done.reconcile {
        ctx.push(&Reconcile, When::default()).await?;
    }
    // A list says nothing of time zones, by which updates keep to their hours.
    strangers::ask(ctx, connector, done.new).await?;
    Ok(true)
}

async fn write_down(ctx: &Context, connector: &Connector, page: DevicePage) -> Result<Done, JobError> {
    let now = ctx.now();
    let ids: Vec<&str> = page.devices.iter().map(|listed| listed.enrollment_id.as_str()).collect();
    let mut tx = ctx.begin().await?;
    let known: HashMap<String, Device> = enrollments::devices(&mut tx, &connector.name, &ids)
        .await?
        .into_iter()
        .filter_map(|device| Some((device.mdm_enrollment_id.clone()?, device)))
        .collect();
    let (mut told, mut new, mut gone) = (Vec::new(), Vec::new(), BTreeMap::new());
    for listed in page.devices {
        let device = known.get(&listed.enrollment_id);
        if !listed.is_managed {
            gone.insert(listed.enrollment_id, false);
            continue;
        }
        if device.is_none() {
            let platform = listed.facts.platform.unwrap_or_default();
            new.push((platform, listed.enrollment_id.clone()));
        }
        told.extend(news_of(connector, device, listed));
    }
    devices::tell(&mut tx, &told, now).await?;
    let reconcile = news::unenroll(&mut tx, &gone, &known, now).await? || !told.is_empty();
    let (page, at) = if page.is_last || connector.list_page >= PAGES_MAX {
        (0, now.plus(Duration::from_secs(ctx.mdm_settings.list_devices_every_s)))
    } else {
        (connector.list_page + 1, now)
    };
    connectors::list_next(&mut tx, connector.id, page, at).await?;
    connectors::went_well(&mut tx, connector.id).await?;
    tx.commit().await?;
    Ok(Done { new, reconcile })
}

/// What is new about a device that is managed; nothing when all of it was known. One that was deleted here stays so.
fn news_of(connector: &Connector, known: Option<&Device>, listed: Listed) -> Option<NewDevice> {
    let Listed { enrollment_id, serial, facts, seen_at, .. } = listed;
    if let Some(device) = known {
        let is_same = device.serial == serial
            && device.state == DeviceState::Enrolled
            && facts.platform.is_none_or(|platform| platform == device.platform)
            && (facts.os_version.is_none() || facts.os_version == device.os_version)
            && seen_at <= device.last_seen_at;
        if is_same || device.state == DeviceState::Deleted {
            return None;
        }
    }
    let seen_before: Option<Timestamp> = known.and_then(|device| device.last_seen_at);
    Some(NewDevice {
        serial,
        platform: facts.platform,
        os_version: facts.os_version,
        enrolled: Some(true),
        mdm: Some(connector.name.clone()),
        mdm_enrollment_id: Some(enrollment_id),
        last_seen_at: seen_at.max(seen_before),
        ..NewDevice::default()
    })
}
