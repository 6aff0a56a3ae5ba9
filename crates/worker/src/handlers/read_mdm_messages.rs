//! Reads what an MDM server told by webhook: devices that come and go, their answers to commands, the apps they have. Passes it
//! on where the server's only webhook is wanted by somebody else too.

use russet_domain::ConnectorId;
use russet_domain::directory::Platform;
use russet_mdm::inbound;
use russet_queue::Ending;
use russet_queue::jobs::ReadMdmMessages;
use russet_store::connectors::{self, Connector};
use russet_store::mdm_messages::{self, Message, MessageId};

use crate::context::Context;
use crate::error::JobError;
use crate::mdm::news::{self, Source};
use crate::mdm::{forward, strangers};

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
    let mut done = news::write_down(ctx, connector, events, Source::Messages(&verdicts)).await?;
    let unknown = std::mem::take(&mut done.strangers).into_iter().map(|id| (Platform::Unknown, id));
    strangers::ask(ctx, connector, unknown.collect()).await?;
    news::follow_up(ctx, connector, &done).await?;
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
