//! Takes the moves of a job from users to devices as far as they go now, step after step, and says when to look again.
//!
//! Each step is written down before it is acted on, and each is taken under the token's lock from the state it was in: after
//! a crash at any line the next run goes on from what is written. What moves licenses are ordinary changes.

use std::time::Duration;

use russet_domain::moving::{MoveState, look_again};
use russet_domain::{JobId, Timestamp};
use russet_queue::Ending;
use russet_queue::jobs::MoveLicenses;
use russet_store::moves::{self, Order};
use russet_store::{StoreError, jobs, tokens};

use crate::context::Context;
use crate::error::JobError;
use crate::moving::{self, Moving};
use crate::tell;

/// How soon to look again at the least.
const LEAST: Duration = Duration::from_millis(500);
/// A message that is due later than this does not wait in the queue: the sweep brings it back.
const IN_QUEUE: Duration = Duration::from_secs(60);
/// The most rounds of one run; the next run goes on.
const ROUNDS_MAX: usize = 1_000;

pub(crate) async fn move_licenses(job: MoveLicenses, ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    for _ in 0..ROUNDS_MAX {
        let Some((this, order)) = load(ctx, job.job).await? else { return end(ctx, job.job).await };
        let mut steps = 0;
        for state in states(ctx, this.job).await? {
            steps += match state {
                MoveState::Planned => moving::assign(ctx, &this).await?,
                MoveState::Assigning => moving::after_assigning(ctx, &this).await?,
                MoveState::Assigned => moving::confirm_or_wait(ctx, &this, order.confirm).await?,
                MoveState::Telling => {
                    tell::tell(ctx, &this, &order).await?
                        + moving::give_up_waiting(ctx, &this, &order).await?
                }
                MoveState::Told => moving::revoke(ctx, &this).await?,
                MoveState::Revoking => moving::after_revoking(ctx, &this).await?,
                MoveState::Done | MoveState::Refused | MoveState::Cancelled => 0,
            };
        }
        if slice.is_over() {
            return Ok(Ending::Snooze { until: Timestamp(0) });
        }
        if steps == 0 {
            break;
        }
    }
    rest(ctx, job.job).await
}

/// What is to be done, as long as something is.
async fn load(ctx: &Context, id: JobId) -> Result<Option<(Moving, Order)>, JobError> {
    let mut db = ctx.store.read().await?;
    let Some(job) = jobs::find(&mut db, id).await? else { return Ok(None) };
    let (Some(token), false) = (job.token, job.state.has_ended()) else { return Ok(None) };
    let Some(token) = tokens::find(&mut db, token).await? else { return Ok(None) };
    let order = moves::order(&mut db, id).await?;
    Ok(order.map(|order| {
        (Moving { job: id, token: token.id, location: token.uid, priority: job.priority }, order)
    }))
}

/// The states that the job's moves are in.
async fn states(ctx: &Context, job: JobId) -> Result<Vec<MoveState>, JobError> {
    let mut db = ctx.store.read().await?;
    Ok(moves::counts(&mut db, job).await?.into_keys().collect())
}

/// Nothing is left to be done.
async fn end(ctx: &Context, job: JobId) -> Result<Ending, JobError> {
    let mut tx = ctx.begin().await?;
    moves::set_due(&mut tx, job, None).await?;
    tx.commit().await?;
    Ok(Ending::Done)
}

/// Until when nothing can be done, written down so that it is found again whatever becomes of the message.
async fn rest(ctx: &Context, job: JobId) -> Result<Ending, JobError> {
    let Some((_, order)) = load(ctx, job).await? else { return end(ctx, job).await };
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    let due = next_look(&mut tx, job, &order, now).await?;
    moves::set_due(&mut tx, job, Some(due)).await?;
    tx.commit().await?;
    Ok(if due > now.plus(IN_QUEUE) { Ending::Done } else { Ending::Snooze { until: due } })
}

async fn next_look(
    db: &mut russet_store::Db,
    job: JobId,
    order: &Order,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    let counts = moves::counts(db, job).await?;
    let (last_news, told_first) = moves::last_news(db, job).await?;
    let soon = now.plus(look_again(last_news.unwrap_or(now), now, LEAST));
    let mut due = None;
    let mut at = |moment: Timestamp| due = Some(due.map_or(moment, |due: Timestamp| due.min(moment)));
    for state in counts.keys() {
        match state {
            MoveState::Planned
            | MoveState::Assigning
            | MoveState::Assigned
            | MoveState::Told
            | MoveState::Revoking => at(soon),
            MoveState::Telling => {
                if let Some(told) = told_first {
                    at(told.plus(order.within).max(now.plus(LEAST)));
                }
            }
            MoveState::Done | MoveState::Refused | MoveState::Cancelled => {}
        }
    }
    if !moves::untold(db, job, 1).await?.is_empty() {
        at(order.tell_after.max(now.plus(LEAST)));
    }
    Ok(due.unwrap_or(soon))
}
