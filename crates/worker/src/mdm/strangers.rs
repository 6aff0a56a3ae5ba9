//! Asks devices that an MDM server speaks of, and that nobody knows here, which they are.
//!
//! Only when it enrolls does a device tell server and serial number together; of one that was enrolled before the connector was
//! there the answer to a question is the only word.

use russet_domain::Timestamp;
use russet_mdm::{Act, Command};
use russet_store::commands::{self, CommandKind};
use russet_store::connectors::Connector;
use uuid::Uuid;

use super::commands::{open, send_to_all};
use crate::context::Context;
use crate::error::JobError;

const DAY_MS: i64 = 86_400_000;

/// Asks each stranger once a day.
pub(crate) async fn ask(ctx: &Context, connector: &Connector, strangers: &[String]) -> Result<(), JobError> {
    let now = ctx.now();
    let mut ask = Vec::new();
    let mut tx = ctx.begin().await?;
    for enrollment_id in strangers {
        let marker = marker(connector, enrollment_id, now);
        if let Some(id) =
            commands::begin(&mut tx, connector.id, &marker, CommandKind::Describe, None, now).await?
        {
            commands::end(&mut tx, id, None, now).await?;
            ask.push(enrollment_id.clone());
        }
    }
    tx.commit().await?;
    if ask.is_empty() {
        return Ok(());
    }
    let Some(server) = open(ctx, connector).await? else { return Ok(()) };
    let command = |uuid| Command { uuid, act: Act::Describe };
    for devices in ask.chunks(server.devices_max()) {
        let command = command(Uuid::new_v4().to_string());
        send_to_all(ctx, connector, server.as_ref(), &command, devices).await?;
    }
    tracing::info!(
        connector.name = connector.name,
        devices = ask.len(),
        "devices that nobody knew were asked who they are"
    );
    Ok(())
}

/// Names the question of a day.
fn marker(connector: &Connector, enrollment_id: &str, now: Timestamp) -> String {
    format!("stranger:{}:{}:{enrollment_id}", connector.id, now.0 / DAY_MS)
}
