//! What a location owns: one row an asset, with Apple's counts.

use std::collections::{HashMap, HashSet};

use russet_domain::asset::{Supply, UNLIMITED_TOTAL};
use russet_domain::{Asset, AssetId, AssetKey, ProductType, TokenId};

use crate::codec::{asset_key, from_json, int, json};
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
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.token_id, a.adam_id, a.pricing_param, a.product_type, a.device_assignable, a.revocable,
                    a.total, a.available, a.assigned, a.retired, a.platforms, a.gone
             FROM assets a ",
            $rest
        )
    };
}

/// One asset.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, id: AssetId) -> Result<Option<AssetRow>, StoreError> {
    sql("reading an asset", select!("WHERE a.id = $1")).bind(id.0).maybe(db, asset_row).await
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
        "SELECT a.id, a.token_id, a.adam_id, a.pricing_param, a.product_type, a.device_assignable, a.revocable,
                a.total, a.available, a.assigned, a.retired, a.platforms, a.gone
         FROM ",
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
        "SELECT a.id, a.token_id, a.adam_id, a.pricing_param, a.product_type, a.device_assignable, a.revocable,
                a.total, a.available, a.assigned, a.retired, a.platforms, a.gone
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN assets a WHERE a.id = x.id"
    );
    let ids: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    let rows = sql("reading assets", BY_IDS).bind(json(&ids)?).all(db, asset_row).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Writes what a walk read, in place of what was known. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn upsert_all(
    tx: &mut Tx,
    token: TokenId,
    walk: WalkId,
    assets: &[Asset],
) -> Result<(), StoreError> {
    const UPSERT: Sql = bulk!(
        "INSERT INTO assets
             (token_id, adam_id, pricing_param, product_type, device_assignable, revocable, total, available,
              assigned, retired, platforms, walk, gone)
         SELECT $2, x.adam_id, x.pricing_param, x.product_type, x.device_assignable, x.revocable, x.total,
                x.available, x.assigned, x.retired, x.platforms, $3, false
         FROM ",
        (0 adam_id TEXT, 1 pricing_param TEXT, 2 product_type TEXT, 3 device_assignable BOOLEAN,
         4 revocable BOOLEAN, 5 total BIGINT, 6 available BIGINT, 7 assigned BIGINT, 8 retired BIGINT,
         9 platforms TEXT),
        " WHERE true
         ON CONFLICT (token_id, adam_id, pricing_param) DO UPDATE
         SET product_type = excluded.product_type,
             device_assignable = excluded.device_assignable,
             revocable = excluded.revocable,
             total = excluded.total,
             available = excluded.available,
             assigned = excluded.assigned,
             retired = excluded.retired,
             platforms = excluded.platforms,
             walk = excluded.walk,
             gone = false"
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
    sql("writing assets", UPSERT).bind(json(&rows)?).bind(token.0).bind(walk.0).run(tx).await?;
    Ok(())
}

/// After a whole walk: deletes the assets that it did not see and that nothing refers to, and marks the others gone.
/// Tells how many there were of both.
///
/// # Errors
/// As any statement.
pub async fn mark_unseen_gone(tx: &mut Tx, token: TokenId, walk: WalkId) -> Result<u64, StoreError> {
    let deleted = sql(
        "deleting assets that Apple no longer lists",
        "DELETE FROM assets
         WHERE token_id = $1
           AND walk < $2
           AND NOT EXISTS (SELECT 1 FROM licenses WHERE licenses.asset_id = assets.id)
           AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.asset_id = assets.id)",
    )
    .bind(token.0)
    .bind(walk.0)
    .run(tx)
    .await?;
    let marked = sql(
        "marking assets that Apple no longer lists",
        "UPDATE assets
         SET gone = true, available = 0
         WHERE token_id = $1 AND walk < $2 AND NOT gone",
    )
    .bind(token.0)
    .bind(walk.0)
    .run(tx)
    .await?;
    Ok(deleted + marked)
}

/// Sets one asset's counts, as a notification tells them.
///
/// # Errors
/// As any statement.
pub async fn set_counts(
    tx: &mut Tx,
    asset: AssetId,
    supply: Supply,
    assigned: i64,
    retired: i64,
) -> Result<(), StoreError> {
    let (total, available) = counts(supply);
    sql(
        "writing an asset's counts",
        "UPDATE assets
         SET total = $2, available = $3, assigned = $4, retired = $5
         WHERE id = $1",
    )
    .bind(asset.0)
    .bind(total)
    .bind(available)
    .bind(assigned)
    .bind(retired)
    .run(tx)
    .await?;
    Ok(())
}

/// Moves one asset's total and available counts by what was bought (or, below zero, transferred away).
///
/// # Errors
/// As any statement.
pub async fn add_bought(tx: &mut Tx, asset: AssetId, delta: i64) -> Result<(), StoreError> {
    sql(
        "writing an asset's counts",
        "UPDATE assets
         SET total = total + $2, available = available + $2
         WHERE id = $1 AND total < $3",
    )
    .bind(asset.0)
    .bind(delta)
    .bind(UNLIMITED_TOTAL)
    .run(tx)
    .await?;
    Ok(())
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
    })
}
