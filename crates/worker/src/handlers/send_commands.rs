//! Sends an MDM server the commands that are due for its devices: installs, and questions for their apps. Asks it what became of them where
//! it does not tell by itself.

use std::time::Duration;

use russet_domain::Timestamp;
use russet_domain::connector::ConnectorState;
use russet_mdm::Connector as Server;
use russet_queue::Ending;
use russet_queue::jobs::SendCommands;
use russet_store::connectors::{self, Connector};
use russet_store::installs;

use crate::context::{Context, Slice};
use crate::error::JobError;
use crate::mdm::commands::{failed, open};
use crate::mdm::installs::{Sent, finish, recover};
use crate::mdm::rounds::send_due;
use crate::mdm::{answers, declared, listing, looks};

/// A message that is due later than this does not wait in the queue: the sweep brings it back.
const IN_QUEUE: Duration = Duration::from_secs(60);
/// The most rounds of one run; the next run goes on.
const ROUNDS_MAX: usize = 10_000;

pub(crate) async fn send_commands(job: SendCommands, ctx: &Context) -> Result<Ending, JobError> {
    let Some(connector) = find(ctx, &job).await? else { return Ok(Ending::Done) };
    looks::give_up(ctx, &connector).await?;
    let Some(server) = open(ctx, &connector).await? else { return Ok(rest(ctx, Some(connector.not_before))) };
    if connector.checked_at.is_none()
        && let Some(ending) = check(ctx, &connector, server.as_ref()).await?
    {
        return Ok(ending);
    }
    recover(ctx, &connector).await?;
    if let Sent::Later(until) = finish(ctx, &connector, server.as_ref()).await? {
        return Ok(rest(ctx, until));
    }
    let slice = ctx.slice();
    for _ in 0..ROUNDS_MAX {
        // Somebody may have parked it, as may have a key that is not taken any more, or a failure may have put it off.
        let Some(connector) = find(ctx, &job).await? else { return Ok(Ending::Done) };
        if connector.state == ConnectorState::Parked {
            return Ok(Ending::Done);
        }
        if connector.not_before > ctx.now() {
            return Ok(rest(ctx, Some(connector.not_before)));
        }
        match round(ctx, &connector, server.as_ref(), &slice).await? {
            Sent::Devices(0) => return next(ctx, &connector).await,
            Sent::Devices(_) if slice.is_over() => return Ok(Ending::Snooze { until: ctx.now() }),
            Sent::Devices(_) => {}
            Sent::Later(until) => return Ok(rest(ctx, until)),
        }
    }
    Ok(Ending::Snooze { until: ctx.now() })
}

/// Sees whether address and key are right, before anything else is sent: a wrong key is said when it is entered, and not when
/// the first device needs an app.
async fn check(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
) -> Result<Option<Ending>, JobError> {
    match server.check().await {
        Ok(version) => {
            let mut tx = ctx.begin().await?;
            connectors::checked(&mut tx, connector.id, version.as_deref(), ctx.now()).await?;
            connectors::went_well(&mut tx, connector.id).await?;
            tx.commit().await?;
            Ok(None)
        }
        Err(error) => Ok(Some(rest(ctx, failed(ctx, connector, &error).await?))),
    }
}

/// Installs, what was answered, and the questions whether they have arrived, in turn, so that none of them waits until the others have no
/// more to do; when nothing of that is due, which devices there are, then what is declared for those that left, then the questions for all
/// apps.
async fn round(
    ctx: &Context,
    connector: &Connector,
    server: &dyn Server,
    slice: &Slice,
) -> Result<Sent, JobError> {
    let mut done = match send_due(ctx, connector, server, slice).await? {
        Sent::Devices(devices) => devices,
        later @ Sent::Later(_) => return Ok(later),
    };
    if let Some(asked) = server.asked() {
        match answers::collect(ctx, connector, asked).await? {
            0 => {}
            commands => return Ok(Sent::Devices(done + commands)),
        }
    }
    done += looks::verify(ctx, connector, server).await?;
    if done > 0 {
        return Ok(Sent::Devices(done));
    }
    if let Some(asked) = server.asked()
        && listing::list_devices(ctx, connector, asked).await?
    {
        return Ok(Sent::Devices(1));
    }
    match declared::tidy(ctx, connector, server.declares()).await? {
        0 => {}
        strays => return Ok(Sent::Devices(strays)),
    }
    let every = Duration::from_secs(ctx.mdm_settings.inventory_every_s);
    looks::take_stock(ctx, connector, server, every).await.map(Sent::Devices)
}

async fn find(ctx: &Context, job: &SendCommands) -> Result<Option<Connector>, JobError> {
    let mut db = ctx.store.read().await?;
    Ok(connectors::find(&mut db, job.connector).await?)
}

async fn next(ctx: &Context, connector: &Connector) -> Result<Ending, JobError> {
    let mut db = ctx.store.read().await?;
    let due = installs::next_due(&mut db, connector.id).await?;
    Ok(rest(ctx, due))
}

/// Comes back at a moment, if that is soon.
fn rest(ctx: &Context, until: Option<Timestamp>) -> Ending {
    let now = ctx.now();
    match until {
        Some(until) if until <= now.plus(IN_QUEUE) => {
            Ending::Snooze { until: until.max(now.plus(Duration::from_millis(200))) }
        }
        Some(_) | None => Ending::Done,
    }
}
