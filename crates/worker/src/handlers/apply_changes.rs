//! Takes a token's planned changes to Apple, in as few requests as they fit into.

use std::collections::VecDeque;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use russet_domain::job::Priority;
use russet_domain::{Timestamp, patience};
use russet_queue::Ending;
use russet_queue::jobs::ApplyChanges;
use russet_store::changes;
use russet_store::tokens::Token;

use crate::context::{Context, Slice};
use crate::error::JobError;
use crate::plan::{self, Request, Round};
use crate::send::{self, Sent};

/// How soon to look again when the token has just been uploaded, or work under way decides what can go next. An end of that
/// work wakes the message anyway; this is the net below.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

pub(crate) async fn apply_changes(job: ApplyChanges, ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    loop {
        let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
        if token.state.is_undecided() {
            return Ok(Ending::Snooze { until: ctx.now().plus(LOOK_AGAIN) });
        }
        if !token.state.may_write() {
            let mut tx = ctx.begin().await?;
            changes::refuse_all_planned(&mut tx, token.id, "token_not_usable", ctx.now()).await?;
            tx.commit().await?;
            return Ok(Ending::Done);
        }
        if let Some(until) = company(ctx, &token).await? {
            return Ok(Ending::Snooze { until });
        }
        let round = plan::round(ctx, &token).await?;
        let waiting = round.waiting;
        if round.requests.is_empty() {
            return until_more_is_due(ctx, &token, waiting).await;
        }
        if let Some(ending) = send_all(ctx, &token, round, &slice).await? {
            return Ok(ending);
        }
    }
}

/// Until when to wait for more changes to come; urgent ones do not wait.
async fn company(ctx: &Context, token: &Token) -> Result<Option<Timestamp>, JobError> {
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    let waiting = changes::waiting(&mut db, token.id, now).await?;
    let linger = Duration::from_millis(ctx.settings.linger_ms);
    Ok(waiting
        .filter(|waiting| waiting.priority < Priority::High.rank())
        .and_then(|waiting| patience::company(waiting.oldest, waiting.newest, now, linger)))
}

/// Sends a round's requests, several at once: they are about different licenses, and Apple documents no order between
/// events. `None` means: plan again. Whatever ends the round, what is under way is waited for, so that no answer is lost.
async fn send_all(
    ctx: &Context,
    token: &Token,
    round: Round,
    slice: &Slice,
) -> Result<Option<Ending>, JobError> {
    let mut requests: VecDeque<_> = round.requests.into();
    let mut flying = FuturesUnordered::new();
    // The first answer may show that somebody else took the location, or that Apple is in trouble: one finds out.
    let mut allowed = 1;
    let mut ended = None;
    loop {
        while ended.is_none() && flying.len() < allowed && !requests.is_empty() {
            if slice.is_over() {
                ended = Some(Ok(Some(Ending::Snooze { until: Timestamp(0) })));
            } else if let Some(request) = requests.pop_front() {
                flying.push(send_one(ctx, token, request));
            }
        }
        match flying.next().await {
            Some(Ok(Sent::Accepted)) => allowed = ctx.settings.writes_at_once.min(allowed + 1),
            Some(Ok(Sent::Halved(halves))) => {
                halves.into_iter().rev().for_each(|half| requests.push_front(half));
            }
            Some(Ok(Sent::PlanAgain)) => ended = ended.or(Some(Ok(None))),
            Some(Err(error)) => ended = Some(ended.and_then(Result::err).map_or(Err(error), Err)),
            None => return ended.unwrap_or(Ok(None)),
        }
    }
}

async fn send_one(ctx: &Context, token: &Token, request: Request) -> Result<Sent, JobError> {
    // The last answer may have shown that somebody else took the location; planning again refuses the rest.
    if !ctx.token(token.id).await?.is_some_and(|token| token.state.may_write()) {
        return Ok(Sent::PlanAgain);
    }
    send::send(ctx, token, request).await
}

async fn until_more_is_due(ctx: &Context, token: &Token, waiting: bool) -> Result<Ending, JobError> {
    let mut db = ctx.store.read().await?;
    let due = changes::next_due(&mut db, token.id).await?;
    let now = ctx.now();
    Ok(match due {
        Some(due) if due > now => Ending::Snooze { until: due },
        Some(_) | None if waiting => Ending::Snooze { until: now.plus(LOOK_AGAIN) },
        Some(_) => Ending::Snooze { until: now },
        None => Ending::Done,
    })
}
