//! What an event's status, or reading back, makes of the users of a request.

use russet_apple::Failure;
use russet_domain::user_registration::{Deed, Word, after, read_back};
use russet_queue::jobs::{ApplyChanges, ApplyUsers};
use russet_queue::{Ending, When};
use russet_store::requests::{self, Request};
use russet_store::tokens::Token;
use russet_store::users::{self, Finished, Open, Report};

use crate::assets::refresh;
use crate::context::Context;
use crate::error::JobError;
use crate::user_walk::{read_user, says_status};

/// Users whose records are read before what they say is written down: so much is lost by a crash, or by a wait.
const AT_ONCE: usize = 10;

/// Apple did all of it. What it did not tell with that, the invitations above all, is read afterwards.
pub(crate) async fn settle_all(
    ctx: &Context,
    token: &Token,
    request: &Request,
    deed: Deed,
) -> Result<Ending, JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    let open = users::open_of_request(&mut tx, request.id).await?;
    let reports: Vec<Report> = open
        .iter()
        .map(|open| Report {
            user: open.id,
            outcome: after(deed, Word::Done, open.attempts, now, ctx.unit()),
            record: None,
        })
        .collect();
    let finished = users::finish(&mut tx, token.id, &reports, now).await?;
    tx.commit().await?;
    wake(ctx, token, &finished).await?;
    Ok(Ending::Done)
}

/// Reads each user of the request from Apple, and ends or repeats every wish by that.
pub(crate) async fn read_all_back(
    ctx: &Context,
    token: &Token,
    request: &Request,
    deed: Deed,
    failures: &[Failure],
) -> Result<Ending, JobError> {
    if request.event_id.is_none() {
        let mut tx = ctx.begin().await?;
        requests::reply_lost(&mut tx, request.id).await?;
        tx.commit().await?;
    }
    let mut db = ctx.store.read().await?;
    let open = users::open_of_request(&mut db, request.id).await?;
    drop(db);
    let mut whole = Finished::default();
    for some in open.chunks(AT_ONCE) {
        let mut reports = Vec::with_capacity(some.len());
        for open in some {
            reports.push(report(ctx, token, deed, open, failures).await?);
        }
        let mut tx = ctx.begin().await?;
        let finished = users::finish(&mut tx, token.id, &reports, ctx.now()).await?;
        tx.commit().await?;
        whole.moved |= finished.moved;
        whole.licenses_gone += finished.licenses_gone;
    }
    tracing::info!(request.id = request.id.0, token.id = token.id.0, open = open.len(), "read users back");
    wake(ctx, token, &whole).await?;
    Ok(Ending::Done)
}

async fn report(
    ctx: &Context,
    token: &Token,
    deed: Deed,
    open: &Open,
    failures: &[Failure],
) -> Result<Report, JobError> {
    let record = read_user(ctx, token, &open.client_user_id).await?;
    let failure = failures
        .iter()
        .find(|failure| failure.users.is_empty() || failure.users.contains(&open.client_user_id))
        .map(|failure| failure.number);
    let word = read_back(deed, &open.registration, &record.found(), failure);
    let outcome = after(deed, word, open.attempts, ctx.now(), ctx.unit());
    let record = (record.status.is_none() || says_status(&record)).then_some(record);
    Ok(Report { user: open.id, outcome, record })
}

/// What follows from users coming and going: wishes that go again, licenses that waited for them, and counts that moved.
pub(crate) async fn wake(ctx: &Context, token: &Token, finished: &Finished) -> Result<(), JobError> {
    ctx.push(&ApplyUsers { token: token.id }, When::default()).await?;
    if finished.licenses_gone > 0 && token.state.may_sync() {
        match refresh(ctx, token).await {
            // The next sync puts the counts right.
            Ok(_) | Err(JobError::Apple(_) | JobError::NotYet { .. } | JobError::OtherLocation { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if finished.moved || finished.licenses_gone > 0 {
        ctx.push(&ApplyChanges { token: token.id }, When::default()).await?;
    }
    Ok(())
}
