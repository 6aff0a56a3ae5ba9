//! Probes: asks Apple, once between two ticks of the schedule, whether a token works and whose its location is, and brings
//! its state up to date, for better or worse.
//!
//! The service configuration answers for anyone, so that the location's own configuration and a page of its assets are asked
//! for. A token that did not work the last time is asked for as well: it recovers by itself when the cause is gone. A probe
//! is a claim with a little more, and comes with its message: a token has one of them at a time.

use russet_apple::Consequence;
use russet_domain::cron::Cron;
use russet_domain::job::Priority;
use russet_domain::token::TokenState;
use russet_domain::{Timestamp, TokenId};
use russet_queue::jobs::ClaimToken;
use russet_queue::{Class, Push, When};
use russet_store::schedule;
use russet_store::tokens::{self, Token};

use crate::context::Context;
use crate::error::{JobError, chain};
use crate::handlers::claim_token::{claim, wake};

/// The most tokens looked at; more than an installation has.
const TOKENS_MAX: usize = 100_000;
/// Under which name the ticks of the schedule are kept. Rows hold it; it never changes.
const TICKS: &str = "probe_token";

/// Has those tokens probed whose moment has come since the schedule last fired. That it fired and which tokens are due
/// are noted in one transaction, and the sweep finds a token whose message was lost.
pub(crate) async fn fire_due(
    ctx: &Context,
    cron: &Cron,
    now: Timestamp,
    spread: bool,
) -> Result<(), JobError> {
    let kind = TICKS;
    let mut db = ctx.store.read().await?;
    let Some(last) = schedule::last_tick(&mut db, kind).await? else {
        drop(db);
        // A schedule that has never fired starts now: what lies before its first start is not missed.
        let mut tx = ctx.begin().await?;
        schedule::fire(&mut tx, kind, now, now).await?;
        return Ok(tx.commit().await?);
    };
    let ticks = cron.ticks(now);
    let ids = tokens::ids(&mut db, TOKENS_MAX, None).await?;
    drop(db);
    let due: Vec<TokenId> = ids.into_iter().filter(|token| ticks.is_due(token.0, last, spread)).collect();
    if due.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    // Another leader may have gone on from `last` already.
    if !schedule::fire(&mut tx, &format!("{kind}/after"), last, now).await?
        || !schedule::fire(&mut tx, kind, now, now).await?
    {
        return Ok(());
    }
    tokens::set_probes_due(&mut tx, &due, now).await?;
    tx.commit().await?;
    tracing::debug!(job.name = kind, tokens = due.len(), "the schedule fired");
    let message = |token| Push::of(&ClaimToken { token }, When::priority(Priority::Low));
    Ok(ctx.queue.push_many(due.into_iter().map(message).collect()).await?)
}

/// Probes a token that is due, and has what waited for it go on should it work now.
pub(crate) async fn probe(ctx: &Context, token: &Token) -> Result<(), JobError> {
    match look(ctx, token).await {
        Ok(()) => {}
        // Written down with the token; that is what the probe was for.
        Err(JobError::OtherLocation { .. }) => {}
        Err(JobError::Apple(error)) if says_no(error.consequence()) => {
            tracing::warn!(token.id = token.id.0, error = chain(&error), "a probe was refused");
        }
        Err(error) => return Err(error),
    }
    let mut tx = ctx.begin().await?;
    tokens::probed(&mut tx, token.id, ctx.now()).await?;
    tx.commit().await?;
    let Some(now) = ctx.token(token.id).await? else { return Ok(()) };
    tell(ctx, token, &now);
    if now.state != token.state && now.state.may_ask() {
        wake(ctx, now.id).await?;
    }
    Ok(())
}

/// Asks for the configuration, then for a page of data.
async fn look(ctx: &Context, token: &Token) -> Result<(), JobError> {
    claim(ctx, token).await?;
    match ctx.token(token.id).await? {
        Some(token) if token.state.may_ask() => {
            ctx.ask(&token, Class::Bulk, async |apple, secret| apple.assets(&secret, 0).await).await?;
            Ok(())
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether an answer is one that asking again does not change.
fn says_no(consequence: Consequence) -> bool {
    match consequence {
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

fn tell(ctx: &Context, before: &Token, now: &Token) {
    let (was, is) = (before.state.as_str(), now.state.as_str());
    if was != is {
        tracing::info!(token.id = now.id.0, token.state = is, was, "a probe changed a token's state");
    }
    if now.state == TokenState::ExpiresSoon {
        let days = now.expires_at.since(ctx.now()).as_secs() / 86_400;
        tracing::warn!(token.id = now.id.0, days, "a token expires soon; download a new one and renew it");
    }
}
