//! Passes on what an MDM server told, body and signature as they came: the server has one webhook only, and somebody else may
//! want it too.

use std::time::Duration;

use russet_domain::Timestamp;
use russet_store::connectors::{self, Connector};
use russet_store::forwarding;

use crate::context::Context;
use crate::error::JobError;

/// Messages passed on in one run.
const AT_MOST: usize = 500;

/// Passes on what is due, in the order it came. Answers when the next is due.
pub(crate) async fn forward(ctx: &Context, connector: &Connector) -> Result<Option<Timestamp>, JobError> {
    if !connector.forwards {
        return Ok(None);
    }
    let mut db = ctx.store.read().await?;
    let due = forwarding::due(&mut db, connector.id, ctx.now(), AT_MOST).await?;
    let secrets = if due.is_empty() { None } else { Some(connectors::secrets(&mut db, connector.id).await?) };
    let Some(to) = secrets.and_then(|secrets| secrets.forward_to) else { return next(ctx, connector).await };
    drop(db);
    let mut is_first = true;
    for message in due {
        let error = ctx.servers.forward(&to, &message.body, message.signature.as_deref()).await.err();
        let mut tx = ctx.begin().await?;
        match error {
            None => {
                forwarding::done(&mut tx, message.id).await?;
                if std::mem::take(&mut is_first) {
                    forwarding::works(&mut tx, connector.id).await?;
                }
            }
            Some(error) if message.forward_tries >= ctx.mdm_settings.tries_max => {
                tracing::error!(connector.name = connector.name, message.id = message.id.0, error = %error, "a message was not passed on and will not be");
                forwarding::done(&mut tx, message.id).await?;
            }
            Some(error) => {
                let backoff = ctx.mdm_settings.backoff();
                let wait: Duration = backoff.delay(message.forward_tries + 1, 0.5 + ctx.unit() / 2.0);
                tracing::warn!(connector.name = connector.name, error = %error, "messages could not be passed on yet");
                // Those behind it wait too, so that they arrive in order.
                let why = error.to_string();
                forwarding::put_off(&mut tx, connector.id, message.id, &why, (ctx.now(), wait)).await?;
                tx.commit().await?;
                break;
            }
        }
        tx.commit().await?;
    }
    next(ctx, connector).await
}

async fn next(ctx: &Context, connector: &Connector) -> Result<Option<Timestamp>, JobError> {
    let mut db = ctx.store.read().await?;
    Ok(forwarding::next_due(&mut db, connector.id).await?)
}
