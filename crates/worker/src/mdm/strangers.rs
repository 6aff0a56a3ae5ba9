//! Asks devices that an MDM server speaks of, and that nobody knows here, which they are.
//!
//! Only when it enrolls does a device tell server and serial number together; of one that was enrolled before the connector was
//! there the answer to a question is the only word. Of one that is new in a server's list, the answer tells what the list does not.

use russet_domain::Timestamp;
use russet_domain::directory::Platform;
use russet_mdm::Act;
use russet_store::commands::{self, CommandKind};
use russet_store::connectors::Connector;

use super::commands::open;
use super::questions;
use crate::context::Context;
use crate::error::JobError;

const DAY_MS: i64 = 86_400_000;

/// Asks each stranger once a day.
pub(crate) async fn ask(
    ctx: &Context,
    connector: &Connector,
    strangers: Vec<(Platform, String)>,
) -> Result<(), JobError> {
    if strangers.is_empty() {
        return Ok(());
    }
    let now = ctx.now();
    let mut ask = Vec::new();
    let mut tx = ctx.begin().await?;
    for (platform, enrollment_id) in strangers {
        let marker = marker(connector, &enrollment_id, now);
        if let Some(id) =
            commands::begin(&mut tx, connector.id, &marker, CommandKind::Describe, None, now).await?
        {
            commands::end(&mut tx, id, None, now).await?;
            ask.push((platform, enrollment_id));
        }
    }
    tx.commit().await?;
    if ask.is_empty() {
        return Ok(());
    }
    let Some(server) = open(ctx, connector).await? else { return Ok(()) };
    let devices = ask.len();
    questions::ask(ctx, connector, server.as_ref(), &Act::Describe, ask).await?;
    tracing::info!(
        connector.name = connector.name,
        devices,
        "devices that nobody knew were asked who they are"
    );
    Ok(())
}

/// Names the question of a day.
fn marker(connector: &Connector, enrollment_id: &str, now: Timestamp) -> String {
    format!("stranger:{}:{}:{enrollment_id}", connector.id, now.0 / DAY_MS)
}
