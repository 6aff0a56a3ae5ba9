//! Tells the MDM side that devices have got licenses of their own.

use russet_domain::MoveId;
use russet_domain::moving::{Confirm, MoveState};
use russet_mdm::{MovedLicense, MovedNews, News, TellError, Told};
use russet_store::moves::{self, Move, Order, Shift};
use russet_store::tokens;

use crate::context::Context;
use crate::error::{JobError, chain};
use crate::moving::{Moving, pause};

/// The most licenses of one news.
const NEWS_MAX: usize = 500;

/// Tells of the oldest moves that wait for it, if the time has come. Tells how many moves took a step. Told twice is
/// possible, after a crash between the answer and our writing it down, and is the same news by its name.
pub(crate) async fn tell(ctx: &Context, this: &Moving, order: &Order) -> Result<u64, JobError> {
    if order.confirm != Confirm::Callback || ctx.now() < order.tell_after {
        return Ok(0);
    }
    let mut db = ctx.store.read().await?;
    let untold = moves::untold(&mut db, this.job, NEWS_MAX).await?;
    let (Some(first), Some(last)) = (untold.first(), untold.last()) else { return Ok(0) };
    let delivery = format!("move-{}-{}-{}", this.job, first.id, last.id);
    let Some(callback) = moves::callback(&mut db, this.job).await? else { return Ok(0) };
    drop(db);
    let news = MovedNews {
        delivery,
        job: this.job.0,
        token: this.token.0,
        location: this.location.clone(),
        moves: untold.iter().map(license).collect(),
    };
    let ids: Vec<MoveId> = untold.iter().map(|untold| untold.id).collect();
    match ctx.mdm.tell(callback.url.reveal(), &callback.secret, News::Moved(&news)).await {
        Ok(Told::Done) => end(ctx, this, &ids, |id| Shift::new(id, MoveState::Told)).await,
        Ok(Told::Later) => wait(ctx, this, &ids).await,
        Err(error) => failed(ctx, this, order, &ids, &error).await,
    }
}

fn license(moved: &Move) -> MovedLicense {
    MovedLicense {
        adam_id: moved.key.adam_id.clone(),
        pricing_param: moved.key.pricing.as_str().to_owned(),
        serial: moved.serial.clone(),
        user: moved.user.clone(),
    }
}

async fn end(
    ctx: &Context,
    this: &Moving,
    ids: &[MoveId],
    shift: impl Fn(MoveId) -> Shift,
) -> Result<u64, JobError> {
    let now = ctx.now();
    let shifts: Vec<Shift> = ids.iter().map(|id| shift(*id)).collect();
    let mut tx = ctx.begin().await?;
    tokens::lock(&mut tx, this.token).await?;
    moves::mark_told(&mut tx, this.job, ids, now).await?;
    moves::told_well(&mut tx, this.job).await?;
    let steps = moves::shift(&mut tx, this.job, MoveState::Telling, &shifts, now).await?;
    tx.commit().await?;
    Ok(steps)
}

/// The MDM side has the news and will confirm it.
async fn wait(ctx: &Context, this: &Moving, ids: &[MoveId]) -> Result<u64, JobError> {
    let mut tx = ctx.begin().await?;
    tokens::lock(&mut tx, this.token).await?;
    moves::mark_told(&mut tx, this.job, ids, ctx.now()).await?;
    moves::told_well(&mut tx, this.job).await?;
    tx.commit().await?;
    // There may be more to tell.
    Ok(u64::try_from(ids.len()).unwrap_or(u64::MAX))
}

async fn failed(
    ctx: &Context,
    this: &Moving,
    order: &Order,
    ids: &[MoveId],
    error: &TellError,
) -> Result<u64, JobError> {
    tracing::warn!(
        job.id = this.job.0,
        tries = order.tries + 1,
        error = chain(error),
        "the MDM side was not told"
    );
    let code = match error {
        TellError::Later { .. } if order.tries + 1 < ctx.mdm_settings.tries_max => None,
        TellError::Later { .. } => Some("mdm_not_told"),
        TellError::NotAllowed(_) | TellError::LeadsInside { .. } => Some("callback_not_allowed"),
        TellError::Refused { .. } => Some("mdm_refused"),
        TellError::Client(_) => Some("mdm_not_told"),
    };
    if let Some(code) = code {
        return give_up(ctx, this, ids, code, error).await;
    }
    let wanted = match error {
        TellError::Later { after, .. } => *after,
        TellError::NotAllowed(_)
        | TellError::LeadsInside { .. }
        | TellError::Refused { .. }
        | TellError::Client(_) => None,
    };
    let wait = pause(ctx, order.tries).max(wanted.unwrap_or_default());
    let mut tx = ctx.begin().await?;
    moves::tell_again(&mut tx, this.job, ctx.now().plus(wait), &chain(error)).await?;
    tx.commit().await?;
    Ok(0)
}

/// These moves end here: the users keep their licenses. Others have tries of their own.
async fn give_up(
    ctx: &Context,
    this: &Moving,
    ids: &[MoveId],
    code: &str,
    error: &TellError,
) -> Result<u64, JobError> {
    let now = ctx.now();
    let shifts: Vec<Shift> = ids.iter().map(|id| Shift::refuse(*id, code)).collect();
    let mut tx = ctx.begin().await?;
    tokens::lock(&mut tx, this.token).await?;
    moves::told_well(&mut tx, this.job).await?;
    moves::note_error(&mut tx, this.job, &chain(error)).await?;
    let steps = moves::shift(&mut tx, this.job, MoveState::Telling, &shifts, now).await?;
    tx.commit().await?;
    Ok(steps)
}
