//! Sends the requests of one round, several at once, whatever they are about.

use std::collections::VecDeque;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use russet_domain::Timestamp;
use russet_queue::Ending;
use russet_store::tokens::Token;

use crate::context::{Context, Slice};
use crate::error::JobError;

/// How a request went.
pub(crate) enum Sent<R> {
    /// Apple took it, or its reply was lost and will be read back.
    Accepted,
    /// Apple refused it whole for the sake of one part; the halves go separately.
    Halved([R; 2]),
    /// The picture has moved: plan again.
    PlanAgain,
}

/// Sends requests that are about different licenses or users, as Apple documents no order between events. `None` means: plan
/// again. Whatever ends the round, what is under way is waited for, so that no answer is lost.
pub(crate) async fn send_all<R, F>(
    ctx: &Context,
    token: &Token,
    requests: Vec<R>,
    slice: &Slice,
    send: impl Fn(R) -> F,
) -> Result<Option<Ending>, JobError>
where
    F: Future<Output = Result<Sent<R>, JobError>>,
{
    let mut requests: VecDeque<R> = requests.into();
    let mut flying = FuturesUnordered::new();
    // The first answer may show that somebody else took the location, or that Apple is in trouble: one finds out.
    let mut allowed = 1;
    let mut ended = None;
    loop {
        while ended.is_none() && flying.len() < allowed && !requests.is_empty() {
            if slice.is_over() {
                ended = Some(Ok(Some(Ending::Snooze { until: Timestamp(0) })));
            } else if let Some(request) = requests.pop_front() {
                flying.push(send_one(ctx, token, request, &send));
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

async fn send_one<R, F>(
    ctx: &Context,
    token: &Token,
    request: R,
    send: &impl Fn(R) -> F,
) -> Result<Sent<R>, JobError>
where
    F: Future<Output = Result<Sent<R>, JobError>>,
{
    // The last answer may have shown that somebody else took the location; planning again refuses the rest.
    if !ctx.token(token.id).await?.is_some_and(|token| token.state.may_write()) {
        return Ok(Sent::PlanAgain);
    }
    send(request).await
}
