//! Removes a token once its licenses are taken back.

use std::time::Duration;

use russet_domain::job::{JobKind, JobState};
use russet_queue::jobs::{ApplyChanges, RemoveToken};
use russet_queue::{Ending, When};
use russet_store::jobs::{self, Job};
use russet_store::licenses;
use russet_store::submit::{self, Wish};
use russet_store::tokens::{self, Token};

use crate::context::Context;
use crate::error::JobError;

/// How many licenses are planned to be taken back in one statement.
const AT_ONCE: usize = 50_000;
/// How often to look whether Apple has taken them all back.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(crate) async fn remove_token(job: RemoveToken, ctx: &Context) -> Result<Ending, JobError> {
    let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
    if !token.removing {
        return Ok(Ending::Done);
    }
    let mut db = ctx.store.read().await?;
    let filter =
        jobs::Filter { kind: Some(JobKind::RemoveToken), token: Some(token.id), ..jobs::Filter::default() };
    let newest = jobs::list(&mut db, &filter, 1, None).await?.pop();
    drop(db);
    let Some(job) = newest else { return Ok(Ending::Done) };
    match job.state {
        JobState::Succeeded => delete(ctx, &token).await,
        JobState::PartlyFailed | JobState::Failed | JobState::Cancelled => keep(ctx, &token).await,
        JobState::Queued | JobState::Running => go_on(ctx, &token, &job).await,
    }
}

async fn go_on(ctx: &Context, token: &Token, job: &Job) -> Result<Ending, JobError> {
    if token.state.is_undecided() {
        return Ok(Ending::Snooze { until: ctx.now().plus(LOOK_AGAIN) });
    }
    if !token.state.may_write() {
        let mut tx = ctx.begin().await?;
        let error = ("token_not_usable", token.state.sentence());
        jobs::ended(&mut tx, job.id, JobState::Failed, Some(error), None, ctx.now()).await?;
        tokens::set_removing(&mut tx, token.id, false, ctx.now()).await?;
        tx.commit().await?;
        return Ok(Ending::Done);
    }
    let mut tx = ctx.begin().await?;
    // All in one transaction: the job must not end with its first part while the rest is not yet planned.
    loop {
        let held = licenses::held_outside_job(&mut tx, token.id, job.id, AT_ONCE).await?;
        if held.is_empty() {
            break;
        }
        let wishes: Vec<Wish> = held.into_iter().map(|(asset, holder)| Wish { asset, holder }).collect();
        submit::add(&mut tx, job.id, &wishes, ctx.now()).await?;
    }
    jobs::close_ended(&mut tx, &[job.id], ctx.now()).await?;
    tx.commit().await?;
    ctx.push(&ApplyChanges { token: token.id }, When::default()).await?;
    Ok(Ending::Snooze { until: ctx.now().plus(LOOK_AGAIN) })
}

async fn delete(ctx: &Context, token: &Token) -> Result<Ending, JobError> {
    let mut tx = ctx.begin().await?;
    tokens::delete(&mut tx, token.id, ctx.now()).await?;
    tx.commit().await?;
    tracing::info!(token.id = token.id.0, "a token was removed after its licenses were taken back");
    Ok(Ending::Done)
}

/// Something could not be taken back: the token stays, and the job's changes name what.
async fn keep(ctx: &Context, token: &Token) -> Result<Ending, JobError> {
    let mut tx = ctx.begin().await?;
    tokens::set_removing(&mut tx, token.id, false, ctx.now()).await?;
    tx.commit().await?;
    tracing::warn!(
        token.id = token.id.0,
        "a token stays because not all of its licenses could be taken back"
    );
    Ok(Ending::Done)
}
