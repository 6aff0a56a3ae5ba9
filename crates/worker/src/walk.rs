//! Walks Apple's pages of assignments into the store, without holding them all in memory.
//!
//! A walk's place is kept in the database, so that it goes on after a crash or when others have had their turn. What
//! changes while it runs is not undone by its older pages: the store compares times.

use std::collections::{BTreeSet, HashSet};

use futures::future::join_all;
use russet_apple::{Assignment, Filter, Page};
use russet_domain::{AssetKey, Holder, JobId};
use russet_queue::Class;
use russet_store::jobs::Job;
use russet_store::licenses;
use russet_store::tokens::{SyncEnd, Token};
use russet_store::walks::{self, Advance, Walk, WalkKind};
use serde_json::json;

use crate::assets::refresh;
use crate::context::{Context, Slice};
use crate::error::JobError;
use crate::handlers::sync_token::Mode;
use crate::user_walk;

/// A walk older than this starts again rather than goes on: Apple's pages have long moved.
const STALE: std::time::Duration = std::time::Duration::from_secs(3600);

/// When pages moved during a walk, up to this many missing licenses are asked for one asset at a time; more wait for the
/// next walk, because a license that is taken off the list wrongly would be assigned again for nothing.
const SUSPECTS_MAX: usize = 20_000;
const SUSPECT_ASSETS_MAX: usize = 50;

/// How many notes of licenses that were taken back are forgotten after one walk; the next ones forget the rest.
const TOMBSTONES_MAX: usize = 100_000;

/// How far a walk has got.
pub(crate) enum Walked {
    ToTheEnd(Read),
    PartOfTheWay,
}

/// What a walk has read.
pub(crate) struct Read {
    /// What the token's row is to say.
    pub(crate) end: SyncEnd,
    /// What the job's result is to say.
    pub(crate) summary: serde_json::Value,
}

/// Walks as far as a fair slice of time allows.
pub(crate) async fn walk(ctx: &Context, token: &Token, jobs: &[Job], mode: Mode) -> Result<Walked, JobError> {
    let slice = ctx.slice();
    let Some(mut walk) = begin(ctx, token, jobs, mode, &slice).await? else {
        return Ok(Walked::PartOfTheWay);
    };
    while walk.total_pages.is_none_or(|total| walk.next_page < total) {
        if slice.is_over() {
            return Ok(Walked::PartOfTheWay);
        }
        step(ctx, token, mode, &mut walk).await?;
    }
    let removed = match mode {
        Mode::Full => remove_unseen(ctx, token, &walk).await?,
        Mode::Changes => 0,
    };
    end(ctx, token, mode, &walk, removed).await
}

/// The walk under way, or a new one, which begins with reading the users: a license is best read when its holder is known.
/// The walk over users ends in the transaction that begins the one over licenses, so that a sync that was interrupted goes
/// on in the right one. `None` when the users took all of the time.
async fn begin(
    ctx: &Context,
    token: &Token,
    jobs: &[Job],
    mode: Mode,
    slice: &Slice,
) -> Result<Option<Walk>, JobError> {
    let mut db = ctx.store.read().await?;
    let open = walks::open(&mut db, token.id, kind_of(mode)).await?;
    drop(db);
    if let Some(walk) = open
        && ctx.now().since(walk.started_at) < STALE
    {
        return Ok(Some(walk));
    }
    let jobs: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let whole = mode == Mode::Full;
    let Some(users) = user_walk::walk(ctx, token, &jobs, whole, Some(slice)).await? else { return Ok(None) };
    let mut tx = ctx.begin().await?;
    user_walk::close(ctx, &mut tx, &users).await?;
    let walk = walks::start(&mut tx, token.id, kind_of(mode), &jobs, ctx.now()).await?;
    tx.commit().await?;
    Ok(Some(walk))
}

fn kind_of(mode: Mode) -> WalkKind {
    match mode {
        Mode::Full => WalkKind::Assignments,
        Mode::Changes => WalkKind::Changes,
    }
}

/// Fetches the next pages, at most five at once, and writes them down together with the walk's new place.
async fn step(ctx: &Context, token: &Token, mode: Mode, walk: &mut Walk) -> Result<(), JobError> {
    let at_once = u32::try_from(ctx.settings.pages_at_once.clamp(1, 5)).unwrap_or(1);
    let last = match walk.total_pages {
        Some(total) => total.min(walk.next_page + at_once),
        None => walk.next_page + 1,
    };
    let filter = match mode {
        Mode::Full => Filter::default(),
        Mode::Changes => Filter { since_version: token.assignments_version.clone(), ..Filter::default() },
    };
    let fetched =
        join_all((walk.next_page..last).map(|index| page(ctx, token, &filter, index, Class::Bulk))).await;
    let mut stopped = None;
    let mut pairs = Vec::new();
    for result in fetched {
        match result {
            Ok(page) => take(walk, page, &mut pairs),
            Err(error) => {
                stopped = Some(error);
                break;
            }
        }
    }
    write_down(ctx, walk, &pairs).await?;
    stopped.map_or(Ok(()), Err)
}

fn take(walk: &mut Walk, page: Page<Assignment>, pairs: &mut Vec<(AssetKey, Holder)>) {
    if walk.next_page == 0 {
        walk.version_id.clone_from(&page.version);
    }
    // A record that cannot be understood may be a license: nothing is removed on the strength of such a walk.
    walk.moved |= page.version != walk.version_id || page.skipped > 0;
    walk.next_page += 1;
    walk.total_pages = Some(match page.next {
        Some(next) => page.total_pages.max(next + 1),
        None => walk.next_page,
    });
    walk.rows += page.items.len() as u64;
    pairs.extend(page.items.into_iter().map(|item| (item.key, item.holder)));
}

async fn write_down(ctx: &Context, walk: &Walk, pairs: &[(AssetKey, Holder)]) -> Result<(), JobError> {
    let place = Advance {
        next_page: walk.next_page,
        total_pages: walk.total_pages,
        version_id: walk.version_id.clone(),
        moved: walk.moved,
        rows: walk.rows,
    };
    let mut tx = ctx.begin().await?;
    licenses::observe_page(&mut tx, walk.token, (walk.id, walk.started_at), pairs, ctx.now()).await?;
    walks::advance(&mut tx, walk.id, &place).await?;
    Ok(tx.commit().await?)
}

fn summary(mode: Mode, walk: &Walk, removed: u64) -> serde_json::Value {
    json!({
        "mode": mode.as_str(),
        "pages_done": walk.next_page,
        "pages_total": walk.total_pages,
        "licenses": walk.rows,
        "removed": removed,
    })
}

/// Licenses that a full walk has not seen are gone; unless pages moved under the walk and it may have stepped over them.
async fn remove_unseen(ctx: &Context, token: &Token, walk: &Walk) -> Result<u64, JobError> {
    if !walk.moved {
        let mut tx = ctx.begin().await?;
        let removed = licenses::drop_unseen(&mut tx, token.id, walk.id, walk.started_at, ctx.now()).await?;
        tx.commit().await?;
        return Ok(removed);
    }
    let mut db = ctx.store.read().await?;
    let suspects = licenses::unseen(&mut db, token.id, walk.id, walk.started_at, SUSPECTS_MAX).await?;
    drop(db);
    let assets: BTreeSet<&AssetKey> = suspects.iter().map(|(_, asset, _)| asset).collect();
    if suspects.len() >= SUSPECTS_MAX || assets.len() > SUSPECT_ASSETS_MAX {
        tracing::warn!(
            token.id = token.id.0,
            missing = suspects.len(),
            "licenses moved during the walk; the missing ones are left to the next"
        );
        return Ok(0);
    }
    let (mut held, mut sure) = (HashSet::new(), BTreeSet::new());
    for asset in assets {
        if let Some(pairs) = holders_of(ctx, token, asset).await? {
            sure.insert(asset.clone());
            held.extend(pairs);
        }
    }
    let gone: Vec<_> = suspects
        .into_iter()
        .filter(|(_, asset, holder)| sure.contains(asset) && !held.contains(&(asset.clone(), holder.clone())))
        .map(|(id, _, holder)| (id, holder))
        .collect();
    let mut tx = ctx.begin().await?;
    let removed = licenses::drop_pairs(&mut tx, &gone, walk.started_at, ctx.now()).await?;
    tx.commit().await?;
    Ok(removed)
}

/// Who holds an asset; `None` when a part of Apple's list cannot be read, as nothing follows from what is not in it then.
async fn holders_of(
    ctx: &Context,
    token: &Token,
    asset: &AssetKey,
) -> Result<Option<Vec<(AssetKey, Holder)>>, JobError> {
    let filter = Filter {
        adam_id: Some(asset.adam_id.clone()),
        pricing: Some(asset.pricing.clone()),
        ..Filter::default()
    };
    let (mut pairs, mut index) = (Vec::new(), 0);
    loop {
        let page = page(ctx, token, &filter, index, Class::Bulk).await?;
        if page.skipped > 0 {
            return Ok(None);
        }
        pairs.extend(page.items.into_iter().map(|item| (item.key, item.holder)));
        match page.next {
            Some(next) if next > index => index = next,
            Some(_) | None => return Ok(Some(pairs)),
        }
    }
}

async fn page(
    ctx: &Context,
    token: &Token,
    filter: &Filter,
    index: u32,
    class: Class,
) -> Result<Page<Assignment>, JobError> {
    ctx.ask(token, class, async |apple, secret| apple.assignments(&secret, filter, index).await).await
}

/// Reads the assets' counts, now that every license is in, and closes the walk.
async fn end(
    ctx: &Context,
    token: &Token,
    mode: Mode,
    walk: &Walk,
    removed: u64,
) -> Result<Walked, JobError> {
    let assets_version = refresh(ctx, token).await?;
    let mut tx = ctx.begin().await?;
    walks::end(&mut tx, walk.id, ctx.now()).await?;
    // A walk that began so long ago is stale and starts again, so nothing needs these notes any more.
    licenses::sweep_tombstones(&mut tx, token.id, walk.started_at.minus(STALE), TOMBSTONES_MAX).await?;
    tx.commit().await?;
    let end = SyncEnd::Completed {
        whole: mode == Mode::Full,
        assets_version,
        // The first page's version: what moved during the walk is seen again in the next list of changes.
        assignments_version: walk.version_id.clone(),
    };
    Ok(Walked::ToTheEnd(Read { end, summary: summary(mode, walk, removed) }))
}
