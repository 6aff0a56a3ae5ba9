//! Writes down what Apple's lists and notifications say about who holds what.

use std::collections::{HashMap, HashSet};

use russet_domain::change::Action;
use russet_domain::{AssetId, AssetKey, ChangeId, Holder, Timestamp, TokenId};

use super::pair;
use crate::codec::{asset_key, count, holder, int, json, kind_of};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::history::{self, Cause};
use crate::walks::WalkId;
use crate::{assets, tokens};

/// Writes one page of a walk: these licenses are held. An asset that was not known gets a row with what little is
/// known of it. What was settled since the walk began stays as it was settled, since the page may be older.
/// May be repeated.
///
/// # Errors
/// As any statement.
pub async fn observe_page(
    tx: &mut Tx,
    token: TokenId,
    (walk, started_at): (WalkId, Timestamp),
    page: &[(AssetKey, Holder)],
    now: Timestamp,
) -> Result<(), StoreError> {
    const OBSERVE: Sql = bulk!(
        "INSERT INTO licenses (asset_id, holder_kind, holder_id, held, moved_at, walk)
         SELECT x.asset_id, x.holder_kind, x.holder_id, true, 0, $2
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        " WHERE true
         ON CONFLICT (asset_id, holder_kind, holder_id) DO UPDATE
         SET held = CASE WHEN licenses.moved_at >= $3 THEN licenses.held ELSE true END,
             walk = excluded.walk"
    );
    // Two pages that write the same rows in different orders would wait for each other for ever.
    tokens::lock(tx, token).await?;
    let ids = ids_of(tx, token, page.iter().map(|(key, _)| key)).await?;
    // A list that moves while it is read shows some twice; one statement cannot write a row twice.
    let mut seen = HashSet::with_capacity(page.len());
    let rows: Vec<_> = page
        .iter()
        .filter_map(|(key, holder)| Some((ids.get(key)?.0, kind_of(holder), holder.id())))
        .filter(|row| seen.insert(*row))
        .collect();
    let rows = json(&rows)?;
    history::of_page(tx, token, &rows, started_at, now).await?;
    sql("writing a page of licenses", OBSERVE).bind(rows).bind(walk.0).bind(started_at.0).run(tx).await?;
    Ok(())
}

/// Licenses that a walk which has ended did not see, and that were not settled since it began: at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn unseen(
    db: &mut Db,
    token: TokenId,
    walk: WalkId,
    started_at: Timestamp,
    limit: usize,
) -> Result<Vec<(AssetId, AssetKey, Holder)>, StoreError> {
    sql(
        "looking for licenses that a walk did not see",
        "SELECT l.asset_id, a.adam_id, a.pricing_param, l.holder_kind, l.holder_id
         FROM assets a
         JOIN licenses l ON l.asset_id = a.id
         WHERE a.token_id = $1 AND l.held AND l.walk <> $2 AND l.moved_at < $3
         LIMIT $4",
    )
    .bind(token.0)
    .bind(walk.0)
    .bind(started_at.0)
    .bind(int(limit))
    .all(db, |row| {
        let key = asset_key(row.at(1)?, &row.at::<String>(2)?);
        Ok((AssetId(row.at(0)?), key, holder(&row.at::<String>(3)?, row.at(4)?)?))
    })
    .await
}

/// Forgets the licenses that a walk which has ended did not see, tombstones included, except those settled since it
/// began. Tells how many.
///
/// # Errors
/// As any statement.
pub async fn drop_unseen(
    tx: &mut Tx,
    token: TokenId,
    walk: WalkId,
    started_at: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    history::of_unseen(tx, token, walk, started_at, now).await?;
    sql(
        "forgetting licenses that a walk did not see",
        "DELETE FROM licenses
         WHERE asset_id IN (SELECT id FROM assets WHERE token_id = $1)
           AND walk <> $2
           AND moved_at < $3",
    )
    .bind(token.0)
    .bind(walk.0)
    .bind(started_at.0)
    .run(tx)
    .await
}

/// Forgets these licenses, except those settled since `started_at`. Tells how many.
///
/// # Errors
/// As any statement.
pub async fn drop_pairs(
    tx: &mut Tx,
    pairs: &[(AssetId, Holder)],
    started_at: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const DROP: Sql = bulk!(
        "DELETE FROM licenses
         WHERE moved_at < $2
           AND (asset_id, holder_kind, holder_id) IN (
             SELECT x.asset_id, x.holder_kind, x.holder_id FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        ")"
    );
    history::of_pairs(tx, pairs, started_at, now).await?;
    let rows: Vec<_> = pairs.iter().map(|(asset, holder)| (asset.0, kind_of(holder), holder.id())).collect();
    sql("forgetting licenses", DROP).bind(json(&rows)?).bind(started_at.0).run(tx).await
}

/// Writes down that licenses moved without our doing, such as by a person in Apple's portal: who holds what, and the
/// assets' counts by what really changed. `event` is what Apple calls it. Tells how many licenses changed hands. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn observe_moved(
    tx: &mut Tx,
    token: TokenId,
    (action, event): (Action, &str),
    pairs: &[(AssetKey, Holder)],
    now: Timestamp,
) -> Result<u64, StoreError> {
    const HELD: Sql = bulk!(
        "SELECT l.asset_id, l.holder_kind, l.holder_id
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        " CROSS JOIN licenses l
          WHERE l.asset_id = x.asset_id
            AND l.holder_kind = x.holder_kind
            AND l.holder_id = x.holder_id
            AND l.held"
    );
    tokens::lock(tx, token).await?;
    let ids = ids_of(tx, token, pairs.iter().map(|(key, _)| key)).await?;
    let wanted: HashSet<(AssetId, Holder)> =
        pairs.iter().filter_map(|(key, holder)| Some((*ids.get(key)?, holder.clone()))).collect();
    let rows: Vec<_> = wanted.iter().map(|(asset, holder)| (asset.0, kind_of(holder), holder.id())).collect();
    let statement = sql("looking up who holds what", HELD).bind(json(&rows)?);
    let held: HashSet<_> = statement.all(tx, pair).await?.into_iter().collect();
    let moved: Vec<_> = wanted
        .into_iter()
        .map(|(asset, holder)| {
            let was_held = held.contains(&(asset, holder.clone()));
            Moved { asset, holder, action, was_held, change: None }
        })
        .collect();
    write_moved(tx, &moved, (Cause::Notification, Some(event)), now).await
}

/// A license that is now where `action` wanted it.
pub(crate) struct Moved {
    pub(crate) asset: AssetId,
    pub(crate) holder: Holder,
    pub(crate) action: Action,
    /// Whether it was held, as far as was known before.
    pub(crate) was_held: bool,
    /// The change of ours that moved it.
    pub(crate) change: Option<ChangeId>,
}

impl Moved {
    /// By how much the number of licenses held is another one for it.
    fn delta(&self) -> i64 {
        match (self.action, self.was_held) {
            (Action::Assign, false) => 1,
            (Action::Revoke, true) => -1,
            (Action::Assign, true) | (Action::Revoke, false) => 0,
        }
    }
}

/// Writes licenses that moved, each at most once, and by those that really changed hands the assets' counts and history; tells how
/// many did. The caller holds the token's lock.
pub(crate) async fn write_moved(
    tx: &mut Tx,
    moved: &[Moved],
    by: (Cause, Option<&str>),
    now: Timestamp,
) -> Result<u64, StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO licenses (asset_id, holder_kind, holder_id, held, moved_at, walk)
         SELECT x.asset_id, x.holder_kind, x.holder_id, x.held, $2, 0
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT, 3 held BOOLEAN),
        " WHERE true
         ON CONFLICT (asset_id, holder_kind, holder_id) DO UPDATE
         SET held = excluded.held, moved_at = excluded.moved_at"
    );
    if moved.is_empty() {
        return Ok(0);
    }
    let changed: Vec<&Moved> = moved.iter().filter(|one| one.delta() != 0).collect();
    let mut deltas: HashMap<AssetId, i64> = HashMap::new();
    for one in &changed {
        *deltas.entry(one.asset).or_default() += one.delta();
    }
    let rows: Vec<_> = moved
        .iter()
        .map(|one| (one.asset.0, kind_of(&one.holder), one.holder.id(), one.action == Action::Assign))
        .collect();
    sql("writing who holds what", WRITE).bind(json(&rows)?).bind(now.0).run(tx).await?;
    assets::add_assigned(tx, &deltas).await?;
    history::of_moved(tx, &changed, by, now).await?;
    Ok(count(int(changed.len())))
}

/// The numbers of a token's assets by name; those not known yet get a row that says as little as is known. The next
/// reading of the assets fills it in, or marks it gone.
async fn ids_of(
    tx: &mut Tx,
    token: TokenId,
    keys: impl Iterator<Item = &AssetKey>,
) -> Result<HashMap<AssetKey, AssetId>, StoreError> {
    const PLACEHOLDERS: Sql = bulk!(
        "INSERT INTO assets
             (token_id, adam_id, pricing_param, product_type, device_assignable, revocable, total, available,
              assigned, retired, walk)
         SELECT $2, x.adam_id, x.pricing_param, 'App', true, true, 0, 0, 0, 0, 0
         FROM ",
        (0 adam_id TEXT, 1 pricing_param TEXT),
        " WHERE true
         ON CONFLICT (token_id, adam_id, pricing_param) DO NOTHING"
    );
    let names: Vec<AssetKey> = keys.collect::<HashSet<_>>().into_iter().cloned().collect();
    let mut known = assets::by_keys(tx, token, &names).await?;
    let unknown: Vec<_> = names
        .iter()
        .filter(|key| !known.contains_key(key))
        .map(|key| (&key.adam_id, key.pricing.as_str()))
        .collect();
    if !unknown.is_empty() {
        sql("writing assets not known yet", PLACEHOLDERS).bind(json(&unknown)?).bind(token.0).run(tx).await?;
        known = assets::by_keys(tx, token, &names).await?;
    }
    Ok(known.into_iter().map(|(key, row)| (key, row.id)).collect())
}
