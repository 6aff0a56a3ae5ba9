//! Sends a command to many devices in one call, written down before it is made, and writes down what became of it.

use russet_domain::install::{InstallState, Step, after_refusal};
use russet_domain::{CommandId, InstallId, Timestamp};
use russet_mdm::{Act, Command, Connector as Server, ConnectorError, Refused};
use russet_store::commands::{self, CommandKind};
use russet_store::connectors::{self, Connector};
use russet_store::installs::{self, Due, Shift};
use uuid::Uuid;

use super::acts::{self, Acts};
use super::answers;
use super::commands::failed;
use super::questions::kind_of;
use crate::context::Context;
use crate::error::JobError;

/// Stranded installs that are looked at together.
const STRANDED_MAX: usize = 10_000;

/// What came of sending.
pub(crate) enum Sent {
    /// It went through, or nothing was there to be sent: this many devices.
    Devices(usize),
    /// Nothing more can be sent before this moment; without one, before somebody acts.
    Later(Option<Timestamp>),
}

/// When the devices of a command are woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waking {
    /// With the command.
    AtOnce,
    /// When more commands for them are queued.
    Afterwards,
}

/// A command with the devices it is for.
pub(crate) struct Errand<'a> {
    id: CommandId,
    command: Command,
    devices: &'a [Due],
}

/// Sends again what nobody knows the fate of, under the name it had: a server that has it says so. Only devices that have not
/// answered get it.
pub(crate) async fn finish(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
) -> Result<Sent, JobError> {
    let mut db = ctx.store.read().await?;
    let open = commands::sending(&mut db, connector.id, server.devices_max()).await?;
    drop(db);
    let mut sent = 0;
    for command in open {
        let mut db = ctx.store.read().await?;
        let devices = installs::of_command(&mut db, command.id).await?;
        let acts = Acts::of(&mut db, server, &devices).await?;
        drop(db);
        let is_errand = matches!(command.kind, CommandKind::Install | CommandKind::Remove);
        let first = devices.first().filter(|_| is_errand);
        let Some(act) = first.and_then(|first| acts.act(first)) else {
            // A question that may not have arrived is asked again when it is due again.
            let mut tx = ctx.begin().await?;
            commands::end(&mut tx, command.id, None, ctx.now()).await?;
            tx.commit().await?;
            continue;
        };
        let errand =
            Errand { id: command.id, command: Command { uuid: command.uuid, act }, devices: &devices };
        match send(ctx, connector, server, &errand, Waking::AtOnce).await? {
            Sent::Devices(devices) => sent += devices,
            Sent::Later(until) => return Ok(Sent::Later(until)),
        }
    }
    Ok(Sent::Devices(sent))
}

/// Writes the command down with the installs that go out with it.
pub(crate) async fn begin<'a>(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    act: Act,
    devices: &'a [Due],
    now: Timestamp,
) -> Result<Option<Errand<'a>>, JobError> {
    let Some(first) = devices.first() else { return Ok(None) };
    let uuid = Uuid::new_v4().to_string();
    let mut tx = ctx.begin().await?;
    let asset = Some(first.install.asset);
    let Some(id) = commands::begin(&mut tx, connector.id, &uuid, kind_of(&act), asset, now).await? else {
        return Ok(None);
    };
    let ids: Vec<_> = devices.iter().map(|due| due.install.id).collect();
    let begun = installs::begin(&mut tx, id, &ids, now).await?;
    if begun.len() < ids.len() {
        // Somebody withdrew some, or sends them already; the rest is due still and found again.
        return Ok(None);
    }
    acts::note(&mut tx, connector.id, &act, devices, now).await?;
    answers::expect(ctx, &mut tx, server, id, devices.iter().map(|due| &due.enrollment_id)).await?;
    tx.commit().await?;
    Ok(Some(Errand { id, command: Command { uuid, act }, devices }))
}

/// Sends a command that is written down, and writes down what became of it.
pub(crate) async fn send(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    errand: &Errand<'_>,
    waking: Waking,
) -> Result<Sent, JobError> {
    let ids: Vec<String> = errand.devices.iter().map(|due| due.enrollment_id.clone()).collect();
    let answer = match waking {
        Waking::AtOnce => server.send(&errand.command, &ids).await,
        Waking::Afterwards => server.queue(&errand.command, &ids).await,
    };
    match answer {
        Ok(refused) => {
            write_down(ctx, connector, errand, &refused).await?;
            Ok(Sent::Devices(ids.len()))
        }
        Err(ConnectorError::Refused { why, .. }) => {
            refused_whole(ctx, connector, server, errand, &why).await?;
            Ok(Sent::Devices(ids.len()))
        }
        Err(error) => Ok(Sent::Later(failed(ctx, connector, &error).await?)),
    }
}

/// The command stands, but for the devices that were refused.
async fn write_down(
    ctx: &Context,
    connector: &Connector,
    errand: &Errand<'_>,
    refused: &[Refused],
) -> Result<(), JobError> {
    let now = ctx.now();
    let waits = Step {
        to: InstallState::Sent,
        code: None,
        due: Some(now.plus(ctx.mdm_settings.patience().before_asking_after(0))),
    };
    let shifts: Vec<Shift> = errand
        .devices
        .iter()
        .map(|due| {
            let why = refused.iter().find(|refused| refused.enrollment_id == due.enrollment_id);
            let step = if why.is_some() { after_refusal() } else { waits };
            let detail = why.map(|refused| refused.why.clone());
            Shift { id: due.install.id, from: InstallState::Sending, step, detail }
        })
        .collect();
    let mut tx = ctx.begin().await?;
    // A device that was faster than the server's answer has moved on already, and stays where it is.
    installs::shift(&mut tx, &shifts, now).await?;
    commands::end(&mut tx, errand.id, None, now).await?;
    connectors::went_well(&mut tx, connector.id).await?;
    tx.commit().await?;
    Ok(())
}

/// What became of a part of a command.
enum Part {
    Sent,
    Refused(String),
    Failed(ConnectorError),
}

/// The server refused the command as a whole. One device that it does not know is enough for that with some of its databases, so
/// that each half is tried for itself, until those that are at fault are found. At most two calls for each device.
async fn refused_whole(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    errand: &Errand<'_>,
    why: &str,
) -> Result<(), JobError> {
    end_refused(ctx, errand.id, why).await?;
    let mut refused = vec![(errand.devices, why.to_owned())];
    while let Some((part, why)) = refused.pop() {
        let ([_, _, ..], middle) = (part, part.len() / 2) else {
            mark_refused(ctx, part, &why).await?;
            continue;
        };
        let (left, right) = part.split_at(middle);
        for half in [left, right] {
            match try_part(ctx, connector, server, &errand.command.act, half).await? {
                Part::Sent => {}
                Part::Refused(why) => refused.push((half, why)),
                Part::Failed(error) => {
                    // What was not reached is found stranded, and due again.
                    failed(ctx, connector, &error).await?;
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Tries a part under a name of its own.
async fn try_part(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    act: &Act,
    devices: &[Due],
) -> Result<Part, JobError> {
    let now = ctx.now();
    let uuid = Uuid::new_v4().to_string();
    let Some(first) = devices.first() else { return Ok(Part::Sent) };
    let mut tx = ctx.begin().await?;
    let asset = Some(first.install.asset);
    let Some(id) = commands::begin(&mut tx, connector.id, &uuid, kind_of(act), asset, now).await? else {
        return Ok(Part::Sent);
    };
    let ids: Vec<_> = devices.iter().map(|due| due.install.id).collect();
    installs::rename(&mut tx, id, &ids).await?;
    answers::expect(ctx, &mut tx, server, id, devices.iter().map(|due| &due.enrollment_id)).await?;
    tx.commit().await?;
    let part = Errand { id, command: Command { uuid, act: act.clone() }, devices };
    let names: Vec<String> = devices.iter().map(|due| due.enrollment_id.clone()).collect();
    match server.send(&part.command, &names).await {
        Ok(refused) => {
            write_down(ctx, connector, &part, &refused).await?;
            Ok(Part::Sent)
        }
        Err(ConnectorError::Refused { why, .. }) => {
            end_refused(ctx, id, &why).await?;
            Ok(Part::Refused(why))
        }
        Err(error) => Ok(Part::Failed(error)),
    }
}

async fn end_refused(ctx: &Context, id: CommandId, why: &str) -> Result<(), JobError> {
    let mut tx = ctx.begin().await?;
    commands::end(&mut tx, id, Some(why), ctx.now()).await?;
    Ok(tx.commit().await?)
}

async fn mark_refused(ctx: &Context, devices: &[Due], why: &str) -> Result<(), JobError> {
    shift_all(ctx, devices.iter().map(|due| due.install.id), after_refusal(), Some(why)).await
}

/// Makes installs due again whose command is over without having reached their devices: the worker died between two parts.
pub(crate) async fn recover(ctx: &Context, connector: &Connector) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let stranded = installs::stranded(&mut db, connector.id, STRANDED_MAX).await?;
    drop(db);
    if stranded.is_empty() {
        return Ok(());
    }
    let step = Step { to: InstallState::Ready, code: None, due: Some(ctx.now()) };
    shift_all(ctx, stranded.into_iter(), step, None).await
}

async fn shift_all(
    ctx: &Context,
    ids: impl Iterator<Item = InstallId>,
    step: Step,
    detail: Option<&str>,
) -> Result<(), JobError> {
    let shifts: Vec<Shift> = ids
        .map(|id| Shift { id, from: InstallState::Sending, step, detail: detail.map(str::to_owned) })
        .collect();
    let mut tx = ctx.begin().await?;
    installs::shift(&mut tx, &shifts, ctx.now()).await?;
    Ok(tx.commit().await?)
}
