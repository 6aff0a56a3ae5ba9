//! Newer versions on their way to all devices, ring by ring.

use russet_domain::{AssetId, AssetKey, Timestamp, TokenId};

use crate::codec::{asset_key, int, json, time};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// A rollout's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RolloutId(pub i64);

/// A newer version on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Its row.
    pub id: RolloutId,
    /// The token.
    pub token: TokenId,
    /// The asset.
    pub asset: AssetId,
    /// The asset by name.
    pub key: AssetKey,
    /// The external version.
    pub target: i64,
    /// Which ring it has reached, from 0.
    pub ring: usize,
    /// Whether it goes to no more devices.
    pub halted: bool,
    /// Why.
    pub reason: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it reached its ring.
    pub ring_at: Timestamp,
}

/// A token's rollouts, the newest first.
///
/// # Errors
/// As any statement.
pub async fn list(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<Rollout>, StoreError> {
    sql(
        "listing rollouts",
        "SELECT r.id, r.token_id, r.asset_id, a.adam_id, a.pricing_param, r.target, r.ring, r.state, r.reason, r.started_at,
                r.ring_at
         FROM rollouts r
         JOIN assets a ON a.id = r.asset_id
         WHERE r.token_id = $1
         ORDER BY r.id DESC
         LIMIT $2",
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, rollout)
    .await
}

/// Begins rollouts that have not begun.
///
/// # Errors
/// As any statement.
pub async fn begin(
    tx: &mut Tx,
    token: TokenId,
    versions: &[(AssetId, i64)],
    now: Timestamp,
) -> Result<(), StoreError> {
    const BEGIN: Sql = bulk!(
        "INSERT INTO rollouts (token_id, asset_id, target, state, started_at, ring_at, updated_at)
         SELECT $2, x.asset_id, x.target, 'running', $3, $3, $3
         FROM ",
        (0 asset_id BIGINT, 1 target BIGINT),
        " WHERE true
          ON CONFLICT (asset_id, target) DO NOTHING"
    );
    let rows: Vec<_> = versions.iter().map(|(asset, target)| (asset.0, target)).collect();
    sql("beginning rollouts", BEGIN).bind(json(&rows)?).bind(token.0).bind(now.0).run(tx).await?;
    Ok(())
}

/// Takes a rollout to a ring.
///
/// # Errors
/// As any statement.
pub async fn advance(tx: &mut Tx, id: RolloutId, ring: usize, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "taking a rollout to its next ring",
        "UPDATE rollouts SET ring = $2, ring_at = $3, updated_at = $3 WHERE id = $1 AND ring < $2 AND state = 'running'",
    )
    .bind(id.0)
    .bind(int(ring))
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Halts a rollout. Tells whether that is news.
///
/// # Errors
/// As any statement.
pub async fn halt(tx: &mut Tx, id: RolloutId, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
    let changed = sql(
        "halting a rollout",
        "UPDATE rollouts SET state = 'halted', reason = $2, updated_at = $3 WHERE id = $1 AND state = 'running'",
    )
    .bind(id.0)
    .bind(reason)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(changed > 0)
}

/// Lets a token's halted rollouts of a product go on, to all devices: whoever says so has looked at the failures. Tells how many.
///
/// # Errors
/// As any statement.
pub async fn resume(tx: &mut Tx, token: TokenId, adam_id: &str, now: Timestamp) -> Result<u64, StoreError> {
    sql(
        "letting rollouts go on",
        "UPDATE rollouts
         SET state = 'resumed', reason = NULL, ring_at = $3, updated_at = $3
         WHERE token_id = $1
           AND state = 'halted'
           AND asset_id IN (SELECT id FROM assets WHERE token_id = $1 AND adam_id = $2)",
    )
    .bind(token.0)
    .bind(adam_id)
    .bind(now.0)
    .run(tx)
    .await
}

fn rollout(row: &Row) -> Result<Rollout, StoreError> {
    let state = row.get::<String>("state")?;
    Ok(Rollout {
        id: RolloutId(row.get("id")?),
        token: TokenId(row.get("token_id")?),
        asset: AssetId(row.get("asset_id")?),
        key: asset_key(row.get("adam_id")?, &row.get::<String>("pricing_param")?),
        target: row.get("target")?,
        // One that a person let go on has no rings any more.
        ring: if state == "resumed" {
            usize::MAX
        } else {
            usize::try_from(row.get::<i64>("ring")?).unwrap_or(0)
        },
        halted: state == "halted",
        reason: row.get("reason")?,
        started_at: time(row, "started_at")?,
        ring_at: time(row, "ring_at")?,
    })
}
