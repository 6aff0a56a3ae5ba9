//! Asks servers that tell nothing by themselves what devices answered.

use std::time::Duration;

use russet_domain::connector::poll_again;
use russet_domain::{CommandId, Timestamp};
use russet_mdm::inbound::{Event, What};
use russet_mdm::{Asked, Connector as Server, ConnectorError, Said};
use russet_store::Tx;
use russet_store::awaited::{self, Poll, Polled};
use russet_store::commands::CommandKind;
use russet_store::connectors::{self, Connector};

use super::commands::failed;
use super::news::{self, Source};
use crate::context::Context;
use crate::error::JobError;

/// Commands whose answers are asked for in one round.
const COMMANDS_MAX: usize = 20;

/// Awaits the answers to a command that is about to be sent, in the transaction that writes it. A server that tells by itself is not asked.
pub(crate) async fn expect(
    ctx: &Context,
    tx: &mut Tx,
    server: &dyn Server,
    command: CommandId,
    devices: impl Iterator<Item = &String>,
) -> Result<(), JobError> {
    if server.asked().is_none() {
        return Ok(());
    }
    let devices: Vec<String> = devices.cloned().collect();
    awaited::expect(tx, command, &devices, ctx.now().plus(first(ctx))).await?;
    Ok(())
}

/// Asks for the answers to some of the commands that are due. Tells how many.
pub(crate) async fn collect(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Asked,
) -> Result<usize, JobError> {
    let mut db = ctx.store.read().await?;
    let due = awaited::to_poll(&mut db, connector.id, ctx.now(), COMMANDS_MAX).await?;
    drop(db);
    let mut is_well = true;
    for poll in &due {
        match server.answers(&poll.uuid).await {
            Ok(said) => take_in(ctx, connector, poll, said).await?,
            Err(error @ ConnectorError::Refused { .. }) => {
                tracing::warn!(connector.name = connector.name, command.uuid = poll.uuid, error = %error, "answers cannot be had");
                note(ctx, &Polled { id: poll.id, answered: Vec::new(), busy: Vec::new(), again: None })
                    .await?;
            }
            Err(error) => {
                failed(ctx, connector, &error).await?;
                is_well = false;
                break;
            }
        }
    }
    if is_well && connector.failures > 0 && !due.is_empty() {
        let mut tx = ctx.begin().await?;
        connectors::went_well(&mut tx, connector.id).await?;
        tx.commit().await?;
    }
    Ok(due.len())
}

/// Writes down what devices answered that had not before, and when to ask for the rest.
async fn take_in(ctx: &Context, connector: &Connector, poll: &Poll, said: Vec<Said>) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let awaited = awaited::of_command(&mut db, poll.id).await?;
    drop(db);
    let now = ctx.now();
    let again = poll_again(poll.polls.saturating_add(1), first(ctx), end(ctx, poll), now);
    let mut polled = Polled { id: poll.id, answered: Vec::new(), busy: Vec::new(), again };
    let mut events = Vec::new();
    for Said { enrollment_id, mark, answered } in said {
        let Some(told) = awaited.get(&enrollment_id) else { continue };
        let answered = match answered {
            Ok(answered) => answered,
            Err(error) => {
                tracing::warn!(connector.name = connector.name, command.uuid = poll.uuid, error = %error, "a device's answer cannot be read");
                polled.answered.push(enrollment_id);
                continue;
            }
        };
        if !answered.answer.is_final() {
            if told.as_ref() == Some(&mark) {
                continue;
            }
            polled.busy.push((enrollment_id.clone(), mark));
        } else {
            polled.answered.push(enrollment_id.clone());
        }
        events.push(Event { enrollment_id, what: What::Answered(Box::new(answered)) });
    }
    if events.is_empty() {
        return note(ctx, &polled).await;
    }
    let mut done = news::write_down(ctx, connector, events, Source::Answers(&polled)).await?;
    // Whoever asks goes on by himself.
    done.due = None;
    news::follow_up(ctx, connector, &done).await
}

async fn note(ctx: &Context, polled: &Polled) -> Result<(), JobError> {
    let mut tx = ctx.begin().await?;
    awaited::polled(&mut tx, polled).await?;
    Ok(tx.commit().await?)
}

fn first(ctx: &Context) -> Duration {
    Duration::from_secs(ctx.mdm_settings.poll_after_s)
}

/// Until when answers are asked for: to what devices are to do as long as these are waited for, to a question until it is asked anew.
fn end(ctx: &Context, poll: &Poll) -> Timestamp {
    let answer_within = ctx.mdm_settings.patience().answer_within;
    poll.created_at.plus(match poll.kind {
        CommandKind::Install | CommandKind::Remove => answer_within,
        CommandKind::ListApps | CommandKind::Describe => {
            answer_within.min(Duration::from_secs(ctx.mdm_settings.inventory_every_s))
        }
    })
}
