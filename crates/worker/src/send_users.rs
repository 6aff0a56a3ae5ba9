//! Sends one request about users to Apple: written down before it leaves, and its answer written down after.

use std::collections::HashSet;

use russet_apple::{Answer, AppleError, Consequence, EventId, NewUser};
use russet_domain::user_registration::{Deed, Outcome, Word, after};
use russet_domain::{RequestId, UserId};
use russet_queue::Class;
use russet_store::StoreError;
use russet_store::tokens::Token;
use russet_store::users::{self, Report, Sendable};

use crate::call::Judge;
use crate::context::Context;
use crate::error::JobError;
use crate::flight::Sent;
use crate::send::{remember, remind};

/// One request to be: one deed for some users.
pub(crate) struct Batch {
    pub(crate) deed: Deed,
    pub(crate) users: Vec<Sendable>,
}

/// Sends one request.
///
/// # Errors
/// When Apple wants us to wait, or the token cannot be used; the users are planned again then, without cost, unless the
/// reply was lost.
pub(crate) async fn send(ctx: &Context, token: &Token, batch: Batch) -> Result<Sent<Batch>, JobError> {
    let turn = ctx.book(token.id, Class::Bulk).await?;
    let Some(id) = write_down(ctx, token, &batch).await? else {
        turn.give_back().await?;
        return Ok(Sent::PlanAgain);
    };
    let told: Vec<NewUser> = batch.users.iter().map(told).collect();
    let asked = ctx
        .call(token, turn, Judge::Claim, async |apple, secret| match batch.deed {
            Deed::Create => apple.create_users(&secret, &told).await,
            Deed::Update => apple.update_users(&secret, &told).await,
            Deed::Retire => apple.retire_users(&secret, &told).await,
        })
        .await;
    match asked {
        Ok(Answer { value: EventId(event), .. }) => {
            remember(ctx, id, &event).await?;
            tracing::info!(
                request.id = id.0,
                token.id = token.id.0,
                action = batch.deed.as_str(),
                users = batch.users.len(),
                event,
                "Apple accepted a request about users"
            );
            Ok(Sent::Accepted)
        }
        Err(JobError::Apple(error)) => refused(ctx, token, batch, id, error).await,
        Err(error @ JobError::NotYet { .. }) => {
            give_back(ctx, token, id).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

fn told(user: &Sendable) -> NewUser {
    let wanted = &user.registration.wanted;
    NewUser {
        id: user.client_user_id.clone(),
        email: wanted.email.clone(),
        managed_apple_id: wanted.managed_apple_id.clone(),
    }
}

/// Writes the request down, and the message that asks after it, before any byte leaves. `None` when a wish was withdrawn or
/// turned round meanwhile.
async fn write_down(ctx: &Context, token: &Token, batch: &Batch) -> Result<Option<RequestId>, JobError> {
    let mut tx = ctx.begin().await?;
    let id = match users::write(&mut tx, token.id, batch.deed, &batch.users, ctx.now()).await {
        Ok(id) => id,
        Err(StoreError::Stale { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    tx.commit().await?;
    remind(ctx, token.id, id).await;
    Ok(Some(id))
}

/// Apple did not take the request: decides what becomes of its users.
async fn refused(
    ctx: &Context,
    token: &Token,
    batch: Batch,
    id: RequestId,
    error: AppleError,
) -> Result<Sent<Batch>, JobError> {
    tracing::warn!(request.id = id.0, token.id = token.id.0, error = %error, "Apple did not take a request about users");
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
            // The limit moved under us. The attempt counts, so that this ends.
            finish(ctx, token, id, None, Word::Failed { number: Some(9603) }).await?;
            crate::handlers::refresh_limits::read_limits(ctx).await?;
            Ok(Sent::PlanAgain)
        }
        Consequence::Wrong | Consequence::NeedsPerson | Consequence::AlreadySo => {
            single_out(ctx, token, batch, id, &error).await
        }
    }
}

/// One user of the request is wrong. When Apple names him, or nobody else is left, he gets Apple's word; the others go again.
async fn single_out(
    ctx: &Context,
    token: &Token,
    mut batch: Batch,
    id: RequestId,
    error: &AppleError,
) -> Result<Sent<Batch>, JobError> {
    let Some(refusal) = error.refusal() else { return Ok(Sent::PlanAgain) };
    let word = Word::Failed { number: refusal.number };
    let culprits: HashSet<UserId> = batch
        .users
        .iter()
        .filter(|user| refusal.subjects.users.contains(&user.client_user_id))
        .map(|user| user.id)
        .collect();
    if !culprits.is_empty() && culprits.len() < batch.users.len() {
        finish(ctx, token, id, Some(&culprits), word).await?;
        give_back(ctx, token, id).await?;
        return Ok(Sent::PlanAgain);
    }
    if batch.users.len() > 1 {
        give_back(ctx, token, id).await?;
        let second = Batch { deed: batch.deed, users: batch.users.split_off(batch.users.len() / 2) };
        return Ok(Sent::Halved([batch, second]));
    }
    finish(ctx, token, id, None, word).await?;
    Ok(Sent::PlanAgain)
}

/// Apple took nothing: the users are planned again as if they had never been sent.
async fn give_back(ctx: &Context, token: &Token, id: RequestId) -> Result<(), JobError> {
    let mut tx = ctx.begin().await?;
    users::give_back(&mut tx, token.id, id, ctx.now(), ctx.now()).await?;
    Ok(tx.commit().await?)
}

/// Writes down what Apple's word means for users of a request that it did not take: for all of them, or only for some.
async fn finish(
    ctx: &Context,
    token: &Token,
    id: RequestId,
    only: Option<&HashSet<UserId>>,
    word: Word,
) -> Result<(), JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    let open = users::open_of_request(&mut tx, id).await?;
    let reports: Vec<Report> = open
        .iter()
        .filter(|open| only.is_none_or(|only| only.contains(&open.id)))
        .map(|open| {
            let outcome: Outcome = after(open.deed, word, open.attempts, now, ctx.unit());
            Report { user: open.id, outcome, record: None }
        })
        .collect();
    users::finish(&mut tx, token.id, &reports, now).await?;
    Ok(tx.commit().await?)
}
