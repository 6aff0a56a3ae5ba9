//! Reads the notifications that Apple has sent for a token: ends the changes they are about, and moves counts.

use std::collections::BTreeMap;
use std::time::Duration;

use russet_apple::notification::{self, Movement, What};
use russet_domain::change::{Action, Outcome, Word, after};
use russet_domain::{AssetKey, ChangeId, Holder, Timestamp, TokenId};
use russet_queue::jobs::{ApplyChanges, ReadNotifications, RecountAssets, RemoveToken};
use russet_queue::{Ending, When};
use russet_store::assets::{self, Bought};
use russet_store::notifications::{self, NotificationId, Unread};
use russet_store::recounts::{self, Subject};
use russet_store::tokens::{self, Token};
use russet_store::users::Finished;
use russet_store::{StoreError, Tx, changes, licenses, requests};

use crate::context::Context;
use crate::error::JobError;
use crate::gates;
use crate::handlers::check_users;
use crate::handlers::user_news::UserNews;

/// How late Apple's notifications come at the most, with room to spare: three attempts take it five minutes, after
/// however long the event takes.
const LATEST: Duration = Duration::from_secs(3600);

pub(crate) async fn read_notifications(job: ReadNotifications, ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    loop {
        let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
        let Some(done) = read_some(ctx, &token).await? else {
            if token.removing {
                // The last of them may have been what the removal waited for.
                ctx.push(&RemoveToken { token: token.id }, When::default()).await?;
            }
            return Ok(Ending::Done);
        };
        gates::wake(ctx, token.id).await?;
        for token in done.more {
            ctx.push(&ApplyChanges { token }, When::default()).await?;
        }
        for (token, finished) in done.users {
            check_users::wake(ctx, &token, &finished).await?;
        }
        for token in done.recount {
            ctx.push(&RecountAssets { token }, When::default()).await?;
        }
        if slice.is_over() {
            return Ok(Ending::Snooze { until: ctx.now() });
        }
    }
}

/// Who has something to do after a batch.
#[derive(Default)]
struct Done {
    /// Tokens that have more to send now.
    more: Vec<TokenId>,
    /// Tokens with users of whom something was finished.
    users: Vec<(Token, Finished)>,
    /// Tokens of which something is to be counted.
    recount: Vec<TokenId>,
}

/// Reads a batch, or tells that there is none. All of it is one transaction under the tokens' locks, so that whoever else
/// reads them at the same time, after a lease that was lost, takes in nothing twice.
async fn read_some(ctx: &Context, token: &Token) -> Result<Option<Done>, JobError> {
    let mut db = ctx.store.read().await?;
    let any = !notifications::unread(&mut db, token.id, 1).await?.is_empty();
    drop(db);
    // A write transaction keeps others waiting, and most looks after the last batch find nothing.
    if !any {
        return Ok(None);
    }
    let mut tx = ctx.begin().await?;
    // Apple keeps one address for a location; its notifications are about every token that opens it.
    let siblings = siblings(&mut tx, token).await?;
    for sibling in &siblings {
        match tokens::lock(&mut tx, sibling.id).await {
            // One that has just been removed has no more notifications either.
            Ok(()) | Err(StoreError::Missing(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let unread = notifications::unread(&mut tx, token.id, ctx.settings.notifications_max).await?;
    if unread.is_empty() {
        return Ok(None);
    }
    let batch = Batch::sort(token, &unread);
    let done = write_down(ctx, &mut tx, &siblings, &batch).await?;
    notifications::mark_read(&mut tx, &batch.read, ctx.now()).await?;
    tx.commit().await?;
    Ok(Some(done))
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
    users: UserNews,
    bought: Vec<Bought>,
    /// What is to be counted without anything being known of the difference.
    uncertain: Vec<Subject>,
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
            What::AssetCount { key, delta } => {
                self.bought.push(Bought { key, delta, received_at: stored.received_at });
                "counted"
            }
            What::Test => "test",
            What::Other { kind, why, .. } => {
                if let Some(why) = why {
                    tracing::warn!(
                        token.id = token.id.0,
                        notification.id = stored.id.0,
                        notification.kind = kind,
                        why,
                        "a notification has something that this version does not know"
                    );
                }
                // Seats of subscriptions are no assets; of an unlimited asset, or of a type that Apple added, nothing more is
                // known, and the assets are worth a look.
                if !kind.starts_with("SUBSCRIPTION_") {
                    self.uncertain.push(Subject::All);
                }
                "other"
            }
            What::UserManagement { event, kind, done, users, error } => {
                self.users.managed(event.0, kind, done, users, error);
                "users"
            }
            What::UserAssociated { users } => {
                self.users.associated(users);
                "users"
            }
        }
    }
}

/// Ends what the batch is about, and moves counts.
async fn write_down(ctx: &Context, tx: &mut Tx, siblings: &[Token], batch: &Batch) -> Result<Done, JobError> {
    let now = ctx.now();
    let mut done = Done::default();
    for token in siblings {
        let mut outcomes: Vec<(ChangeId, Outcome)> = Vec::new();
        for (said, pairs) in &batch.said {
            outcomes.extend(ends_of(ctx, tx, token, said, pairs).await?);
        }
        changes::finish(tx, token.id, &outcomes, now).await?;
        let finished = batch.users.write_down(ctx, tx, token, now.minus(LATEST)).await?;
        if finished.users > 0 {
            done.users.push((token.clone(), finished));
        }
        let bought = count(tx, token, batch, now).await?;
        if bought.in_doubt {
            done.recount.push(token.id);
        }
        if bought.moved || changes::next_due(tx, token.id).await?.is_some_and(|due| due <= now) {
            done.more.push(token.id);
        }
    }
    Ok(done)
}

/// What became of a token's counts.
#[derive(Clone, Copy, Default)]
struct Counted {
    /// Some moved, and changes that wait for a license may go on.
    moved: bool,
    /// Some have to be read from Apple.
    in_doubt: bool,
}

/// Moves a token's counts by what was bought. What does not add up is written down as to be counted, together with the
/// notification being read, so that it is not forgotten.
async fn count(tx: &mut Tx, token: &Token, batch: &Batch, now: Timestamp) -> Result<Counted, JobError> {
    // A token that is not synced, such as a duplicate, has no counts that anybody looks at.
    if !token.state.may_sync() || (batch.bought.is_empty() && batch.uncertain.is_empty()) {
        return Ok(Counted::default());
    }
    let ask = assets::take_in_purchases(tx, token.id, &batch.bought, now).await?;
    let moved = ask.len() < batch.bought.len();
    let mut subjects: Vec<Subject> = ask.into_iter().map(Subject::Product).collect();
    subjects.extend(batch.uncertain.iter().cloned());
    recounts::ask(tx, token.id, &subjects, now).await?;
    Ok(Counted { moved, in_doubt: !subjects.is_empty() })
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
        let said = (said.action, said.event.as_str());
        licenses::observe_moved(tx, token.id, said, &without(pairs, &open), now).await?;
    }
    let word = if said.moved { Word::Moved } else { Word::Failed { number: said.error } };
    Ok(open.iter().map(|open| (open.id, after(open.action, &word, open.attempts, now, ctx.unit()))).collect())
}

fn without(pairs: &[(AssetKey, Holder)], open: &[changes::Open]) -> Vec<(AssetKey, Holder)> {
    let ours: std::collections::HashSet<(&AssetKey, &Holder)> =
        open.iter().map(|open| (&open.key, &open.holder)).collect();
    pairs.iter().filter(|(asset, holder)| !ours.contains(&(asset, holder))).cloned().collect()
}
