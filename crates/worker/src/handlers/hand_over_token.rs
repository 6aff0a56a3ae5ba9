//! Hands a location over: lets what is under way end, reads everything once more, writes down who holds what with a signed
//! summary, and lets go of our claim. Each stage is written down before the next begins.

use std::time::Duration;

use russet_apple::{AppleError, Consequence, NewClientConfig};
use russet_domain::job::{JobKind, JobState};
use russet_domain::token::{Claim, TokenState, judge_claim, released};
use russet_queue::jobs::{ClaimToken, HandOverToken, SyncToken};
use russet_queue::{Class, Ending, Priority, When};
use russet_store::hand_overs::{self, HandOver, Stage};
use russet_store::jobs::{self, Job};
use russet_store::tokens::{self, NewStanding, Token};
use russet_store::{audit, requests};
use serde_json::json;

use crate::call::{Judge, WORKER};
use crate::context::Context;
use crate::error::JobError;
use crate::summary;

/// How soon to look again while something is under way whose end nobody tells us.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub(crate) async fn hand_over_token(job: HandOverToken, ctx: &Context) -> Result<Ending, JobError> {
    // A stage a round: there are three.
    for _ in 0..3 {
        let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
        let mut db = ctx.store.read().await?;
        let open = jobs::open_of_kind(&mut db, token.id, JobKind::HandOverToken, 1).await?.pop();
        let Some(job) = open else { return Ok(Ending::Done) };
        let found = hand_overs::find(&mut db, job.id).await?;
        drop(db);
        let Some(over) = found else { return Ok(Ending::Done) };
        match over.stage {
            Stage::Begun => {
                if let Some(ending) = copy(ctx, &token, &job).await? {
                    return Ok(ending);
                }
            }
            Stage::Copied => summary::write(ctx, &token, &over).await?,
            Stage::Signed | Stage::Released => return release(ctx, &token, &job, &over).await,
        }
    }
    Ok(Ending::Snooze { until: ctx.now() })
}

/// Waits for what is under way, has everything read, and copies it. `None` when the copy is made.
async fn copy(ctx: &Context, token: &Token, job: &Job) -> Result<Option<Ending>, JobError> {
    let again = Ok(Some(Ending::Snooze { until: ctx.now().plus(LOOK_AGAIN) }));
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    jobs::started(&mut tx, job.id, now).await?;
    if !requests::open(&mut tx, token.id, 1).await?.is_empty() {
        tx.commit().await?;
        return again;
    }
    let sync = jobs::sync_for(&mut tx, job, token.id, now).await?;
    tx.commit().await?;
    match sync.state {
        JobState::Queued | JobState::Running => {
            ctx.push(&SyncToken { token: token.id }, When::priority(Priority::High)).await?;
            again
        }
        JobState::Succeeded => {
            let mut tx = ctx.begin().await?;
            tokens::lock(&mut tx, token.id).await?;
            hand_overs::copy_licenses(&mut tx, job.id, token.id, ctx.now()).await?;
            tx.commit().await?;
            Ok(None)
        }
        JobState::PartlyFailed | JobState::Failed | JobState::Cancelled => {
            let why = sync.error_text.unwrap_or_else(|| "It was cancelled.".to_owned());
            let text = format!(
                "The location could not be read (job {}), so that nothing was handed over. {why}",
                sync.id
            );
            stop(ctx, token, job, "sync_failed", &text).await.map(Some)
        }
    }
}

/// Overwrites our claim by one that says that it is none, and looks whether it stands.
async fn release(ctx: &Context, token: &Token, job: &Job, over: &HandOver) -> Result<Ending, JobError> {
    match let_go(ctx, token).await {
        Ok(Claim::Free | Claim::Released | Claim::Foreign) => end(ctx, token, job, over).await,
        Ok(Claim::Ours) => Ok(Ending::Snooze { until: ctx.now().plus(LOOK_AGAIN) }),
        Err(JobError::Apple(error)) if is_final(&error) => {
            let text = format!(
                "The files of the hand-over are complete, but Apple does not let go of our claim: {error}"
            );
            let code = error.number().map_or("apple_error", russet_domain::apple_error::code);
            stop(ctx, token, job, code, &text).await
        }
        Err(error) => Err(error),
    }
}

async fn let_go(ctx: &Context, token: &Token) -> Result<Claim, JobError> {
    let mdm = released(&ctx.ours.id, &summary::day(ctx.now()));
    // The address for notifications stays: Apple wants it reachable, and what it brings is still read.
    let wanted = NewClientConfig { mdm: Some(mdm), notification: None };
    let turn = ctx.book(token.id, Class::Interactive).await?;
    ctx.call(token, turn, Judge::Nothing, async |apple, secret| {
        apple.set_client_config(&secret, &wanted).await
    })
    .await?;
    let turn = ctx.book(token.id, Class::Interactive).await?;
    let config = ctx
        .call(token, turn, Judge::Nothing, async |apple, secret| apple.client_config(&secret).await)
        .await?;
    Ok(judge_claim(&ctx.ours.id, config.seen.mdm.as_ref()))
}

fn is_final(error: &AppleError) -> bool {
    match error.consequence() {
        Consequence::TokenDead
        | Consequence::Forbidden
        | Consequence::Wrong
        | Consequence::NeedsPerson
        | Consequence::NoLicense
        | Consequence::AlreadySo => true,
        Consequence::TooFast
        | Consequence::Later
        | Consequence::NotSent
        | Consequence::LostReply
        | Consequence::Replan => false,
    }
}

async fn end(ctx: &Context, token: &Token, job: &Job, over: &HandOver) -> Result<Ending, JobError> {
    let now = ctx.now();
    let reason = format!(
        "The location was handed over on {} by job {}: it is read here, and nothing is given out or taken back. Remove the token, or order a take-over to use it again.",
        summary::day(now),
        job.id
    );
    let result = summary::result(over);
    let mut tx = ctx.begin().await?;
    if !jobs::ended(&mut tx, job.id, JobState::Succeeded, None, Some(&result.to_string()), now).await? {
        drop(tx);
        // Called off while Apple was told: the claim is looked at once more, and made again.
        ctx.push(&ClaimToken { token: token.id }, When::default()).await?;
        return Ok(Ending::Done);
    }
    hand_overs::set_stage(&mut tx, job.id, Stage::Released, now).await?;
    let state = TokenState::HandedOver;
    let standing = NewStanding { state, code: None, reason: Some(&reason), other: None };
    tokens::set_standing(&mut tx, token.id, standing, now).await?;
    let detail = json!({ "job": job.id.0, "result": result }).to_string();
    audit::write(&mut tx, WORKER, "token.handed_over", &format!("token {}", token.id), &detail, now).await?;
    tx.commit().await?;
    tracing::info!(token.id = token.id.0, job.id = job.id.0, "a location was handed over");
    Ok(Ending::Done)
}

/// Ends the job without a hand-over; the token is looked at again and works as it did.
async fn stop(ctx: &Context, token: &Token, job: &Job, code: &str, text: &str) -> Result<Ending, JobError> {
    let now = ctx.now();
    tracing::warn!(token.id = token.id.0, job.id = job.id.0, code, "a location was not handed over");
    let mut tx = ctx.begin().await?;
    jobs::ended(&mut tx, job.id, JobState::Failed, Some((code, text)), None, now).await?;
    tokens::set_handed_over(&mut tx, token.id, None, now).await?;
    let is_here = tokens::find(&mut tx, token.id).await?;
    if is_here.is_some_and(|token| token.state == TokenState::HandedOver) {
        tokens::set_state(&mut tx, token.id, TokenState::New, None, None, now).await?;
    }
    tx.commit().await?;
    ctx.push(&ClaimToken { token: token.id }, When::default()).await?;
    Ok(Ending::Done)
}
