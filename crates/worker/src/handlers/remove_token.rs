//! Removes a token once its licenses are taken back: all of them, also those that it learns of only now.

use std::time::Duration;

use russet_domain::job::{JobKind, JobState};
use russet_domain::removal::{self, Irrevocable};
use russet_domain::token::TokenState;
use russet_queue::jobs::{ApplyChanges, ClaimToken, RemoveToken, SyncToken};
use russet_queue::{Ending, When};
use russet_store::jobs::{self, Job};
use russet_store::licenses;
use russet_store::submit::{self, Wish};
use russet_store::tokens::{self, Token};
use serde_json::{Value, json};

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
    let again = Ending::Snooze { until: ctx.now().plus(LOOK_AGAIN) };
    // A duplicate whose elder is gone takes its place in a moment, and is read then.
    if token.state.is_undecided() || token.state == TokenState::Duplicate {
        return Ok(again);
    }
    if !token.state.may_write() {
        let why = token.state_reason.as_deref().unwrap_or(token.state.sentence());
        return give_up(ctx, token, job, "token_not_usable", why).await;
    }
    // Licenses that somebody else gave out are only known after a look, and could never be taken back later (rule S-15).
    let mut tx = ctx.begin().await?;
    jobs::started(&mut tx, job.id, ctx.now()).await?;
    let sync = jobs::sync_for(&mut tx, job, token.id, ctx.now()).await?;
    tx.commit().await?;
    match sync.state {
        JobState::Queued | JobState::Running => {
            ctx.push(&SyncToken { token: token.id }, When::default()).await?;
            return Ok(again);
        }
        JobState::Succeeded => {}
        JobState::PartlyFailed | JobState::Failed | JobState::Cancelled => {
            let why = sync.error_text.unwrap_or_else(|| "It was cancelled.".to_owned());
            let text = format!(
                "The location could not be read (job {}), so that nothing was taken back. {why}",
                sync.id
            );
            return give_up(ctx, token, job, "sync_failed", &text).await;
        }
    }
    take_back(ctx, token, job).await?;
    ctx.push(&ApplyChanges { token: token.id }, When::default()).await?;
    Ok(again)
}

/// Plans to take back what can be, unless something cannot be and nobody said that it may stay.
async fn take_back(ctx: &Context, token: &Token, job: &Job) -> Result<(), JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    let bound = licenses::irrevocable(&mut tx, token.id).await?;
    if !bound.is_empty() && !may_leave_some(job) {
        let text = removal::refusal(&bound);
        jobs::ended(&mut tx, job.id, JobState::Failed, Some(("not_revocable", &text)), None, now).await?;
        tokens::set_removing(&mut tx, token.id, false, now).await?;
        return Ok(tx.commit().await?);
    }
    // All in one transaction: the job must not end with its first part while the rest is not yet planned.
    loop {
        let held = licenses::revocable_outside_job(&mut tx, token.id, job.id, AT_ONCE).await?;
        if held.is_empty() {
            break;
        }
        let wishes: Vec<Wish> = held.into_iter().map(|(asset, holder)| Wish { asset, holder }).collect();
        submit::add(&mut tx, job.id, &wishes, now).await?;
    }
    if !bound.is_empty() {
        jobs::set_result(&mut tx, job.id, &json!({ "left_with_holders": shown(&bound) }).to_string(), now)
            .await?;
    }
    jobs::close_ended(&mut tx, &[job.id], now).await?;
    if jobs::progress(&mut tx, job.id).await?.total() == 0 {
        let result = json!({ "left_with_holders": shown(&bound) }).to_string();
        jobs::ended(&mut tx, job.id, JobState::Succeeded, None, Some(&result), now).await?;
    }
    Ok(tx.commit().await?)
}

/// Whether the order says that what cannot be taken back may stay with its holders.
fn may_leave_some(job: &Job) -> bool {
    let args: Value = serde_json::from_str(&job.args).unwrap_or_default();
    args["licenses"] == removal::Licenses::RevokeWhatCanBe.as_str()
}

fn shown(bound: &[Irrevocable]) -> Vec<Value> {
    let shown = |asset: &Irrevocable| json!({ "adam_id": asset.key.adam_id, "pricing_param": asset.key.pricing.as_str(), "licenses": asset.licenses });
    bound.iter().map(shown).collect()
}

/// Nothing is taken back, and the token stays.
async fn give_up(ctx: &Context, token: &Token, job: &Job, code: &str, why: &str) -> Result<Ending, JobError> {
    let mut tx = ctx.begin().await?;
    jobs::ended(&mut tx, job.id, JobState::Failed, Some((code, why)), None, ctx.now()).await?;
    tokens::set_removing(&mut tx, token.id, false, ctx.now()).await?;
    tx.commit().await?;
    Ok(Ending::Done)
}

async fn delete(ctx: &Context, token: &Token) -> Result<Ending, JobError> {
    let mut tx = ctx.begin().await?;
    let sharing = match &token.uid {
        Some(uid) => tokens::by_uid(&mut tx, uid).await?,
        None => Vec::new(),
    };
    tokens::delete(&mut tx, token.id, ctx.now()).await?;
    tx.commit().await?;
    if let Some(next) = sharing.iter().find(|other| other.id != token.id) {
        tracing::info!(token.id = token.id.0, successor.id = next.id.0, "another token takes its place");
        ctx.push(&ClaimToken { token: next.id }, When::default()).await?;
    }
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
