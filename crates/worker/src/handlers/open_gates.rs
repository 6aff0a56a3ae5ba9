//! Opens the gates of a token whose licenses have come: sends the installs, and tells who waits.

use russet_domain::TokenId;
use russet_queue::Ending;
use russet_queue::jobs::OpenGates;
use russet_store::{gates, tokens};

use crate::context::Context;
use crate::error::JobError;
use crate::gates::tell;
use crate::mdm::commands;

/// Gates opened in one transaction.
const BATCH: usize = 20_000;
/// Jobs whose callers are told in one run.
const JOBS_MAX: usize = 200;

pub(crate) async fn open_gates(job: OpenGates, ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    loop {
        let opened = open_some(ctx, job.token).await?;
        let told = tell_some(ctx, job.token).await?;
        if opened < BATCH && told == 0 {
            return rest(ctx, job.token).await;
        }
        if slice.is_over() {
            return Ok(Ending::Snooze { until: ctx.now() });
        }
    }
}

/// Opens a batch. Tells how many gates were looked at.
async fn open_some(ctx: &Context, token: TokenId) -> Result<usize, JobError> {
    let mut db = ctx.store.read().await?;
    let any = !gates::waiting(&mut db, token, 1).await?.is_empty();
    drop(db);
    if !any {
        return Ok(0);
    }
    let mut tx = ctx.begin().await?;
    tokens::lock(&mut tx, token).await?;
    let opened = gates::open(&mut tx, token, BATCH, ctx.now()).await?;
    tx.commit().await?;
    if opened.installs {
        commands::wake(ctx).await?;
    }
    Ok(opened.looked)
}

/// Tells those who wait for news. Tells how many jobs that was about.
async fn tell_some(ctx: &Context, token: TokenId) -> Result<usize, JobError> {
    let mut db = ctx.store.read().await?;
    let due = gates::due(&mut db, token, ctx.now(), JOBS_MAX).await?;
    drop(db);
    tell::all(ctx, token, &due).await?;
    Ok(due.len())
}

async fn rest(ctx: &Context, token: TokenId) -> Result<Ending, JobError> {
    let mut db = ctx.store.read().await?;
    Ok(match gates::next_due(&mut db, token).await? {
        Some(until) => Ending::Snooze { until },
        None => Ending::Done,
    })
}
