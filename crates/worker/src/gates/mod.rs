//! Gates: whom to wake when licenses have moved, and telling those who wait.

pub(crate) mod tell;

use russet_domain::TokenId;
use russet_queue::When;
use russet_queue::jobs::OpenGates;

use crate::context::Context;
use crate::error::{JobError, chain};

/// Tokens looked at together; the sweep finds the others.
const TOKENS_MAX: usize = 1_000;

/// Has a token's gates looked at, if any wait: its licenses may have moved.
pub(crate) async fn wake(ctx: &Context, token: TokenId) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let any = russet_store::gates::any_waiting(&mut db, token).await?;
    drop(db);
    if any {
        ctx.push(&OpenGates { token }, When::default()).await?;
    }
    Ok(())
}

/// As [`wake`], for somebody who has done his own work and has nobody to tell.
pub(crate) async fn wake_or_leave(ctx: &Context, token: TokenId) {
    if let Err(error) = wake(ctx, token).await {
        tracing::debug!(token.id = token.0, error = chain(&error), "gates were not woken; the sweep will");
    }
}

/// Has those told who wait for what has just become of installs.
pub(crate) async fn wake_due(ctx: &Context) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let tokens = russet_store::gates::tokens_with_due(&mut db, ctx.now(), TOKENS_MAX).await?;
    drop(db);
    for token in tokens {
        ctx.push(&OpenGates { token }, When::default()).await?;
    }
    Ok(())
}
