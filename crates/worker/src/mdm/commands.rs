//! Sends commands to MDM servers, and writes down what became of that.

use std::time::Duration;

use russet_domain::connector::ConnectorState;
use russet_domain::patience::Backoff;
use russet_domain::{Secret, Timestamp};
use russet_mdm::{Address, Connector as Server, ConnectorError};
use russet_queue::When;
use russet_queue::jobs::SendCommands;
use russet_store::connectors::{self, Connector, Declarations};
use russet_store::installs;

use crate::context::Context;
use crate::error::JobError;

/// Connectors that are woken together; the sweep finds the others.
const CONNECTORS_MAX: usize = 1_000;

/// The server of a connector, unless nothing may be sent to it now. One whose address cannot be used is parked.
pub(crate) async fn open(ctx: &Context, connector: &Connector) -> Result<Option<Box<dyn Server>>, JobError> {
    if connector.state == ConnectorState::Parked || connector.not_before > ctx.now() {
        return Ok(None);
    }
    let mut db = ctx.store.read().await?;
    let secrets = connectors::secrets(&mut db, connector.id).await?;
    drop(db);
    let declarations = match (&connector.declarations, secrets.declarations_key) {
        (Declarations::None, _) => None,
        (Declarations::Within, _) => Some(russet_mdm::Declarations::Within),
        (Declarations::Beside(url), key) => {
            // Without a key of its own it takes none, and says so.
            let key = key.unwrap_or_else(|| Secret::new(""));
            Some(russet_mdm::Declarations::Beside { url: url.clone(), key })
        }
    };
    let url = connector.url.clone();
    let address = Address { kind: connector.kind, url, api_key: secrets.api_key, declarations };
    match ctx.servers.open(address) {
        Ok(server) => Ok(Some(server)),
        Err(error) => {
            failed(ctx, connector, &error).await?;
            Ok(None)
        }
    }
}

/// Writes down that a server did not take what was sent: it is parked when a person has to act, and left alone for a while
/// otherwise. Answers until when.
pub(crate) async fn failed(
    ctx: &Context,
    connector: &Connector,
    error: &ConnectorError,
) -> Result<Option<Timestamp>, JobError> {
    let now = ctx.now();
    let why = error.to_string();
    let mut tx = ctx.begin().await?;
    let until = if error.parks() {
        if connectors::park(&mut tx, connector.id, &why, now).await? {
            tracing::error!(
                connector.name = connector.name,
                error = why,
                "an MDM server is parked until somebody acts"
            );
        }
        None
    } else {
        let until = now.plus(pause(ctx, connector, error));
        connectors::failed(&mut tx, connector.id, &why, until).await?;
        tracing::warn!(connector.name = connector.name, error = why, "an MDM server could not be told");
        Some(until)
    };
    tx.commit().await?;
    Ok(until)
}

fn pause(ctx: &Context, connector: &Connector, error: &ConnectorError) -> Duration {
    let backoff: Backoff = ctx.mdm_settings.backoff();
    let tries = u32::try_from(connector.failures).unwrap_or(u32::MAX).saturating_add(1);
    let usual = backoff.delay(tries, 0.5 + ctx.unit() / 2.0);
    match error {
        ConnectorError::Later { after: Some(after), .. } => (*after).max(usual),
        ConnectorError::Later { after: None, .. }
        | ConnectorError::Refused { .. }
        | ConnectorError::Unauthorized { .. }
        | ConnectorError::Wrong { .. } => usual,
    }
}

/// Wakes the servers that have something to send now.
pub(crate) async fn wake(ctx: &Context) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let connectors = installs::connectors_with_due(&mut db, ctx.now(), None, CONNECTORS_MAX).await?;
    drop(db);
    for connector in connectors {
        ctx.push(&SendCommands { connector }, When::default()).await?;
    }
    Ok(())
}
