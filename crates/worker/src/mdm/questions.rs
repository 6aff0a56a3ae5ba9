//! Asks devices something: which apps they have, which they are. What is refused or fails is asked again another time.

use russet_domain::directory::Platform;
use russet_mdm::{Act, Command, Connector as Server, ConnectorError};
use russet_store::commands::{self, CommandKind};
use russet_store::connectors::Connector;
use uuid::Uuid;

use super::answers;
use super::commands::failed;
use crate::context::Context;
use crate::error::JobError;

/// What became of a question to some devices.
enum Part {
    Asked,
    Refused(String),
    Failed(ConnectorError),
}

/// Asks devices, as many in a call as the server takes. One that the server does not know keeps nobody else from being asked: each half
/// of what was refused is tried for itself, which makes at most two calls for each device.
pub(crate) async fn ask(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    act: &Act,
    mut devices: Vec<(Platform, String)>,
) -> Result<(), JobError> {
    let alone = server.wants_one_platform();
    if alone {
        devices.sort();
    }
    for devices in devices.chunk_by(|one, other| !alone || one.0 == other.0) {
        let ids: Vec<String> = devices.iter().map(|(_, id)| id.clone()).collect();
        let mut parts: Vec<&[String]> = ids.chunks(server.devices_max()).collect();
        while let Some(part) = parts.pop() {
            match ask_part(ctx, connector, server, act, part).await? {
                Part::Asked => {}
                Part::Refused(_) if part.len() > 1 => {
                    let (left, right) = part.split_at(part.len() / 2);
                    parts.extend([left, right]);
                }
                Part::Refused(why) => {
                    tracing::warn!(
                        connector.name = connector.name,
                        error = why,
                        "a device could not be asked"
                    );
                }
                Part::Failed(error) => {
                    failed(ctx, connector, &error).await?;
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Sends a question. Where answers are asked for, it is written down before: what nobody knows of is asked after by nobody.
async fn ask_part(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    act: &Act,
    devices: &[String],
) -> Result<Part, JobError> {
    let now = ctx.now();
    let command = Command { uuid: Uuid::new_v4().to_string(), act: act.clone() };
    let mut written = None;
    if server.asked().is_some() {
        let mut tx = ctx.begin().await?;
        let kind = kind_of(act);
        written = commands::begin(&mut tx, connector.id, &command.uuid, kind, None, now).await?;
        if let Some(id) = written {
            answers::expect(ctx, &mut tx, server, id, devices.iter()).await?;
        }
        tx.commit().await?;
    }
    let (part, refused) = match server.send(&command, devices).await {
        Ok(_) => (Part::Asked, None),
        Err(ConnectorError::Refused { why, .. }) => (Part::Refused(why.clone()), Some(why)),
        Err(error) if error.parks() => {
            let why = error.to_string();
            (Part::Failed(error), Some(why))
        }
        // Whether it arrived nobody knows. It is not sent again, and answers are asked for.
        Err(error) => (Part::Failed(error), None),
    };
    if let Some(id) = written {
        let mut tx = ctx.begin().await?;
        commands::end(&mut tx, id, refused.as_deref(), ctx.now()).await?;
        tx.commit().await?;
    }
    Ok(part)
}

/// The word under which a command is kept.
pub(crate) fn kind_of(act: &Act) -> CommandKind {
    match act {
        Act::RemoveApp { .. } | Act::WithdrawApp { .. } => CommandKind::Remove,
        Act::InstallApp(_) | Act::DeclareApp(_) => CommandKind::Install,
        Act::ListApps => CommandKind::ListApps,
        Act::Describe => CommandKind::Describe,
    }
}
