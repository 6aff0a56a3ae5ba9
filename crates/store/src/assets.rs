//! What a location owns: one row an asset, with Apple's counts.

use std::collections::{HashMap, HashSet};

use russet_domain::asset::{Supply, UNLIMITED_TOTAL};
use russet_domain::purchase::{self, Known, Step};
use russet_domain::{Asset, AssetId, AssetKey, Holder, ProductType, Timestamp, TokenId};

use crate::codec::{among, asset_key, from_json, int, json, kind_of, maybe_time};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::walks::WalkId;

/// An asset and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRow {
    /// Its number.
    pub id: AssetId,
    /// Whose it is.
    pub token: TokenId,
    /// What Apple says about it.
    pub asset: Asset,
    /// Whether Apple's list no longer holds it, while licenses or changes here still refer to it.
    pub gone: bool,
    /// When Apple was last asked for its counts.
    pub counts_read_at: Option<Timestamp>,
    /// How many of its licenses those who wait in the line are not given.
    pub reserved: i64,
}

/// The columns that a row is read from, of `assets a`.
macro_rules! columns {
    () => {
        "SELECT a.id, a.token_id, a.adam_id, a.pricing_param, a.product_type, a.device_assignable, a.revocable,
                a.total, a.available, a.assigned, a.retired, a.platforms, a.gone, a.counts_read_at, a.reserved
         FROM "
    };
}

macro_rules! select {
    ($rest:expr) => {
        concat!(columns!(), "assets a ", $rest)
    };
}

/// One asset.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, id: AssetId) -> Result<Option<AssetRow>, StoreError> {
    sql("reading an asset", select!("WHERE a.id = $1")).bind(id.0).maybe(db, asset_row).await
}

/// The assets of one product, of some tokens or of all, those first that a holder holds.
///
/// # Errors
/// As any statement.
pub async fn of_product(
    db: &mut Db,
    adam_id: &str,
    tokens: Option<&[TokenId]>,
    holder: &Holder,
    limit: usize,
) -> Result<Vec<AssetRow>, StoreError> {
    macro_rules! of_product {
        ($among:literal) => {
            select!(concat!(
                "LEFT JOIN licenses l ON l.asset_id = a.id AND l.holder_kind = $3 AND l.holder_id = $4 AND l.held
                 WHERE a.adam_id = $1
                   AND ($2 IS NULL OR a.token_id IN (SELECT ", $among, "))
                 ORDER BY l.asset_id IS NULL, a.gone, a.id
                 LIMIT $5"
            ))
        };
    }
    const OF_PRODUCT: Sql = Sql {
        sqlite: of_product!("value FROM json_each($2)"),
        postgres: of_product!("value::BIGINT FROM jsonb_array_elements_text($2::jsonb)"),
    };
    sql("looking up the assets of a product", OF_PRODUCT)
        .bind(adam_id)
        .bind(among(tokens)?)
        .bind(kind_of(holder))
        .bind(holder.id())
        .bind(int(limit))
        .all(db, asset_row)
        .await
}

/// A token's assets in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    token: TokenId,
    limit: usize,
    after: Option<AssetId>,
) -> Result<Vec<AssetRow>, StoreError> {
    sql("listing assets", select!("WHERE a.token_id = $1 AND a.id > $2 ORDER BY a.id LIMIT $3"))
        .bind(token.0)
        .bind(after.map_or(0, |after| after.0))
        .bind(int(limit))
        .all(db, asset_row)
        .await
}

/// Those of a token's assets that are named, by name. Names that it does not own are missing from the answer.
///
/// # Errors
/// As any statement.
pub async fn by_keys(
    db: &mut Db,
    token: TokenId,
    keys: &[AssetKey],
) -> Result<HashMap<AssetKey, AssetRow>, StoreError> {
    const BY_KEYS: Sql = bulk!(
        columns!(),
        (0 adam_id TEXT, 1 pricing_param TEXT),
        " CROSS JOIN assets a
          WHERE a.token_id = $2 AND a.adam_id = x.adam_id AND a.pricing_param = x.pricing_param"
    );
    let names: Vec<_> = keys.iter().map(|key| (&key.adam_id, key.pricing.as_str())).collect();
    let rows = sql("looking assets up", BY_KEYS).bind(json(&names)?).bind(token.0).all(db, asset_row).await?;
    Ok(rows.into_iter().map(|row| (row.asset.key.clone(), row)).collect())
}

/// The assets of these numbers, by number.
///
/// # Errors
/// As any statement.
pub async fn get_many(db: &mut Db, ids: &[AssetId]) -> Result<HashMap<AssetId, AssetRow>, StoreError> {
    const BY_IDS: Sql = bulk!(
        columns!(),
        (0 id BIGINT),
        " CROSS JOIN assets a WHERE a.id = x.id"
    );
    let ids: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    let rows = sql("reading assets", BY_IDS).bind(json(&ids)?).all(db, asset_row).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// When and by whom assets were read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The walk; a later one has a higher number.
    pub walk: WalkId,
    /// When Apple was first asked. Counts that a notification has moved since are not overwritten: Apple may have
    /// counted before it happened.
    pub began: Timestamp,
}

/// Writes what was read, in place of what was known. May be repeated. What a notification moved since the reading began
/// keeps its counts; see [`moved_since`].
///
/// # Errors
/// As any statement.
pub async fn upsert_all(
    tx: &mut Tx,
    token: TokenId,
    reading: Reading,
    assets: &[Asset],
) -> Result<(), StoreError> {
    const UPSERT: Sql = bulk!(
        "INSERT INTO assets
             (token_id, adam_id, pricing_param, product_type, device_assignable, revocable, total, available,
              assigned, retired, platforms, walk, gone, counts_read_at)
         SELECT $2, x.adam_id, x.pricing_param, x.product_type, x.device_assignable, x.revocable, x.total,
                x.available, x.assigned, x.retired, x.platforms, $3, false, $4
         FROM ",
        (0 adam_id TEXT, 1 pricing_param TEXT, 2 product_type TEXT, 3 device_assignable BOOLEAN,
         4 revocable BOOLEAN, 5 total BIGINT, 6 available BIGINT, 7 assigned BIGINT, 8 retired BIGINT,
         9 platforms TEXT),
        " WHERE true
         ON CONFLICT (token_id, adam_id, pricing_param) DO UPDATE
         SET product_type = excluded.product_type,
             device_assignable = excluded.device_assignable,
             revocable = excluded.revocable,
             total = CASE WHEN assets.counts_moved_at >= $4 THEN assets.total ELSE excluded.total END,
             available = CASE WHEN assets.counts_moved_at >= $4 THEN assets.available ELSE excluded.available END,
             assigned = CASE WHEN assets.counts_moved_at >= $4 THEN assets.assigned ELSE excluded.assigned END,
             retired = CASE WHEN assets.counts_moved_at >= $4 THEN assets.retired ELSE excluded.retired END,
             platforms = excluded.platforms,
             walk = excluded.walk,
             gone = false,
             counts_read_at = excluded.counts_read_at"
    );
    // One that a moving list shows twice is written once, with the later counts: one statement cannot write a row
    // twice.
    let mut rows = Vec::with_capacity(assets.len());
    let mut seen = HashSet::with_capacity(assets.len());
    for asset in assets.iter().rev().filter(|asset| seen.insert(&asset.key)) {
        let (total, available) = counts(asset.supply);
        rows.push((
            &asset.key.adam_id,
            asset.key.pricing.as_str(),
            asset.product_type.as_str(),
            asset.device_assignable,
            asset.revocable,
            total,
            available,
            asset.assigned,
            asset.retired,
            json(&asset.platforms)?,
        ));
    }
    rows.reverse();
    sql("writing assets", UPSERT)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(reading.walk.0)
        .bind(reading.began.0)
        .run(tx)
        .await?;
    Ok(())
}

/// After a whole walk: deletes the assets that it did not see and that nothing refers to, and marks the others gone. One
/// that was read or moved by itself since the walk began is left alone. Tells how many there were of both.
///
/// # Errors
/// As any statement.
pub async fn mark_unseen_gone(tx: &mut Tx, token: TokenId, reading: Reading) -> Result<u64, StoreError> {
    let deleted = sql(
        "deleting assets that Apple no longer lists",
        "DELETE FROM assets
         WHERE token_id = $1
           AND walk < $2
           AND coalesce(counts_read_at, 0) < $3
           AND coalesce(counts_moved_at, 0) < $3
           AND NOT EXISTS (SELECT 1 FROM licenses WHERE licenses.asset_id = assets.id)
           AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.asset_id = assets.id)",
    )
    .bind(token.0)
    .bind(reading.walk.0)
    .bind(reading.began.0)
    .run(tx)
    .await?;
    let marked = sql(
        "marking assets that Apple no longer lists",
        "UPDATE assets
         SET gone = true, available = 0
         WHERE token_id = $1
           AND walk < $2
           AND coalesce(counts_read_at, 0) < $3
           AND coalesce(counts_moved_at, 0) < $3
           AND NOT gone",
    )
    .bind(token.0)
    .bind(reading.walk.0)
    .bind(reading.began.0)
    .run(tx)
    .await?;
    Ok(deleted + marked)
}

/// The products of a token whose counts a notification has moved since: a reading that began then knows nothing certain
/// of them.
///
/// # Errors
/// As any statement.
pub async fn moved_since(db: &mut Db, token: TokenId, since: Timestamp) -> Result<Vec<String>, StoreError> {
    sql(
        "looking for counts that moved",
        "SELECT DISTINCT adam_id FROM assets WHERE token_id = $1 AND counts_moved_at >= $2",
    )
    .bind(token.0)
    .bind(since.0)
    .all(db, |row| row.get("adam_id"))
    .await
}

/// One product that Apple was asked about.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    /// Its number.
    pub adam_id: &'a str,
    /// Whether all of the answer could be read.
    pub whole: bool,
}

/// Writes what Apple answered about one product, both qualities of it; a quality that is missing in the whole answer has
/// been returned or refunded whole and is gone.
///
/// # Errors
/// As any statement.
pub async fn write_product(
    tx: &mut Tx,
    token: TokenId,
    product: Product<'_>,
    found: &[Asset],
    began: Timestamp,
) -> Result<(), StoreError> {
    // As new as what the last whole walk has seen, so that it is not taken for unseen by that.
    let walk = sql(
        "reading the newest walk",
        "SELECT coalesce(max(walk), 0) AS walk FROM assets WHERE token_id = $1",
    )
    .bind(token.0)
    .one(tx, |row| row.get("walk").map(WalkId))
    .await?;
    upsert_all(tx, token, Reading { walk, began }, found).await?;
    if !product.whole {
        return Ok(());
    }
    let listed: Vec<_> = found.iter().map(|asset| asset.key.pricing.as_str()).collect();
    sql("marking an asset that Apple no longer lists", GONE_BUT_FOR)
        .bind(token.0)
        .bind(product.adam_id)
        .bind(json(&listed)?)
        .bind(began.0)
        .run(tx)
        .await?;
    Ok(())
}

const GONE_BUT_FOR: Sql = Sql {
    sqlite: "
        UPDATE assets
        SET gone = true, available = 0, counts_read_at = $4
        WHERE token_id = $1 AND adam_id = $2 AND coalesce(counts_moved_at, 0) < $4
          AND pricing_param NOT IN (SELECT value FROM json_each($3))",
    postgres: "
        UPDATE assets
        SET gone = true, available = 0, counts_read_at = $4
        WHERE token_id = $1 AND adam_id = $2 AND coalesce(counts_moved_at, 0) < $4
          AND pricing_param NOT IN (SELECT value FROM jsonb_array_elements_text($3::jsonb))",
};

/// A difference in an asset's licenses, as a notification told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    /// The asset.
    pub key: AssetKey,
    /// How many more or fewer there are.
    pub delta: i64,
    /// When the notification came.
    pub received_at: Timestamp,
}

/// Moves a token's counts by what was bought, each difference once, and tells which products Apple has to be asked about
/// because their counts do not add up. The caller sees to it that no notification is taken in twice.
///
/// # Errors
/// As any statement.
pub async fn take_in_purchases(
    tx: &mut Tx,
    token: TokenId,
    purchases: &[Bought],
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    const MOVE: Sql = bulk!(
        "UPDATE assets
         SET total = x.total, available = x.available, counts_moved_at = $2
         FROM ",
        (0 id BIGINT, 1 total BIGINT, 2 available BIGINT),
        " WHERE assets.id = x.id"
    );
    if purchases.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<AssetKey> = purchases.iter().map(|bought| bought.key.clone()).collect();
    let mut known = by_keys(tx, token, &keys).await?;
    let (mut moved, mut ask) = (HashMap::new(), Vec::new());
    for bought in purchases {
        let row = known.get_mut(&bought.key).filter(|row| !row.gone);
        let counts = row.as_ref().map(|row| Known {
            supply: row.asset.supply,
            assigned: row.asset.assigned,
            retired: row.asset.retired,
            read_at: row.counts_read_at,
        });
        match (purchase::bought(counts, bought.delta, bought.received_at), row) {
            (Step::Moved { total, available }, Some(row)) => {
                row.asset.supply = Supply::Limited { total, available };
                moved.insert(row.id.0, (total, available));
            }
            (Step::Moved { .. } | Step::Ask, _) => ask.push(bought.key.adam_id.clone()),
        }
    }
    let rows: Vec<_> = moved.into_iter().map(|(id, (total, available))| (id, total, available)).collect();
    sql("moving assets' counts", MOVE).bind(json(&rows)?).bind(now.0).run(tx).await?;
    ask.sort_unstable();
    ask.dedup();
    Ok(ask)
}

/// Moves the counts of assets by the number of licenses that changed hands: above zero they were given out.
pub(crate) async fn add_assigned(tx: &mut Tx, moved: &HashMap<AssetId, i64>) -> Result<(), StoreError> {
    const MOVE: Sql = bulk!(
        "UPDATE assets
         SET assigned = assets.assigned + x.delta,
             available = CASE WHEN assets.total < $2 THEN assets.available - x.delta ELSE assets.available END
         FROM ",
        (0 id BIGINT, 1 delta BIGINT),
        " WHERE assets.id = x.id"
    );
    let rows: Vec<_> =
        moved.iter().filter(|(_, delta)| **delta != 0).map(|(id, delta)| (id.0, *delta)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sql("moving assets' counts", MOVE).bind(json(&rows)?).bind(UNLIMITED_TOTAL).run(tx).await?;
    Ok(())
}

/// Keeps so many licenses of an asset from those who wait in the line. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn reserve(tx: &mut Tx, id: AssetId, keep: i64) -> Result<(), StoreError> {
    sql("keeping licenses of an asset", "UPDATE assets SET reserved = $2 WHERE id = $1")
        .bind(id.0)
        .bind(keep)
        .run(tx)
        .await?;
    Ok(())
}

fn counts(supply: Supply) -> (i64, i64) {
    match supply {
        Supply::Unlimited => (UNLIMITED_TOTAL, UNLIMITED_TOTAL),
        Supply::Limited { total, available } => (total, available),
    }
}

fn asset_row(row: &Row) -> Result<AssetRow, StoreError> {
    Ok(AssetRow {
        id: AssetId(row.get("id")?),
        token: TokenId(row.get("token_id")?),
        asset: Asset {
            key: asset_key(row.get("adam_id")?, &row.get::<String>("pricing_param")?),
            product_type: ProductType::from_text(&row.get::<String>("product_type")?),
            device_assignable: row.get("device_assignable")?,
            revocable: row.get("revocable")?,
            supply: Supply::from_counts(row.get("total")?, row.get("available")?),
            assigned: row.get("assigned")?,
            retired: row.get("retired")?,
            platforms: from_json("assets.platforms", &row.get::<String>("platforms")?)?,
        },
        gone: row.get("gone")?,
        counts_read_at: maybe_time(row, "counts_read_at")?,
        reserved: row.get("reserved")?,
    })
}
