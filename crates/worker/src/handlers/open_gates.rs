//! Opens the gates of a token whose licenses have come: sends the installs, and tells who waits.

use russet_domain::gate::{GateState, after_change};
use russet_domain::{GateId, InstallId, Timestamp, TokenId};
use russet_queue::Ending;
use russet_queue::jobs::OpenGates;
use russet_store::gates::{self, Shift, Waiting};
use russet_store::installs::{self, Wanted};
use russet_store::{Tx, tokens};

use crate::context::Context;
use crate::error::JobError;
use crate::gates::tell;
use crate::mdm::commands;

/// Gates opened in one transaction.
const BATCH: usize = 20_000;
/// Jobs whose callers are told in one run.
const JOBS_MAX: usize = 200;

pub(crate) async fn open_gates(job: OpenGates, ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    loop {
        let opened = open_some(ctx, job.token).await?;
        let told = tell_some(ctx, job.token).await?;
        if opened < BATCH && told == 0 {
            return rest(ctx, job.token).await;
        }
        if slice.is_over() {
            return Ok(Ending::Snooze { until: ctx.now() });
        }
    }
}

/// Opens a batch. Tells how many gates were looked at.
async fn open_some(ctx: &Context, token: TokenId) -> Result<usize, JobError> {
    let mut db = ctx.store.read().await?;
    let any = !gates::waiting(&mut db, token, 1).await?.is_empty();
    drop(db);
    if !any {
        return Ok(0);
    }
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    tokens::lock(&mut tx, token).await?;
    let waiting = gates::waiting(&mut tx, token, BATCH).await?;
    let shifts: Vec<Shift> = waiting.iter().filter_map(shift).collect();
    gates::shift(&mut tx, &shifts, now).await?;
    let any_install = install(&mut tx, token, &waiting, &shifts, now).await?;
    tx.commit().await?;
    if any_install {
        commands::wake(ctx).await?;
    }
    Ok(waiting.len())
}

fn shift(waiting: &Waiting) -> Option<Shift> {
    let to = after_change(waiting.state, waiting.change, waiting.install)?;
    // What is in no directory cannot be installed on; whoever asked is told that it can be.
    let to = if to == GateState::Installing && waiting.device.is_none() { GateState::Ready } else { to };
    let code = waiting.code.clone().filter(|_| matches!(to, GateState::Refused | GateState::Cancelled));
    let number = waiting.number.filter(|_| code.is_some());
    Some(Shift { id: waiting.id, from: waiting.state, to, code, number })
}

/// Has the apps installed that holders are ready for. Tells whether there are any.
async fn install(
    tx: &mut Tx,
    token: TokenId,
    waiting: &[Waiting],
    shifts: &[Shift],
    now: Timestamp,
) -> Result<bool, JobError> {
    let ready: std::collections::HashSet<GateId> =
        shifts.iter().filter(|shift| shift.to == GateState::Installing).map(|shift| shift.id).collect();
    let mut wanted = Vec::new();
    let mut asked = Vec::new();
    for waiting in waiting.iter().filter(|waiting| ready.contains(&waiting.id)) {
        let Some(device) = waiting.device else { continue };
        asked.push((waiting.id, (waiting.asset, device)));
        wanted.push(Wanted { asset: waiting.asset, device, bundle_id: None, target: None, before: None, due: now });
    }
    if wanted.is_empty() {
        return Ok(false);
    }
    let joined = installs::want(tx, token, None, &wanted, now).await?;
    let pairs: Vec<(GateId, InstallId)> =
        asked.iter().filter_map(|(gate, key)| Some((*gate, *joined.installs.get(key)?))).collect();
    gates::set_installs(tx, &pairs).await?;
    gates::end_with_installs(tx, &pairs, now).await?;
    Ok(true)
}

/// Tells those who wait for news. Tells how many jobs that was about.
async fn tell_some(ctx: &Context, token: TokenId) -> Result<usize, JobError> {
    let mut db = ctx.store.read().await?;
    let due = gates::due(&mut db, token, ctx.now(), JOBS_MAX).await?;
    drop(db);
    tell::all(ctx, token, &due).await?;
    Ok(due.len())
}

async fn rest(ctx: &Context, token: TokenId) -> Result<Ending, JobError> {
    let mut db = ctx.store.read().await?;
    Ok(match gates::next_due(&mut db, token).await? {
        Some(until) => Ending::Snooze { until },
        None => Ending::Done,
    })
}
