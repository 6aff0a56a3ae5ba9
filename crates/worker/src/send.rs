//! Sends one request to Apple: written down before it leaves, and its answer written down after.

use std::collections::HashSet;
use std::time::Duration;

use russet_apple::{Answer, AppleError, Consequence, EventId, Write};
use russet_domain::change::{Action, Outcome, Word, after};
use russet_domain::{ChangeId, RequestId, TokenId};
use russet_queue::jobs::CheckEvent;
use russet_queue::{Class, Due, Priority, When};
use russet_store::requests::{self, NewRequest, What};
use russet_store::tokens::Token;
use russet_store::{StoreError, changes};

use crate::assets::refresh;
use crate::call::Judge;
use crate::context::Context;
use crate::error::JobError;
use crate::flight::Sent;
use crate::plan::Request;

/// How often Apple's event is tried to be written down, over some three seconds.
const REMEMBER_TRIES: u32 = 6;

/// Sends one request.
///
/// # Errors
/// When Apple wants us to wait, or the token cannot be used; the changes are planned again then, without cost, unless the
/// reply was lost.
pub(crate) async fn send(ctx: &Context, token: &Token, request: Request) -> Result<Sent<Request>, JobError> {
    let turn = ctx.book(token.id, Class::Bulk).await?;
    let Some(id) = write_down(ctx, token, &request).await? else {
        turn.give_back().await?;
        return Ok(Sent::PlanAgain);
    };
    let (devices, users) = (request.devices(), request.users());
    let asked = ctx
        .call(token, turn, Judge::Claim, async |apple, secret| {
            let write = Write { assets: &request.assets, devices: &devices, users: &users };
            match request.action {
                Action::Assign => apple.associate(&secret, &write).await,
                Action::Revoke => apple.disassociate(&secret, &write).await,
            }
        })
        .await;
    match asked {
        Ok(Answer { value: EventId(event), .. }) => {
            remember(ctx, id, &event).await?;
            tracing::info!(
                request.id = id.0,
                token.id = token.id.0,
                action = request.action.as_str(),
                licenses = request.changes.len(),
                event,
                "Apple accepted a request"
            );
            Ok(Sent::Accepted)
        }
        Err(JobError::Apple(error)) => refused(ctx, token, request, id, error).await,
        Err(error @ JobError::NotYet { .. }) => {
            give_back(ctx, token, id).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Writes Apple's event down. Without it the licenses would have to be read back minutes later, so that a database which
/// is busy or away for a moment is tried a few times.
pub(crate) async fn remember(ctx: &Context, id: RequestId, event: &str) -> Result<(), JobError> {
    let mut pause = Duration::from_millis(100);
    for _ in 1..REMEMBER_TRIES {
        match accepted(ctx, id, event).await {
            Err(error) if error.passes() => {
                tracing::warn!(request.id = id.0, error = %error, "Apple's event could not be written down yet");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            other => return Ok(other?),
        }
    }
    Ok(accepted(ctx, id, event).await?)
}

async fn accepted(ctx: &Context, id: RequestId, event: &str) -> Result<(), StoreError> {
    let mut tx = ctx.begin().await?;
    requests::accepted(&mut tx, id, event, ctx.now()).await?;
    tx.commit().await
}

/// Writes the request down, and the message that asks after it, before any byte leaves. `None` when one of its changes
/// was withdrawn or replaced meanwhile: it would cover a license that nobody wants.
async fn write_down(ctx: &Context, token: &Token, request: &Request) -> Result<Option<RequestId>, JobError> {
    let now = ctx.now();
    let new = NewRequest {
        what: What::Licenses(request.action),
        assets: request.assets.clone(),
        devices: request.devices(),
        users: request.users(),
        changes: request.changes.iter().map(|(_, _, id)| *id).collect(),
    };
    let mut tx = ctx.begin().await?;
    let id = match requests::write(&mut tx, token.id, &[new], now).await {
        Ok(ids) => ids.into_iter().next(),
        Err(StoreError::Stale { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let Some(id) = id else { return Ok(None) };
    tx.commit().await?;
    remind(ctx, token.id, id).await;
    Ok(Some(id))
}

/// Has a request asked after when Apple has had its time; should that not be queued, the sweep finds the open request.
pub(crate) async fn remind(ctx: &Context, token: TokenId, request: RequestId) {
    let first_look = ctx.patience.poll_after.min(ctx.patience.read_back_after);
    let when = When { priority: Priority::Normal, due: Due::In(first_look) };
    if let Err(error) = ctx.push(&CheckEvent { token, request }, when).await {
        tracing::warn!(request.id = request.0, error = %error, "the reminder of a request was not queued");
    }
}

/// Apple did not take the request: decides what becomes of its changes.
async fn refused(
    ctx: &Context,
    token: &Token,
    request: Request,
    id: RequestId,
    error: AppleError,
) -> Result<Sent<Request>, JobError> {
    tracing::warn!(request.id = id.0, token.id = token.id.0, error = %error, "Apple did not take a request");
    match error.consequence() {
        Consequence::LostReply => Err(error.into()),
        Consequence::TooFast
        | Consequence::Later
        | Consequence::NotSent
        | Consequence::TokenDead
        | Consequence::Forbidden => {
            give_back(ctx, token, id).await?;
            Err(error.into())
        }
        Consequence::Replan | Consequence::NoLicense => {
            // Limits, counts or flags moved under us. The attempt counts, so that this ends.
            let word = Word::Failed { number: Some(9603) };
            finish(ctx, token, id, None, &word).await?;
            crate::handlers::refresh_limits::read_limits(ctx).await?;
            refresh(ctx, token).await?;
            Ok(Sent::PlanAgain)
        }
        Consequence::Wrong | Consequence::NeedsPerson | Consequence::AlreadySo => {
            single_out(ctx, token, request, id, &error).await
        }
    }
}

/// One part of the request is wrong. When Apple names it, or nothing else is left, it gets Apple's word; the others go again.
async fn single_out(
    ctx: &Context,
    token: &Token,
    request: Request,
    id: RequestId,
    error: &AppleError,
) -> Result<Sent<Request>, JobError> {
    let Some(refusal) = error.refusal() else { return Ok(Sent::PlanAgain) };
    let (word, subjects) = (Word::Failed { number: refusal.number }, &refusal.subjects);
    let named = |asset: &russet_domain::AssetKey, holder: &russet_domain::Holder| {
        let list = if holder.is_device() { &subjects.devices } else { &subjects.users };
        subjects.assets.contains(asset) || list.iter().any(|id| id == holder.id())
    };
    let culprits: HashSet<ChangeId> = request
        .changes
        .iter()
        .filter(|(asset, holder, _)| named(asset, holder))
        .map(|(_, _, id)| *id)
        .collect();
    if !culprits.is_empty() && culprits.len() < request.changes.len() {
        finish(ctx, token, id, Some(&culprits), &word).await?;
        give_back(ctx, token, id).await?;
        return Ok(Sent::PlanAgain);
    }
    match request.halves() {
        Some(halves) => {
            give_back(ctx, token, id).await?;
            Ok(Sent::Halved(halves))
        }
        None => {
            finish(ctx, token, id, None, &word).await?;
            Ok(Sent::PlanAgain)
        }
    }
}

/// Apple took nothing: the changes are planned again as if they had never been sent.
async fn give_back(ctx: &Context, token: &Token, id: RequestId) -> Result<(), JobError> {
    let mut tx = ctx.begin().await?;
    changes::give_back(&mut tx, token.id, id, ctx.now(), ctx.now()).await?;
    Ok(tx.commit().await?)
}

/// Writes down what Apple's word means for changes of a request that it did not take: for all of them, or only for some.
async fn finish(
    ctx: &Context,
    token: &Token,
    id: RequestId,
    only: Option<&HashSet<ChangeId>>,
    word: &Word,
) -> Result<(), JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    let open = changes::open_of_request(&mut tx, id).await?;
    let outcomes: Vec<(ChangeId, Outcome)> = open
        .iter()
        .filter(|open| only.is_none_or(|only| only.contains(&open.id)))
        .map(|open| (open.id, after(open.action, word, open.attempts, now, ctx.unit())))
        .collect();
    changes::finish(&mut tx, token.id, &outcomes, now).await?;
    Ok(tx.commit().await?)
}

/// The least that a reminder waits, so that a setting of zero does not spin.
pub(crate) const REMINDER_MIN: Duration = Duration::from_millis(50);
