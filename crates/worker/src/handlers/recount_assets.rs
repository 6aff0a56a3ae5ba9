//! Reads the counts from Apple that notifications left in doubt.

use russet_queue::jobs::{ApplyChanges, RecountAssets};
use russet_queue::{Ending, When};
use russet_store::recounts::{self, Subject};
use russet_store::tokens::Token;

use crate::assets::{recount, refresh};
use crate::context::Context;
use crate::error::JobError;

/// From so many products on all are read, which takes a request for some hundred of them.
const ONE_BY_ONE_MAX: usize = 20;

pub(crate) async fn recount_assets(job: RecountAssets, ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    let mut counted = false;
    loop {
        let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
        let mut db = ctx.store.read().await?;
        let open = recounts::open(&mut db, token.id, ONE_BY_ONE_MAX + 1).await?;
        drop(db);
        if open.is_empty() {
            break;
        }
        if !token.state.may_sync() {
            // A sync reads everything once the token may be read again.
            return forget(ctx, &token).await;
        }
        count(ctx, &token, &open).await?;
        counted = true;
        if slice.is_over() {
            return Ok(Ending::Snooze { until: ctx.now() });
        }
    }
    if counted {
        // Licenses may have been bought: changes that wait for one are looked at again.
        ctx.push(&ApplyChanges { token: job.token }, When::default()).await?;
    }
    Ok(Ending::Done)
}

/// Counts the first of what is to be counted, or all when that is less work.
async fn count(ctx: &Context, token: &Token, open: &[Subject]) -> Result<(), JobError> {
    match open {
        [Subject::Product(adam_id), rest @ ..]
            if rest.len() < ONE_BY_ONE_MAX && !rest.contains(&Subject::All) =>
        {
            recount(ctx, token, adam_id).await
        }
        _ => refresh(ctx, token).await.map(drop),
    }
}

async fn forget(ctx: &Context, token: &Token) -> Result<Ending, JobError> {
    let mut tx = ctx.begin().await?;
    recounts::all_done(&mut tx, token.id, ctx.now()).await?;
    tx.commit().await?;
    Ok(Ending::Done)
}
