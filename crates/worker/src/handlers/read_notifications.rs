//! Reads the notifications that Apple has sent for a token, and ends the changes they are about.

use std::collections::BTreeMap;
use std::time::Duration;

use russet_apple::notification::{self, Movement, What};
use russet_domain::change::{Action, Outcome, Word, after};
use russet_domain::{AssetKey, ChangeId, Holder, TokenId};
use russet_queue::jobs::{ApplyChanges, ReadNotifications, RemoveToken};
use russet_queue::{Ending, When};
use russet_store::notifications::{self, NotificationId, Unread};
use russet_store::tokens::{self, Token};
use russet_store::{Tx, changes, licenses, requests};

use crate::assets::refresh;
use crate::context::Context;
use crate::error::JobError;

/// How late Apple's notifications come at the most, with room to spare: three attempts take it five minutes, after
/// however long the event takes.
const LATEST: Duration = Duration::from_secs(3600);

pub(crate) async fn read_notifications(job: ReadNotifications, ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    loop {
        let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
        let mut db = ctx.store.read().await?;
        let unread = notifications::unread(&mut db, token.id, ctx.settings.notifications_max).await?;
        drop(db);
        if unread.is_empty() {
            if token.removing {
                // The last of them may have been what the removal waited for.
                ctx.push(&RemoveToken { token: token.id }, When::default()).await?;
            }
            return Ok(Ending::Done);
        }
        let batch = Batch::sort(&token, &unread);
        for token in write_down(ctx, &token, &batch).await? {
            ctx.push(&ApplyChanges { token }, When::default()).await?;
        }
        if batch.counts_moved && token.state.may_sync() {
            refresh_quietly(ctx, &token).await?;
        }
        if slice.is_over() {
            return Ok(Ending::Snooze { until: ctx.now() });
        }
    }
}

/// What one event says about its licenses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    event: String,
    action: Action,
    moved: bool,
    error: Option<i32>,
}

/// Notifications, sorted by what they say.
#[derive(Default)]
struct Batch {
    said: BTreeMap<Said, Vec<(AssetKey, Holder)>>,
    counts_moved: bool,
    read: Vec<(NotificationId, &'static str)>,
}

impl Batch {
    fn sort(token: &Token, unread: &[Unread]) -> Self {
        let mut batch = Self::default();
        for stored in unread {
            let verdict = batch.take(token, stored);
            batch.read.push((stored.id, verdict));
        }
        batch
    }

    /// Takes one in and says what it was. Whatever it is, it is read only once: an unreadable body stays unreadable.
    fn take(&mut self, token: &Token, stored: &Unread) -> &'static str {
        let Ok(read) = notification::read(&stored.body) else {
            tracing::error!(
                token.id = token.id.0,
                notification.id = stored.id.0,
                "a notification cannot be read"
            );
            return "unreadable";
        };
        if let (Some(ours), Some(theirs)) = (&token.uid, &read.uid)
            && ours != theirs
        {
            tracing::error!(
                token.id = token.id.0,
                notification.id = stored.id.0,
                "a notification is about another location"
            );
            return "other_location";
        }
        if read.odd.count > 0 {
            tracing::warn!(
                token.id = token.id.0,
                notification.id = stored.id.0,
                fields = %read.odd,
                "a part of a notification cannot be read"
            );
        }
        match read.what {
            What::AssetManagement { event, kind, moved, pairs, error } => {
                let action = match kind {
                    Movement::Associate => Action::Assign,
                    Movement::Disassociate | Movement::Revoke => Action::Revoke,
                };
                self.said.entry(Said { event: event.0, action, moved, error }).or_default().extend(pairs);
                "moved"
            }
            What::AssetCount { .. } => {
                self.counts_moved = true;
                "counted"
            }
            What::Test => "test",
            What::Other { kind, why, .. } => {
                // An unlimited asset, or a type that Apple added: the assets are worth a look.
                if let Some(why) = why {
                    tracing::warn!(
                        token.id = token.id.0,
                        notification.id = stored.id.0,
                        notification.kind = kind,
                        why,
                        "a notification has something that this version does not know"
                    );
                }
                self.counts_moved = true;
                "other"
            }
            What::UserManagement { .. } | What::UserAssociated { .. } => "users",
        }
    }
}

/// Ends what the batch is about, in one transaction with marking it read. Tells which tokens have more to send now.
async fn write_down(ctx: &Context, token: &Token, batch: &Batch) -> Result<Vec<TokenId>, JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    let mut more = Vec::new();
    // Apple keeps one address for a location; its notifications are about every token that opens it.
    for token in siblings(&mut tx, token).await? {
        let mut outcomes: Vec<(ChangeId, Outcome)> = Vec::new();
        for (said, pairs) in &batch.said {
            outcomes.extend(ends_of(ctx, &mut tx, &token, said, pairs).await?);
        }
        changes::finish(&mut tx, token.id, &outcomes, now).await?;
        if changes::next_due(&mut tx, token.id).await?.is_some_and(|due| due <= now) {
            more.push(token.id);
        }
    }
    notifications::mark_read(&mut tx, &batch.read, now).await?;
    tx.commit().await?;
    Ok(more)
}

async fn siblings(tx: &mut Tx, token: &Token) -> Result<Vec<Token>, JobError> {
    Ok(match &token.uid {
        Some(uid) => tokens::by_uid(tx, uid).await?,
        None => vec![token.clone()],
    })
}

/// Finds the changes that an event's word is about.
///
/// An event that we know moves only its own request's changes: a late or doubled notification must not end a newer change of
/// the same license. An event that we do not know is either the lost reply of a request of ours, which is then still open
/// without an event, or somebody else's doing.
async fn ends_of(
    ctx: &Context,
    tx: &mut Tx,
    token: &Token,
    said: &Said,
    pairs: &[(AssetKey, Holder)],
) -> Result<Vec<(ChangeId, Outcome)>, JobError> {
    let now = ctx.now();
    let mut is_known = requests::by_event(tx, token.id, &said.event).await?.is_some();
    let mut open = Vec::new();
    if !is_known {
        open = changes::open_without_event(tx, token.id, said.action, pairs).await?;
        // Apple's answer may have been written down between the two looks, and then neither has seen the request.
        is_known = requests::by_event(tx, token.id, &said.event).await?.is_some();
    }
    if is_known {
        open = changes::open_of_event(tx, token.id, &said.event, said.action, pairs).await?;
    } else if said.moved && !requests::any_reply_lost(tx, token.id, now.minus(LATEST)).await? {
        // After a lost reply the event may be our own, of a request that was read back and is over: what it says is old by
        // now. The next full sync tells what somebody else did meanwhile.
        licenses::observe_moved(tx, token.id, said.action, &without(pairs, &open), now).await?;
    }
    let word = if said.moved { Word::Moved } else { Word::Failed { number: said.error } };
    Ok(open.iter().map(|open| (open.id, after(open.action, &word, open.attempts, now, ctx.unit()))).collect())
}

fn without(pairs: &[(AssetKey, Holder)], open: &[changes::Open]) -> Vec<(AssetKey, Holder)> {
    let ours: std::collections::HashSet<(&AssetKey, &Holder)> =
        open.iter().map(|open| (&open.key, &open.holder)).collect();
    pairs.iter().filter(|(asset, holder)| !ours.contains(&(asset, holder))).cloned().collect()
}

/// A count is a hint to read the assets again; when Apple will not answer now, the next sync does.
async fn refresh_quietly(ctx: &Context, token: &Token) -> Result<(), JobError> {
    match refresh(ctx, token).await {
        Ok(_) => {
            ctx.push(&ApplyChanges { token: token.id }, When::default()).await?;
            Ok(())
        }
        Err(JobError::Apple(_) | JobError::NotYet { .. } | JobError::OtherLocation { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
