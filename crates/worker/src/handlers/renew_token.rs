//! Puts a newly downloaded token in place of the old one, once Apple has said that both open the same location.

use russet_apple::{AppleError, Consequence};
use russet_domain::job::{JobKind, JobState};
use russet_domain::token::{Claim, MdmInfo, TokenState, judge_claim, working};
use russet_queue::jobs::RenewToken;
use russet_queue::{Class, Ending};
use russet_store::jobs::{self, Job};
use russet_store::tokens::{self, Token};

use crate::context::Context;
use crate::error::JobError;
use crate::handlers::claim_token::{claim, wake};

pub(crate) async fn renew_token(job: RenewToken, ctx: &Context) -> Result<Ending, JobError> {
    let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
    let mut db = ctx.store.read().await?;
    let pending = tokens::pending_content(&mut db, token.id).await?;
    drop(db);
    let Some(pending) = pending else { return Ok(Ending::Done) };

    ctx.turn(token.id, Class::Interactive).await?;
    let answer = ctx.apple.client_config(&pending).await;
    let (config, found, claimed_by) = match answer {
        Ok(answer) => (answer.value, answer.seen.uid, answer.seen.mdm),
        Err(error) => return not_taken(ctx, &token, error).await,
    };
    match (&token.uid, &found) {
        (Some(known), Some(found)) if known != found => {
            let name = |name: Option<&String>| name.cloned().unwrap_or_else(|| "without a name".to_owned());
            let text = format!(
                "The new token opens the location “{}” ({found}), but this one stands for “{}” ({known}); nothing was changed. Download a token of “{}”, or upload the new one as a token of its own.",
                name(config.location_name.as_ref()),
                name(token.location_name.as_ref()),
                name(token.location_name.as_ref()),
            );
            refuse(ctx, &token, "token_of_other_location", &text).await
        }
        (_, None) => {
            refuse(
                ctx,
                &token,
                "token_refused",
                "Apple names no location for the new token; the old one stays.",
            )
            .await
        }
        (_, Some(_)) => {
            // Only a call for data shows that the new token opens what the old one does; until then the old one stays.
            ctx.turn(token.id, Class::Interactive).await?;
            match ctx.apple.assets(&pending, 0).await {
                Ok(_) => promote(ctx, &token, claimed_by.as_ref()).await,
                Err(error) => not_taken(ctx, &token, error).await,
            }
        }
    }
}

/// Apple did not answer the new token: refuses it for good, or tries again later. The old one stays.
async fn not_taken(ctx: &Context, token: &Token, error: AppleError) -> Result<Ending, JobError> {
    ctx.mind_error(token.id, &error).await?;
    match error.consequence() {
        Consequence::TokenDead | Consequence::Forbidden | Consequence::Wrong | Consequence::NeedsPerson => {
            let code = error.number().map_or("token_refused", russet_domain::apple_error::code);
            let standing = error.token_standing().map(|standing| standing.sentence);
            let text = standing.unwrap_or_else(|| russet_domain::apple_error::sentence(code));
            let text = format!("Apple does not take the new token; the old one stays. {text}");
            refuse(ctx, token, code, &text).await
        }
        Consequence::TooFast
        | Consequence::Later
        | Consequence::NotSent
        | Consequence::LostReply
        | Consequence::Replan
        | Consequence::NoLicense
        | Consequence::AlreadySo => Err(error.into()),
    }
}

/// Puts the new token in place. Apps, licenses and jobs hang on the token's row and stay as they are (rule S-49).
async fn promote(ctx: &Context, token: &Token, claimed_by: Option<&MdmInfo>) -> Result<Ending, JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    tokens::promote_pending(&mut tx, token.id, now).await?;
    // Apple has just taken the new token, so that whoever waits for the job sees it work; the claim below looks closer.
    let was_refused = match token.state {
        TokenState::Expired | TokenState::Invalid | TokenState::ReadOnly | TokenState::Legacy => true,
        TokenState::New
        | TokenState::Valid
        | TokenState::ExpiresSoon
        | TokenState::Duplicate
        | TokenState::AssignedToExternalMdm
        | TokenState::HandedOver => false,
    };
    let is_ours_to_use =
        token.handed_over_at.is_none() && judge_claim(&ctx.ours.id, claimed_by) != Claim::Foreign;
    if was_refused && is_ours_to_use {
        let expires_at = token.pending.as_ref().map_or(token.expires_at, |pending| pending.expires_at);
        let state = working(expires_at, now, ctx.soon());
        tokens::set_state(&mut tx, token.id, state, None, None, now).await?;
    }
    for job in open_renewals(&mut tx, token).await? {
        jobs::ended(&mut tx, job.id, JobState::Succeeded, None, None, now).await?;
    }
    tx.commit().await?;
    tracing::info!(token.id = token.id.0, "a token was renewed");
    let Some(token) = ctx.token(token.id).await? else { return Ok(Ending::Done) };
    claim(ctx, &token).await?;
    wake(ctx, token.id).await?;
    Ok(Ending::Done)
}

async fn refuse(ctx: &Context, token: &Token, code: &str, text: &str) -> Result<Ending, JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    tokens::drop_pending(&mut tx, token.id, now).await?;
    for job in open_renewals(&mut tx, token).await? {
        jobs::ended(&mut tx, job.id, JobState::Failed, Some((code, text)), None, now).await?;
    }
    tx.commit().await?;
    Ok(Ending::Done)
}

/// The jobs that wait for the renewal.
async fn open_renewals(tx: &mut russet_store::Tx, token: &Token) -> Result<Vec<Job>, JobError> {
    let open = jobs::open_of_token(tx, token.id, 1_000).await?;
    Ok(open.into_iter().filter(|job| job.kind == JobKind::RenewToken).collect())
}
