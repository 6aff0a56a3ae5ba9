//! Reads what an MDM server told by webhook: devices that come and go, their answers to commands, the apps they have. Passes it
//! on where the server's only webhook is wanted by somebody else too.

use russet_domain::ConnectorId;
use russet_mdm::inbound;
use russet_queue::jobs::{ReadMdmMessages, Reconcile, SendCommands};
use russet_queue::{Due, Ending, When};
use russet_store::connectors::{self, Connector};
use russet_store::mdm_messages::{self, Message, MessageId};

use crate::context::Context;
use crate::error::JobError;
use crate::gates;
use crate::mdm::{forward, missing, news, strangers};

/// Messages read in one transaction.
const BATCH: usize = 500;

pub(crate) async fn read_mdm_messages(job: ReadMdmMessages, ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    let mut more = true;
    while more {
        let Some(connector) = find(ctx, job.connector).await? else { return Ok(Ending::Done) };
        more = read_some(ctx, &connector).await?;
        if more && slice.is_over() {
            return Ok(Ending::Snooze { until: ctx.now() });
        }
    }
    let Some(connector) = find(ctx, job.connector).await? else { return Ok(Ending::Done) };
    match forward::forward(ctx, &connector).await? {
        Some(until) => Ok(Ending::Snooze { until }),
        None => Ok(Ending::Done),
    }
}

async fn find(ctx: &Context, id: ConnectorId) -> Result<Option<Connector>, JobError> {
    let mut db = ctx.store.read().await?;
    Ok(connectors::find(&mut db, id).await?)
}

/// Reads a batch. Tells whether there may be more.
async fn read_some(ctx: &Context, connector: &Connector) -> Result<bool, JobError> {
    let mut db = ctx.store.read().await?;
    let unread = mdm_messages::unread(&mut db, connector.id, BATCH).await?;
    drop(db);
    if unread.is_empty() {
        return Ok(false);
    }
    let (events, verdicts) = read(connector, &unread);
    let done = news::write_down(ctx, connector, events, &verdicts).await?;
    if !done.strangers.is_empty() {
        strangers::ask(ctx, connector, &done.strangers).await?;
    }
    if done.reconcile {
        ctx.push(&Reconcile, When::default()).await?;
    }
    missing::install(ctx, &done.told).await?;
    if let Some(due) = done.due {
        ctx.push(&SendCommands { connector: connector.id }, When::due(Due::At(due))).await?;
    }
    gates::wake_due(ctx).await?;
    Ok(unread.len() == BATCH)
}

/// What was told, and what becomes of each message, in a word or a sentence.
fn read(connector: &Connector, unread: &[Message]) -> (Vec<inbound::Event>, Vec<(MessageId, String)>) {
    let (mut events, mut verdicts) = (Vec::new(), Vec::new());
    for message in unread {
        match inbound::read(connector.kind, &message.body) {
            Ok(told) => {
                verdicts.push((message.id, "read".to_owned()));
                events.extend(told);
            }
            Err(error) => {
                tracing::warn!(connector.name = connector.name, message.id = message.id.0, error = %error, "an MDM server's message cannot be read");
                verdicts.push((message.id, format!("unreadable: {error}")));
            }
        }
    }
    (events, verdicts)
}
