//! Sends what is due, device by device: everything for a few hundred devices goes out together, one call for each app, and wakes
//! them once.

use std::collections::BTreeSet;

use russet_domain::directory::Platform;
use russet_domain::{InstallId, Timestamp};
use russet_mdm::{Act, Connector as Server};
use russet_store::connectors::Connector;
use russet_store::installs::{self, Due};

use super::acts::Acts;
use super::commands::failed;
use super::installs::{Sent, Waking, begin, send};
use crate::context::{Context, Slice};
use crate::error::JobError;

/// Installs that one command carries out.
struct Group {
    act: Act,
    /// Where all devices of one call have to be of one.
    platform: Option<Platform>,
    due: Vec<Due>,
}

/// Sends what is due for the devices that have waited longest, until others are to get their turn.
pub(crate) async fn send_due(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    slice: &Slice,
) -> Result<Sent, JobError> {
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    let due = installs::due_to_send(&mut db, connector.id, now, server.devices_max()).await?;
    let acts = Acts::of(&mut db, server, &due).await?;
    drop(db);
    let (due, later) = by_window(due, now);
    let mut done = put_off(ctx, &later).await?;
    let groups = group(&acts, server, due)?;
    // One call wakes by itself.
    let waking = if groups.len() > 1 { Waking::Afterwards } else { Waking::AtOnce };
    let mut asleep: BTreeSet<String> = BTreeSet::new();
    for group in &groups {
        // The calls before may have taken long, and devices are waited for from the moment at which they were sent something.
        let begun = begin(ctx, connector, server, group.act.clone(), &group.due, ctx.now()).await?;
        let Some(errand) = begun else {
            continue;
        };
        match send(ctx, connector, server, &errand, waking).await? {
            Sent::Devices(devices) => done += devices,
            later @ Sent::Later(_) => return Ok(later),
        }
        asleep.extend(group.due.iter().map(|due| due.enrollment_id.clone()));
        if slice.is_over() {
            break;
        }
    }
    match waking {
        Waking::AtOnce => Ok(Sent::Devices(done)),
        Waking::Afterwards => wake(ctx, connector, server, asleep, done).await,
    }
}

/// What may go now, and what is to wait for the next time its window opens: it was to be sent before, and nobody did, or the device
/// did not take it.
fn by_window(due: Vec<Due>, now: Timestamp) -> (Vec<Due>, Vec<(InstallId, Timestamp)>) {
    let (mut may, mut later) = (Vec::with_capacity(due.len()), Vec::new());
    for due in due {
        match due.may_go(now) {
            next if next > now => later.push((due.install.id, next)),
            _ => may.push(due),
        }
    }
    (may, later)
}

/// Has installs wait until a moment each. Tells how many.
async fn put_off(ctx: &Context, later: &[(InstallId, Timestamp)]) -> Result<usize, JobError> {
    if !later.is_empty() {
        let mut tx = ctx.begin().await?;
        installs::put_off(&mut tx, later).await?;
        tx.commit().await?;
    }
    Ok(later.len())
}

/// Puts together what shares a command, at most as many devices as fit a call. Those of one app come one after another.
fn group(acts: &Acts, server: &dyn Server, due: Vec<Due>) -> Result<Vec<Group>, JobError> {
    let mut groups: Vec<Group> = Vec::new();
    for due in due {
        let act =
            acts.act(&due).ok_or(JobError::Broken("an install is of a product whose number is none"))?;
        let platform = server.wants_one_platform().then_some(due.platform);
        let place = groups.iter_mut().rev().find(|group| {
            group.act == act && group.platform == platform && group.due.len() < server.devices_max()
        });
        match place {
            Some(group) => group.due.push(due),
            None => groups.push(Group { act, platform, due: vec![due] }),
        }
    }
    Ok(groups)
}

/// Wakes devices for which commands were queued. Those that are not, since that fails or the worker dies before, are woken by the
/// question what has become of their installs, or come by themselves.
async fn wake(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    devices: BTreeSet<String>,
    sent: usize,
) -> Result<Sent, JobError> {
    let devices: Vec<String> = devices.into_iter().collect();
    for part in devices.chunks(server.devices_max()) {
        if let Err(error) = server.wake(part).await {
            return Ok(Sent::Later(failed(ctx, connector, &error).await?));
        }
    }
    Ok(Sent::Devices(sent))
}
