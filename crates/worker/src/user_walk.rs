//! Walks Apple's pages of users into the store, and reads single users.
//!
//! As with licenses, a walk's place is kept in the database, and what is settled while it runs is not undone by its older
//! pages. Users come before licenses, as Apple suggests
//! (<https://developer.apple.com/documentation/devicemanagement/getting-started-with-the-management-api>).

use futures::future::join_all;
use russet_apple::{Page, User, UserFilter};
use russet_domain::{JobId, UserRecord, UserStatus, user_record};
use russet_queue::Class;
use russet_store::Tx;
use russet_store::tokens::Token;
use russet_store::users::{self, Count};
use russet_store::walks::{self, Advance, Walk, WalkKind};

use crate::context::{Context, Slice};
use crate::error::JobError;

/// A walk older than this starts again rather than goes on: Apple's pages have long moved.
const STALE: std::time::Duration = std::time::Duration::from_secs(3600);
/// Up to this many missing records are asked for one by one; more are found in the list.
const SINGLY: usize = 10;
/// The most pages that are read of one list.
const PAGES_MAX: u32 = 100_000;
/// The most pages that are read of one user's records.
const RECORD_PAGES_MAX: u32 = 10;
/// Apple's number for a version that it has forgotten.
const VERSION_UNKNOWN: i32 = 9721;

/// Walks users as far as a slice of time allows: all of them, or what has changed since the last time. `None`: part of the
/// way. A walk that has come to its end is to be closed with [`close`].
pub(crate) async fn walk(
    ctx: &Context,
    token: &Token,
    jobs: &[JobId],
    whole: bool,
    slice: Option<&Slice>,
) -> Result<Option<Walk>, JobError> {
    let mut db = ctx.store.read().await?;
    let version = users::user_list(&mut db, token.id).await?.version;
    drop(db);
    if whole || version.is_none() {
        return walk_kind(ctx, token, jobs, WalkKind::Users, None, slice).await;
    }
    match walk_kind(ctx, token, jobs, WalkKind::UserChanges, version, slice).await {
        // Apple has forgotten the version: only a whole walk helps.
        Err(JobError::Apple(error)) if error.number() == Some(VERSION_UNKNOWN) => {
            walk_kind(ctx, token, jobs, WalkKind::Users, None, slice).await
        }
        other => other,
    }
}

async fn walk_kind(
    ctx: &Context,
    token: &Token,
    jobs: &[JobId],
    kind: WalkKind,
    since: Option<String>,
    slice: Option<&Slice>,
) -> Result<Option<Walk>, JobError> {
    let mut walk = begin(ctx, token, jobs, kind).await?;
    let filter = UserFilter { since_version: since, ..UserFilter::default() };
    while walk.next_page < walk.total_pages.unwrap_or(PAGES_MAX) {
        if slice.is_some_and(Slice::is_over) {
            return Ok(None);
        }
        step(ctx, token, &filter, &mut walk).await?;
    }
    Ok(Some(walk))
}

/// Ends a walk that has read all of its pages: users that a whole one has not seen are no longer Apple's.
pub(crate) async fn close(ctx: &Context, tx: &mut Tx, walk: &Walk) -> Result<(), JobError> {
    let (token, now) = (walk.token, ctx.now());
    let whole = walk.kind == WalkKind::Users;
    if whole && !walk.moved {
        users::drop_unseen(tx, token, walk.id, walk.started_at, now).await?;
    }
    users::unread_done(tx, token, walk.started_at).await?;
    // The first page's version: what moved during the walk is seen again in the next list of changes.
    users::read_list(tx, token, walk.version_id.as_deref(), whole, now).await?;
    walks::end(tx, walk.id, now).await?;
    // A list of changes that was half read began at the version before this one: its other half would be of another list.
    walks::give_up(tx, token, WalkKind::UserChanges, now).await?;
    Ok(())
}

/// Reads what is new in Apple's list of users, to its end.
pub(crate) async fn refresh(ctx: &Context, token: &Token) -> Result<(), JobError> {
    if let Some(walk) = walk(ctx, token, &[], false, None).await? {
        let mut tx = ctx.begin().await?;
        close(ctx, &mut tx, &walk).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Reads the records of users whom only an event's status or an error told of. Tells whether all are read.
pub(crate) async fn read_unread(ctx: &Context, token: &Token, slice: &Slice) -> Result<bool, JobError> {
    let mut db = ctx.store.read().await?;
    let unread = users::unread(&mut db, token.id, SINGLY + 1).await?;
    drop(db);
    if unread.len() > SINGLY {
        let Some(walk) = walk(ctx, token, &[], false, Some(slice)).await? else { return Ok(false) };
        let mut tx = ctx.begin().await?;
        close(ctx, &mut tx, &walk).await?;
        tx.commit().await?;
        return Ok(true);
    }
    for (_, id) in unread {
        let record = read_user(ctx, token, &id).await?;
        let mut tx = ctx.begin().await?;
        users::observe(&mut tx, token.id, Count::Exactly, &[record], ctx.now()).await?;
        tx.commit().await?;
    }
    Ok(true)
}

/// Reads one user's records.
pub(crate) async fn read_user(ctx: &Context, token: &Token, id: &str) -> Result<UserRecord, JobError> {
    let filter = UserFilter { user: Some(id.to_owned()), ..UserFilter::default() };
    let (mut records, mut index) = (Vec::new(), 0);
    loop {
        let page = page(ctx, token, &filter, index, Class::Status).await?;
        // Apple was asked for one user; should it list others, they are not his.
        records.extend(page.items.into_iter().filter(|user| user.id == id).map(record_of));
        match page.next {
            Some(next) if next > index && next < RECORD_PAGES_MAX => index = next,
            Some(_) | None => break,
        }
    }
    Ok(user_record::fold(records).pop().unwrap_or_else(|| UserRecord::absent(id)))
}

/// Apple's record as the store takes it.
pub(crate) fn record_of(user: User) -> UserRecord {
    UserRecord {
        client_user_id: user.id,
        status: Some(user.status),
        email: user.email,
        id_hash: user.id_hash,
        invite_code: user.invite_code,
        retired_records: 0,
    }
}

/// Whether Apple said how the user stands.
pub(crate) fn says_status(record: &UserRecord) -> bool {
    match &record.status {
        Some(UserStatus::Other(word)) => !word.is_empty(),
        Some(UserStatus::Registered | UserStatus::Associated | UserStatus::Retired | UserStatus::Deleted) => {
            true
        }
        None => false,
    }
}

async fn begin(ctx: &Context, token: &Token, jobs: &[JobId], kind: WalkKind) -> Result<Walk, JobError> {
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    let open = walks::open(&mut db, token.id, kind).await?;
    drop(db);
    if let Some(walk) = open
        && now.since(walk.started_at) < STALE
    {
        return Ok(walk);
    }
    let mut tx = ctx.begin().await?;
    let walk = walks::start(&mut tx, token.id, kind, jobs, now).await?;
    tx.commit().await?;
    Ok(walk)
}

/// Fetches the next pages, at most five at once, and writes them down together with the walk's new place.
async fn step(ctx: &Context, token: &Token, filter: &UserFilter, walk: &mut Walk) -> Result<(), JobError> {
    let at_once = u32::try_from(ctx.settings.pages_at_once.clamp(1, 5)).unwrap_or(1);
    let last = match walk.total_pages {
        Some(total) => total.min(walk.next_page + at_once),
        None => walk.next_page + 1,
    };
    let fetched =
        join_all((walk.next_page..last).map(|index| page(ctx, token, filter, index, Class::Bulk))).await;
    let (mut stopped, mut records) = (None, Vec::new());
    for result in fetched {
        match result {
            Ok(page) => take(walk, page, &mut records),
            Err(error) => {
                stopped = Some(error);
                break;
            }
        }
    }
    write_down(ctx, walk, records).await?;
    stopped.map_or(Ok(()), Err)
}

fn take(walk: &mut Walk, page: Page<User>, records: &mut Vec<UserRecord>) {
    if walk.next_page == 0 {
        walk.version_id.clone_from(&page.version);
    }
    // A record that cannot be understood may be a user: nobody is forgotten on the strength of such a walk.
    walk.moved |= page.version != walk.version_id || page.skipped > 0;
    walk.next_page += 1;
    walk.total_pages = Some(match page.next {
        Some(next) => page.total_pages.max(next + 1),
        None => walk.next_page,
    });
    walk.rows += page.items.len() as u64;
    records.extend(page.items.into_iter().map(record_of));
}

async fn write_down(ctx: &Context, walk: &Walk, records: Vec<UserRecord>) -> Result<(), JobError> {
    let place = Advance {
        next_page: walk.next_page,
        total_pages: walk.total_pages,
        version_id: walk.version_id.clone(),
        moved: walk.moved,
        rows: walk.rows,
    };
    let count = if walk.kind == WalkKind::Users { Count::Adds } else { Count::AtLeast };
    let records = user_record::fold(records);
    let mut tx = ctx.begin().await?;
    users::observe_page(&mut tx, walk.token, walk.id, walk.started_at, count, &records, ctx.now()).await?;
    walks::advance(&mut tx, walk.id, &place).await?;
    Ok(tx.commit().await?)
}

async fn page(
    ctx: &Context,
    token: &Token,
    filter: &UserFilter,
    index: u32,
    class: Class,
) -> Result<Page<User>, JobError> {
    ctx.ask(token, class, async |apple, secret| apple.users(&secret, filter, index).await).await
}
