//! Finds work in the database that nobody moves, and pushes its messages again.
//!
//! The database is the truth and a message only a tap on the shoulder, so that a queue that lost everything is whole again
//! after one sweep. Pushing a message that waits already changes nothing.

use std::time::Duration;

use russet_domain::job::{JobKind, Priority};
use russet_queue::jobs::{
    ApplyChanges, ApplyUsers, CheckEvent, ClaimToken, HandOverToken, MoveLicenses, OpenGates, PushUpdates,
    ReadMdmMessages, ReadNotifications, Reconcile, RecountAssets, RegisterNotifications, RemoveToken,
    RenewToken, SendCommands, SyncToken,
};
use russet_queue::{Ending, Push, When};
use russet_store::changes::held;
use russet_store::{
    catalog, chain, commands, gates, hand_overs, idempotency, installs, marks, mdm_messages, notifications,
    sweep, tokens,
};

use crate::catalog::message;
use crate::context::Context;
use crate::error::JobError;

/// The most of each kind that one sweep looks at; the next one goes on.
const AT_MOST: usize = 5_000;
/// How long installs are remembered that ended well. Rollouts go by them for as long as they may stay with a ring.
const INSTALLS_KEPT: Duration = Duration::from_secs(90 * 86_400);
/// The most blocks of the audit chain that one sweep seals.
const BLOCKS_MAX: usize = 20;

pub(crate) async fn sweep(ctx: &Context) -> Result<Ending, JobError> {
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    let mut messages = Vec::new();
    for token in sweep::tokens_with_sendable(&mut db, now, AT_MOST).await? {
        messages.push(Push::of(&ApplyChanges { token }, When::default()));
    }
    for token in sweep::tokens_with_users_to_do(&mut db, now, AT_MOST).await? {
        messages.push(Push::of(&ApplyUsers { token }, When::default()));
    }
    if marks::any(&mut db).await? {
        messages.push(Push::of(&Reconcile, When::default()));
    }
    for token in sweep::tokens_with_unread(&mut db, AT_MOST).await? {
        messages.push(Push::of(&ReadNotifications { token }, When::default()));
    }
    for token in sweep::tokens_with_open(&mut db, JobKind::SyncToken, AT_MOST).await? {
        messages.push(Push::of(&SyncToken { token }, When::default()));
    }
    for token in sweep::tokens_with_open(&mut db, JobKind::RegisterNotifications, AT_MOST).await? {
        messages.push(Push::of(&RegisterNotifications { token }, When::default()));
    }
    for token in sweep::tokens_to_recount(&mut db, AT_MOST).await? {
        messages.push(Push::of(&RecountAssets { token }, When::default()));
    }
    for token in sweep::tokens_with_open(&mut db, JobKind::TakeOverToken, AT_MOST).await? {
        messages.push(Push::of(&ClaimToken { token }, When::default()));
    }
    for token in sweep::tokens_with_open(&mut db, JobKind::HandOverToken, AT_MOST).await? {
        messages.push(Push::of(&HandOverToken { token }, When::default()));
    }
    for token in sweep::probe_due(&mut db, AT_MOST).await? {
        messages.push(Push::of(&ClaimToken { token }, When::priority(Priority::Low)));
    }
    for token in sweep::duplicates_of_none(&mut db, AT_MOST).await? {
        messages.push(Push::of(&ClaimToken { token }, When::default()));
    }
    for token in sweep::new_tokens(&mut db, AT_MOST).await? {
        messages.push(Push::of(&ClaimToken { token }, When::default()));
    }
    for token in sweep::tokens_with_pending(&mut db, AT_MOST).await? {
        messages.push(Push::of(&RenewToken { token }, When::default()));
    }
    for token in sweep::removing_tokens(&mut db, AT_MOST).await? {
        messages.push(Push::of(&RemoveToken { token }, When::default()));
    }
    for reading in catalog::open(&mut db, now).await? {
        messages.push(Push::of(&message(reading.storefront), When::default()));
    }
    for job in sweep::jobs_with_due_moves(&mut db, now, AT_MOST).await? {
        messages.push(Push::of(&MoveLicenses { job }, When::default()));
    }
    for token in gates::tokens_with_moved(&mut db, AT_MOST).await? {
        messages.push(Push::of(&OpenGates { token }, When::default()));
    }
    for token in gates::tokens_with_due(&mut db, now, AT_MOST).await? {
        messages.push(Push::of(&OpenGates { token }, When::default()));
    }
    for connector in mdm_messages::connectors_with_some(&mut db, now, AT_MOST).await? {
        messages.push(Push::of(&ReadMdmMessages { connector }, When::default()));
    }
    let told_before = now.minus(Duration::from_secs(ctx.mdm_settings.inventory_every_s));
    for connector in installs::connectors_with_due(&mut db, now, Some(told_before), AT_MOST).await? {
        messages.push(Push::of(&SendCommands { connector }, When::default()));
    }
    for token in sweep::tokens_with_open(&mut db, JobKind::PushUpdate, AT_MOST).await? {
        messages.push(Push::of(&PushUpdates { token }, When::default()));
    }
    // Younger requests have their reminder in the queue, or are found here when they are old enough.
    let first_look = ctx.patience.poll_after.min(ctx.patience.read_back_after);
    for (request, token) in sweep::open_older_than(&mut db, now.minus(first_look), AT_MOST).await? {
        messages.push(Push::of(&CheckEvent { token, request }, When::default()));
    }
    drop(db);
    if !messages.is_empty() {
        tracing::debug!(messages = messages.len(), "the sweep found work");
        ctx.queue.push_many(messages).await?;
    }
    watch_expiry(ctx).await?;
    give_up_on_approvals(ctx).await?;
    seal(ctx).await?;
    clean_up(ctx).await?;
    Ok(Ending::Done)
}

/// Tells tokens that expire soon from the others, and has those probed whose year has just ended.
async fn watch_expiry(ctx: &Context) -> Result<(), JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    let changed = tokens::mark_expiring(&mut tx, now.plus(ctx.soon()), now).await?;
    let overdue = sweep::overdue_to_probe(&mut tx, now, AT_MOST).await?;
    if !overdue.is_empty() {
        tokens::set_probes_due(&mut tx, &overdue, now).await?;
    }
    tx.commit().await?;
    if changed > 0 {
        tracing::warn!(
            tokens = changed,
            "tokens expire soon, or do not any more; `russet doctor` names them"
        );
    }
    Ok(())
}

/// Refuses what has waited for an approval longer than anybody should wait.
async fn give_up_on_approvals(ctx: &Context) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let overdue = held::overdue(&mut db, ctx.now(), AT_MOST).await?;
    drop(db);
    for token in overdue {
        let mut tx = ctx.begin().await?;
        held::expire(&mut tx, token, ctx.now()).await?;
        tx.commit().await?;
        tracing::warn!(token.id = token.0, "nobody approved in time what was to be taken back");
    }
    Ok(())
}

/// Seals what the audit log and the history of licenses got since the last time. What is more than one sweep seals waits for the next.
async fn seal(ctx: &Context) -> Result<(), JobError> {
    for _ in 0..BLOCKS_MAX {
        let mut tx = ctx.begin().await?;
        let Some(block) = chain::seal(&mut tx, ctx.now()).await? else { return Ok(()) };
        tx.commit().await?;
        // Kept outside the database, the hash tells whether somebody wrote the chain anew.
        tracing::info!(block = block.id, hash = block.hash, "a block of the audit chain is sealed");
    }
    Ok(())
}

/// Forgets what nobody needs any more, a bounded number of rows at a time.
async fn clean_up(ctx: &Context) -> Result<(), JobError> {
    let before = ctx.now().minus(Duration::from_secs(ctx.settings.keep_hours * 3600));
    let mut tx = ctx.begin().await?;
    notifications::purge_read(&mut tx, before, AT_MOST).await?;
    let told = ctx.now().minus(Duration::from_secs(ctx.mdm_settings.keep_messages_hours * 3600));
    mdm_messages::purge_read(&mut tx, told, AT_MOST).await?;
    installs::purge(&mut tx, ctx.now().minus(INSTALLS_KEPT), AT_MOST).await?;
    // Devices may answer for as long as they are waited for.
    let answered = before.minus(ctx.mdm_settings.patience().answer_within);
    commands::purge(&mut tx, answered, AT_MOST).await?;
    hand_overs::purge(&mut tx, before, AT_MOST).await?;
    idempotency::purge(&mut tx, ctx.now().minus(Duration::from_secs(24 * 3600)), AT_MOST).await?;
    Ok(tx.commit().await?)
}
