//! Takes a token's planned changes to Apple, in as few requests as they fit into.

use std::time::Duration;

use russet_domain::job::Priority;
use russet_domain::{Timestamp, patience};
use russet_queue::Ending;
use russet_queue::jobs::ApplyChanges;
use russet_store::changes;
use russet_store::tokens::Token;

use crate::context::Context;
use crate::error::JobError;
use crate::flight::send_all;
use crate::{gates, plan, send};

/// How soon to look again when the token has just been uploaded, or work under way decides what can go next. An end of that
/// work wakes the message anyway; this is the net below.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

pub(crate) async fn apply_changes(job: ApplyChanges, ctx: &Context) -> Result<Ending, JobError> {
    let mut rounds = 0_u32;
    let ending = apply(&job, ctx, &mut rounds).await;
    // While a crowd comes in this runs again and again just to wait for company, and nothing has moved for anybody.
    if rounds > 0 || ending.is_err() {
        gates::wake_or_leave(ctx, job.token).await;
    }
    ending
}

async fn apply(job: &ApplyChanges, ctx: &Context, rounds: &mut u32) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    loop {
        let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
        if token.state.is_undecided() {
            return Ok(Ending::Snooze { until: ctx.now().plus(LOOK_AGAIN) });
        }
        if !token.state.may_write() {
            let mut tx = ctx.begin().await?;
            changes::refuse_all_planned(&mut tx, token.id, "token_not_usable", ctx.now()).await?;
            tx.commit().await?;
            *rounds += 1;
            return Ok(Ending::Done);
        }
        if ctx.is_read_only(token.id).await? {
            return Ok(Ending::Done);
        }
        if let Some(until) = company(ctx, &token).await? {
            return Ok(Ending::Snooze { until });
        }
        *rounds += 1;
        let round = plan::round(ctx, &token).await?;
        let waiting = round.waiting;
        if round.requests.is_empty() {
            return until_more_is_due(ctx, &token, waiting).await;
        }
        let send = |request| send::send(ctx, &token, request);
        if let Some(ending) = send_all(ctx, &token, round.requests, &slice, send).await? {
            return Ok(ending);
        }
    }
}

/// Until when to wait for more changes to come; urgent ones do not wait.
async fn company(ctx: &Context, token: &Token) -> Result<Option<Timestamp>, JobError> {
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    let waiting = changes::waiting(&mut db, token.id, now).await?;
    let linger = Duration::from_millis(ctx.settings.linger_ms);
    Ok(waiting
        .filter(|waiting| waiting.priority < Priority::High.rank())
        .and_then(|waiting| patience::company(waiting.oldest, waiting.newest, now, linger)))
}

async fn until_more_is_due(ctx: &Context, token: &Token, waiting: bool) -> Result<Ending, JobError> {
    let mut db = ctx.store.read().await?;
    let due = changes::next_due(&mut db, token.id).await?;
    let now = ctx.now();
    Ok(match due {
        Some(due) if due > now => Ending::Snooze { until: due },
        Some(_) | None if waiting => Ending::Snooze { until: now.plus(LOOK_AGAIN) },
        Some(_) => Ending::Snooze { until: now },
        None => Ending::Done,
    })
}
