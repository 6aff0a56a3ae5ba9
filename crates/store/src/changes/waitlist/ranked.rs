//! Everybody in line with his place, and with those marked whom the quota of their assignment keeps waiting.

use std::collections::{HashMap, HashSet};

use russet_domain::grant::Quota;
use russet_domain::{AssetId, AssignmentId, ChangeId, TokenId};

use crate::codec::{count, int, json};
use crate::engine::{Db, Snapshot, Sql, sql};
use crate::error::StoreError;
use crate::quotas;

/// A statement about the table `v` of those who wait, for each engine: `$1` are the quotas as JSON. Of each assignment with one, as many
/// as it has room for may be given a license; the others are `beyond` it, and whoever is behind them is not held up by them.
macro_rules! ranked {
    ($before:expr, ($sqlite:expr, $postgres:expr), $after:expr) => {
        $crate::engine::Sql {
            sqlite: concat!(
                $before,
                ranked!(
                    @table
                    "(SELECT value->>0 AS id, value->>1 AS most, value->>2 AS room FROM json_each($1))",
                    $sqlite
                ),
                $after
            ),
            postgres: concat!(
                $before,
                ranked!(
                    @table
                    "(SELECT (value->>0)::BIGINT AS id, (value->>1)::BIGINT AS most, (value->>2)::BIGINT AS room
                      FROM jsonb_array_elements($1::jsonb))",
                    $postgres
                ),
                $after
            ),
        }
    };
    (@table $quotas:expr, $narrowed:expr) => {
        concat!(
            "(SELECT u.id, u.token_id, u.asset_id, u.holder_kind, u.holder_id, u.priority, u.line, u.created_at, u.place,
                     u.waiting, u.assignment_id, u.most, u.beyond,
                     CASE
                         WHEN u.beyond THEN u.of_assignment - u.room - 1
                         ELSE CAST(sum(CASE WHEN u.beyond THEN 0 ELSE 1 END)
                                   OVER (PARTITION BY u.asset_id ORDER BY u.place) AS BIGINT) - 1
                     END AS ahead
              FROM (
                  SELECT t.*, coalesce(t.of_assignment > t.room, false) AS beyond
                  FROM (
                      SELECT c.id, c.token_id, c.asset_id, c.holder_kind, c.holder_id, c.priority, c.line, c.created_at,
                             e.assignment_id, q.most, q.room,
                             row_number() OVER (
                                 PARTITION BY c.asset_id ORDER BY c.priority DESC, c.line DESC, c.id) AS place,
                             count(*) OVER (PARTITION BY c.asset_id) AS waiting,
                             row_number() OVER (
                                 PARTITION BY c.asset_id, e.assignment_id
                                 ORDER BY c.priority DESC, c.line DESC, c.id) AS of_assignment
                      FROM changes c
                      LEFT JOIN entitlements e
                        ON e.asset_id = c.asset_id AND e.holder_kind = c.holder_kind AND e.holder_id = c.holder_id
                           AND e.state = 'wanted'
                      LEFT JOIN ", $quotas, " q ON q.id = e.assignment_id
                      WHERE c.state = 'waitlisted' AND ", $narrowed, ") t) u) v"
        )
    };
}
pub(super) use ranked;

/// The head of an asset's line, without those whom a quota keeps waiting.
pub(super) async fn head_within(
    db: &mut Db,
    (token, asset): (TokenId, AssetId),
    quotas: &HashMap<AssignmentId, Quota>,
    most: i64,
) -> Result<Vec<ChangeId>, StoreError> {
    const HEAD: Sql = ranked!(
        "SELECT v.id FROM ",
        ("c.token_id = $2 AND c.asset_id = $3", "c.token_id = $2 AND c.asset_id = $3"),
        " WHERE NOT v.beyond ORDER BY v.place LIMIT $4"
    );
    sql("reading the head of a line with quotas", HEAD)
        .bind(quotas::rooms(quotas)?)
        .bind(token.0)
        .bind(asset.0)
        .bind(most)
        .all(db, |row| row.at(0).map(ChangeId))
        .await
}

/// Those who wait for licenses of a token only because a quota is used up: more licenses would not help them.
///
/// # Errors
/// As any statement.
pub(crate) async fn beyond_quotas(
    db: &mut Db,
    token: TokenId,
) -> Result<HashSet<(ChangeId, AssetId)>, StoreError> {
    const BEYOND: Sql = ranked!(
        "SELECT v.id, v.asset_id FROM ",
        ("c.token_id = $2", "c.token_id = $2"),
        " WHERE v.beyond LIMIT $3"
    );
    /// More than anybody lets wait.
    const MOST: usize = 10_000_000;
    let quotas = quotas::of_token(db, Some(token)).await?;
    if quotas.is_empty() {
        return Ok(HashSet::new());
    }
    let found = sql("looking for who waits because of a quota", BEYOND)
        .bind(quotas::rooms(&quotas)?)
        .bind(token.0)
        .bind(int(MOST))
        .all(db, |row| Ok((ChangeId(row.at(0)?), AssetId(row.at(1)?))))
        .await?;
    Ok(found.into_iter().collect())
}

/// How many wait for licenses of these assets only because a quota is used up, by those assets for which anybody does.
///
/// # Errors
/// As any statement.
pub(crate) async fn beyond_by_asset(
    db: &mut Snapshot,
    assets: &[AssetId],
) -> Result<HashMap<AssetId, u64>, StoreError> {
    const BEYOND: Sql = ranked!(
        "SELECT v.asset_id, count(*) FROM ",
        (
            "c.asset_id IN (SELECT value FROM json_each($2))",
            "c.asset_id IN (SELECT value::BIGINT FROM jsonb_array_elements_text($2::jsonb))"
        ),
        " WHERE v.beyond GROUP BY v.asset_id"
    );
    let quotas = quotas::of_assets(db, assets).await?;
    if quotas.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = assets.iter().map(|id| id.0).collect();
    let found = sql("counting who waits because of a quota", BEYOND)
        .bind(quotas::rooms(&quotas)?)
        .bind(json(&ids)?)
        .all(db, |row| Ok((AssetId(row.at(0)?), row.at::<i64>(1).map(count)?)))
        .await?;
    Ok(found.into_iter().collect())
}
