//! Reads what the store of a country says about the products that its tokens own.

use std::collections::BTreeMap;
use std::time::Duration;

use russet_domain::TokenId;
use russet_queue::jobs::{PushUpdates, RefreshCatalog};
use russet_queue::{Ending, Priority, Push, When};
use russet_store::catalog::{self, After, Due, Refresh, Storefront};
use russet_store::tokens;

use crate::catalog::{Asker, Stop, close_jobs, due_before, judge, start_jobs};
use crate::context::Context;
use crate::error::{JobError, chain};

/// How many products are looked for in one go.
const AT_ONCE: usize = 600;
/// After so many failures in a row a reading is given up; the schedule begins the next one.
const FAILURES_MAX: u64 = 20;
/// The first wait after a failure, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

pub(crate) async fn refresh_catalog(job: RefreshCatalog, ctx: &Context) -> Result<Ending, JobError> {
    let storefront = Storefront { country: job.country, account_type: job.account_type };
    let Some(reading) = begin(ctx, &storefront).await? else { return Ok(Ending::Done) };
    if let Some(until) = reading.not_before.filter(|until| *until > ctx.now()) {
        return Ok(Ending::Snooze { until });
    }
    if !ctx.catalog.is_on {
        return end(ctx, &reading, Some("Apple's stores are not asked: apple.catalog is false.")).await;
    }
    let mut asker = match Asker::new(ctx, &storefront).await {
        Ok(asker) => asker,
        Err(error) => return stopped(ctx, &reading, error.into(), 0).await,
    };
    let outcome = read(ctx, &mut asker, &reading).await;
    match outcome {
        Ok(Read::All) => {
            let ending = end(ctx, &reading, asker.note.as_deref()).await?;
            look_for_updates(ctx, &storefront).await?;
            Ok(ending)
        }
        Ok(Read::Part) => {
            note(ctx, asker.note.as_deref(), &reading).await?;
            Ok(Ending::Snooze { until: ctx.now() })
        }
        Err(stop) => {
            note(ctx, asker.note.as_deref(), &reading).await?;
            stopped(ctx, &reading, stop, asker.take_requests()).await
        }
    }
}

/// A store that was read may have newer versions for the devices of its tokens.
async fn look_for_updates(ctx: &Context, storefront: &Storefront) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let tokens = tokens::ids_to_push(&mut db, Some(&storefront.country)).await?;
    drop(db);
    let look = |token| Push::of(&PushUpdates { token }, When::priority(Priority::Low));
    let messages: Vec<Push> = tokens.into_iter().map(look).collect();
    if !messages.is_empty() {
        ctx.queue.push_many(messages).await?;
    }
    Ok(())
}

/// The reading that is wanted or under way, begun.
async fn begin(ctx: &Context, storefront: &Storefront) -> Result<Option<Refresh>, JobError> {
    let mut db = ctx.store.read().await?;
    let found = catalog::find(&mut db, storefront).await?.filter(|reading| reading.ended_at.is_none());
    drop(db);
    match found {
        Some(reading) if reading.started_at.is_none() => {
            let mut tx = ctx.begin().await?;
            catalog::began(&mut tx, storefront, ctx.now()).await?;
            start_jobs(&mut tx, storefront, ctx.now()).await?;
            let begun = catalog::find(&mut tx, storefront).await?;
            tx.commit().await?;
            Ok(begun)
        }
        found => Ok(found),
    }
}

/// How much was read.
enum Read {
    All,
    Part,
}

async fn read(ctx: &Context, asker: &mut Asker<'_>, reading: &Refresh) -> Result<Read, Stop> {
    let slice = ctx.slice();
    let storefront = &reading.storefront;
    let mut after = reading.after.clone();
    // Each round goes on after the one before, also past products that could not be asked about.
    loop {
        let mut db = ctx.store.read().await?;
        let before = due_before(&mut db).await?;
        let language = ctx.catalog.client.language();
        let due = catalog::due(&mut db, storefront, language, before, &after, AT_ONCE).await?;
        drop(db);
        if due.is_empty() {
            return Ok(Read::All);
        }
        for (token, dues) in by_token(due) {
            let judged = judge(ctx, asker, storefront, token, &dues).await?;
            let mut progress = judged.progress;
            progress.requests = asker.take_requests();
            let mut tx = ctx.begin().await?;
            catalog::write(&mut tx, &storefront.country, language, &judged.verdicts, ctx.now()).await?;
            let last = dues.last().map(|due| due.adam_id.clone()).unwrap_or_default();
            after = After { token: token.0, adam_id: last };
            catalog::note_progress(&mut tx, storefront, Some(&after), &progress).await?;
            tx.commit().await?;
            if slice.is_over() {
                return Ok(Read::Part);
            }
        }
    }
}

fn by_token(due: Vec<Due>) -> BTreeMap<TokenId, Vec<Due>> {
    let mut groups: BTreeMap<TokenId, Vec<Due>> = BTreeMap::new();
    for due in due {
        groups.entry(due.token).or_default().push(due);
    }
    groups
}

/// Keeps what a person should know until the reading ends.
async fn note(ctx: &Context, note: Option<&str>, reading: &Refresh) -> Result<(), JobError> {
    if let Some(note) = note {
        let mut tx = ctx.begin().await?;
        catalog::set_note(&mut tx, &reading.storefront, note).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Ends a reading, and the jobs that waited for it. One that was asked for meanwhile begins anew.
async fn end(ctx: &Context, reading: &Refresh, note: Option<&str>) -> Result<Ending, JobError> {
    let now = ctx.now();
    let storefront = &reading.storefront;
    let mut tx = ctx.begin().await?;
    if !catalog::ended(&mut tx, storefront, reading.wanted_at, note, now).await? {
        catalog::began(&mut tx, storefront, now).await?;
        tx.commit().await?;
        return Ok(Ending::Snooze { until: now });
    }
    close_jobs(&mut tx, now).await?;
    let done = catalog::find(&mut tx, storefront).await?;
    tx.commit().await?;
    if let Some(Refresh { progress, note, .. }) = done {
        tracing::info!(
            catalog.country = storefront.country,
            catalog.account_type = storefront.account_type,
            requests = progress.requests,
            listed = progress.listed,
            elsewhere = progress.elsewhere,
            gone = progress.gone,
            unjudged = progress.unjudged,
            note = note.unwrap_or_default(),
            "a store was read"
        );
    }
    Ok(Ending::Done)
}

/// What becomes of a reading that could not go on.
async fn stopped(ctx: &Context, reading: &Refresh, stop: Stop, requests: u64) -> Result<Ending, JobError> {
    let (why, wait) = match stop {
        Stop::Job(error @ JobError::NotYet { .. }) => return Err(error),
        Stop::Job(error @ JobError::Apple(_)) => (chain(&error), None),
        Stop::Job(error) => return Err(error),
        Stop::Later { why, wait } => (why, wait),
        // Both are dealt with where they arise.
        Stop::Key(why) | Stop::Token(why) => (why, None),
        Stop::Never(why) => {
            tracing::error!(error = why, "Apple's stores cannot be asked about products");
            return end(ctx, reading, Some(&why)).await;
        }
    };
    let failures = reading.failures + 1;
    if failures >= FAILURES_MAX {
        tracing::error!(error = why, failures, "a store could not be read; the schedule tries again");
        return end(ctx, reading, Some(&why)).await;
    }
    let (first, longest) = WAITS;
    let doubled =
        first.saturating_mul(2_u32.saturating_pow(u32::try_from(failures - 1).unwrap_or(30).min(30)));
    let pause = doubled.min(longest).mul_f64(0.5 + ctx.unit() / 2.0);
    let until = ctx.now().plus(wait.unwrap_or_default().max(pause));
    tracing::warn!(error = why, failures, "a store could not be read yet");
    let mut tx = ctx.begin().await?;
    catalog::failed(&mut tx, &reading.storefront, requests, &why, until).await?;
    tx.commit().await?;
    Ok(Ending::Snooze { until })
}
