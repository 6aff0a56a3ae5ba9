//! Asks Apple what became of a request that has not been answered in full, and reads the licenses back when nothing else is sure.

use std::collections::HashSet;

use russet_apple::{Endpoint, EventId, EventReport, Filter};
use russet_domain::change::{Word, after};
use russet_domain::event::{Next, Verdict, judge, next};
use russet_domain::read_back::{self, Failure, Walks};
use russet_domain::{AssetKey, Holder, Timestamp};
use russet_queue::jobs::{ApplyChanges, CheckEvent, RemoveToken};
use russet_queue::{Class, Ending, When};
use russet_store::assets;
use russet_store::changes::{self, Open};
use russet_store::requests::{self, Request, RequestState, What};
use russet_store::tokens::Token;

use crate::context::Context;
use crate::error::JobError;
use crate::handlers::check_users;
use crate::send::REMINDER_MIN;

/// The most pages that are read of one list.
const PAGES_MAX: u32 = 10_000;

pub(crate) async fn check_event(job: CheckEvent, ctx: &Context) -> Result<Ending, JobError> {
    let mut db = ctx.store.read().await?;
    let Some(request) = requests::find(&mut db, job.request).await? else { return Ok(Ending::Done) };
    drop(db);
    if request.state == RequestState::Closed {
        return Ok(Ending::Done);
    }
    let Some(token) = ctx.token(request.token).await? else { return Ok(Ending::Done) };
    if !token.state.may_ask() {
        // Renewing or claiming the token asks again; until then there is nobody to ask as.
        return Ok(Ending::Done);
    }
    let report = match next(ctx.patience, request.created_at, request.event_id.is_some(), ctx.now()) {
        Next::Wait { until } => return Ok(Ending::Snooze { until }),
        Next::ReadBack => None,
        Next::AskStatus => {
            if let Some(until) = too_soon(ctx, &request) {
                return Ok(Ending::Snooze { until });
            }
            let report = ask(ctx, &token, &request).await?;
            let verdict = judge(ctx.patience, report.status, report.clean(), request.created_at, ctx.now());
            match verdict {
                Verdict::AllMoved => {
                    return match request.what {
                        What::Licenses(_) => settle_all(ctx, &token, &request).await,
                        What::Users(deed) => check_users::settle_all(ctx, &token, &request, deed).await,
                    };
                }
                Verdict::AskAgain { until } => {
                    let until = until.max(ctx.now().plus(REMINDER_MIN));
                    return Ok(Ending::Snooze { until });
                }
                Verdict::ReadBack => Some(report),
            }
        }
    };
    let failures = report.map(|report| report.failures).unwrap_or_default();
    match request.what {
        What::Licenses(_) => read_all_back(ctx, &token, &request, &failures_of(failures)).await,
        What::Users(deed) => check_users::read_all_back(ctx, &token, &request, deed, &failures).await,
    }
}

/// Apple wants half a minute between two questions after one event, whoever asks and whatever woke us.
fn too_soon(ctx: &Context, request: &Request) -> Option<Timestamp> {
    let until = request.checked_at?.plus(ctx.patience.poll_every);
    (ctx.now() < until).then_some(until)
}

async fn ask(ctx: &Context, token: &Token, request: &Request) -> Result<EventReport, JobError> {
    let event = EventId(request.event_id.clone().unwrap_or_default());
    let asked =
        ctx.ask(token, Class::Status, async |apple, secret| apple.status(&secret, &event).await).await;
    let mut tx = ctx.begin().await?;
    requests::checked(&mut tx, request.id, ctx.now()).await?;
    tx.commit().await?;
    asked
}

fn failures_of(failures: Vec<russet_apple::Failure>) -> Vec<Failure> {
    failures
        .into_iter()
        .map(|failure| Failure {
            number: failure.number,
            assets: failure.assets,
            holders: failure
                .devices
                .into_iter()
                .map(Holder::Device)
                .chain(failure.users.into_iter().map(Holder::User))
                .collect(),
        })
        .collect()
}

async fn settle_all(ctx: &Context, token: &Token, request: &Request) -> Result<Ending, JobError> {
    let mut tx = ctx.begin().await?;
    let open = changes::open_of_request(&mut tx, request.id).await?;
    let words: Vec<_> = open.iter().map(|open| (open, Word::Moved)).collect();
    write_down(ctx, &mut tx, token, &words).await?;
    tx.commit().await?;
    wake(ctx, token).await
}

/// Reads from Apple who holds what, and ends or repeats every change of the request by that.
async fn read_all_back(
    ctx: &Context,
    token: &Token,
    request: &Request,
    failures: &[Failure],
) -> Result<Ending, JobError> {
    let mut db = ctx.store.read().await?;
    let open = changes::open_of_request(&mut db, request.id).await?;
    let keys: Vec<AssetKey> = request.assets.clone();
    let known = assets::by_keys(&mut db, token.id, &keys).await?;
    drop(db);
    let pairs: Vec<(AssetKey, Holder)> =
        open.iter().map(|open| (open.key.clone(), open.holder.clone())).collect();
    let assigned = |key: &AssetKey| known.get(key).map_or(0, |asset| asset.asset.assigned);
    let held = read_lists(ctx, token, read_back::walks(&pairs, assigned)).await?;
    let words: Vec<(&Open, Word)> = open
        .iter()
        .map(|open| {
            let held = held.contains(&(open.key.clone(), open.holder.clone()));
            (open, read_back::word(open.action, &open.key, &open.holder, held, failures))
        })
        .collect();
    let missing = words.iter().filter(|(_, word)| *word != Word::FoundInPlace).count();
    tracing::info!(
        request.id = request.id.0,
        token.id = token.id.0,
        open = words.len(),
        missing,
        "read a request back"
    );
    let mut tx = ctx.begin().await?;
    if request.event_id.is_none() {
        requests::reply_lost(&mut tx, request.id).await?;
    }
    write_down(ctx, &mut tx, token, &words).await?;
    tx.commit().await?;
    wake(ctx, token).await
}

async fn write_down(
    ctx: &Context,
    tx: &mut russet_store::Tx,
    token: &Token,
    words: &[(&Open, Word)],
) -> Result<(), JobError> {
    let now = ctx.now();
    let outcomes: Vec<_> = words
        .iter()
        .map(|(open, word)| (open.id, after(open.action, word, open.attempts, now, ctx.unit())))
        .collect();
    changes::finish(tx, token.id, &outcomes, now).await?;
    Ok(())
}

/// Changes that go again, or that waited behind these, are sent; and whoever waits for the last one hears of it.
async fn wake(ctx: &Context, token: &Token) -> Result<Ending, JobError> {
    ctx.push(&ApplyChanges { token: token.id }, When::default()).await?;
    if token.removing {
        ctx.push(&RemoveToken { token: token.id }, When::default()).await?;
    }
    Ok(Ending::Done)
}

async fn read_lists(
    ctx: &Context,
    token: &Token,
    walks: Walks,
) -> Result<HashSet<(AssetKey, Holder)>, JobError> {
    let filters: Vec<Filter> = match walks {
        Walks::ByAsset(assets) => assets.into_iter().map(of_asset).collect(),
        Walks::ByHolder(holders) => holders.into_iter().map(of_holder).collect(),
    };
    let mut held = HashSet::new();
    for filter in &filters {
        let mut page = 0;
        loop {
            let read = ctx
                .ask(token, Class::Status, async |apple, secret| {
                    apple.assignments(&secret, filter, page).await
                })
                .await?;
            // A record that cannot be read may be the very license that seems to be gone.
            let read = read.whole(Endpoint::Assignments)?;
            held.extend(read.items.into_iter().map(|item| (item.key, item.holder)));
            match read.next {
                Some(next) if next > page && next < PAGES_MAX => page = next,
                Some(_) | None => break,
            }
        }
    }
    Ok(held)
}

fn of_asset(asset: AssetKey) -> Filter {
    Filter { adam_id: Some(asset.adam_id), pricing: Some(asset.pricing), ..Filter::default() }
}

fn of_holder(holder: Holder) -> Filter {
    match holder {
        Holder::Device(serial) => Filter { serial: Some(serial), ..Filter::default() },
        Holder::User(user) => Filter { user: Some(user), ..Filter::default() },
    }
}
