//! Looks at what devices have: after an install until they report it, and now and then at all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use russet_domain::directory::Platform;
use russet_domain::install::{InstallState, Patience, Step, after_silence};
use russet_domain::{DeviceId, Timestamp};
use russet_mdm::{Act, Connector as Server};
use russet_store::connectors::Connector;
use russet_store::device_apps;
use russet_store::installs::{self, Due, Shift};

use super::{declared, questions};
use crate::context::Context;
use crate::error::JobError;

/// How soon a device is looked at again at the least.
const LEAST: Duration = Duration::from_millis(500);
/// Overdue installs that are given up together.
const OVERDUE_MAX: usize = 5_000;

/// Asks devices for their apps whose installs are to be verified, and of declared apps the server for what it has heard. Tells how many
/// installs were due.
pub(crate) async fn verify(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
) -> Result<usize, JobError> {
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    // A device with many installs is asked once.
    let due = installs::due_to_look(&mut db, connector.id, now, server.devices_max()).await?;
    drop(db);
    if due.is_empty() {
        return Ok(0);
    }
    let patience = ctx.mdm_settings.patience();
    let mut ended = Vec::new();
    let mut looks = Vec::new();
    let mut devices: BTreeMap<DeviceId, (Platform, String)> = BTreeMap::new();
    let mut declared: BTreeSet<String> = BTreeSet::new();
    for due in &due {
        let Due { install, enrollment_id, platform, .. } = due;
        let (next, ask) = match next_look(due, &patience, now) {
            Look::End(step) => {
                ended.push(Shift { id: install.id, from: install.standing.state, step, detail: None });
                continue;
            }
            Look::Later { next, ask } => (next, ask),
        };
        looks.push((install.id, next.max(now.plus(LEAST))));
        if ask && install.declared && server.declares().is_some() {
            declared.insert(enrollment_id.clone());
        } else if ask {
            devices.insert(install.device, (*platform, enrollment_id.clone()));
        }
    }
    // Counted before it is asked: whatever becomes of the question, the next look is later.
    let asked: Vec<DeviceId> = devices.keys().copied().collect();
    let mut tx = ctx.begin().await?;
    installs::shift(&mut tx, &ended, now).await?;
    installs::looked(&mut tx, &looks).await?;
    device_apps::asked(&mut tx, &asked, now).await?;
    tx.commit().await?;
    let devices = devices.into_values().collect();
    questions::ask(ctx, connector, server, &Act::ListApps, devices).await?;
    if let Some(server) = server.declares() {
        let declared: Vec<String> = declared.into_iter().collect();
        declared::ask(ctx, connector, server, &declared).await?;
    }
    Ok(due.len())
}

/// What is done about an install that is due.
enum Look {
    /// It has come to an end.
    End(Step),
    /// The next look is at `next`; whether the device is asked now.
    Later { next: Timestamp, ask: bool },
}

fn next_look(due: &Due, patience: &Patience, now: Timestamp) -> Look {
    let standing = &due.install.standing;
    if standing.state == InstallState::Sent {
        if let Some(step) = after_silence(standing, patience, now) {
            return Look::End(step);
        }
        // One that sleeps is asked once and not again before it was heard of: questions would only pile up for it.
        let ask = standing.looks == 0 || due.seen_at.is_some_and(|seen| seen > standing.since);
        let end = standing.since.plus(patience.answer_within);
        return Look::Later {
            next: now.plus(patience.before_asking_after(standing.looks + 1)).min(end),
            ask,
        };
    }
    // After the last look, at the end of the time it may take, silence has a while of its own before it decides.
    if let Some(step) = after_silence(standing, patience, now.minus(patience.look_after)) {
        return Look::End(step);
    }
    let end = standing.since.plus(patience.install_within);
    let next = if now >= end {
        end.plus(patience.look_after)
    } else {
        patience.look_at(now, patience.before_look(standing.looks + 1)).min(end)
    };
    Look::Later { next, ask: true }
}

/// Gives up on devices that have said nothing for as long as is waited for.
pub(crate) async fn give_up(ctx: &Context, connector: &Connector) -> Result<(), JobError> {
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    let overdue = installs::overdue(&mut db, connector.id, now, OVERDUE_MAX).await?;
    drop(db);
    let patience = ctx.mdm_settings.patience();
    let shifts: Vec<Shift> = overdue
        .iter()
        .filter_map(|install| {
            let step = after_silence(&install.standing, &patience, now)?;
            Some(Shift { id: install.id, from: install.standing.state, step, detail: None })
        })
        .collect();
    if shifts.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    installs::shift(&mut tx, &shifts, now).await?;
    Ok(tx.commit().await?)
}

/// Asks devices for their apps that have not been asked for long. Tells how many were asked.
pub(crate) async fn take_stock(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    every: Duration,
) -> Result<usize, JobError> {
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    let devices = device_apps::to_ask(&mut db, connector.id, now.minus(every), server.devices_max()).await?;
    drop(db);
    if devices.is_empty() {
        return Ok(0);
    }
    let numbers: Vec<DeviceId> = devices.iter().map(|to_ask| to_ask.device).collect();
    let mut tx = ctx.begin().await?;
    device_apps::asked(&mut tx, &numbers, now).await?;
    tx.commit().await?;
    let devices = devices.into_iter().map(|to_ask| (to_ask.platform, to_ask.enrollment_id)).collect();
    questions::ask(ctx, connector, server, &Act::ListApps, devices).await?;
    Ok(numbers.len())
}
