//! Who held what at a moment of the past: what is held now, with every movement since then undone.

use russet_domain::{Timestamp, TokenId};

use crate::codec::{int, kind_of};
use crate::engine::{Db, sql};
use crate::error::StoreError;
use crate::licenses::{self, License};

/// When a token's history begins: with the end of the first whole reading of its licenses.
///
/// # Errors
/// As any statement.
pub async fn begins(db: &mut Db, token: TokenId) -> Result<Option<Timestamp>, StoreError> {
    let found = sql("looking when history begins", "SELECT history_since FROM tokens WHERE id = $1")
        .bind(token.0)
        .maybe(db, |row| row.get::<Option<i64>>("history_since"))
        .await?;
    Ok(found.flatten().map(Timestamp))
}

/// Licenses of a token that were held at a moment, in the order of asset, kind of holder and holder, after one of them. What the moment
/// itself moved counts as moved. `filter.token` counts for nothing. Costs a look at what is held and at what moved since.
///
/// # Errors
/// As any statement.
pub async fn held_at(
    db: &mut Db,
    (token, at): (TokenId, Timestamp),
    filter: &licenses::Filter,
    limit: usize,
    after: Option<&(russet_domain::AssetId, russet_domain::Holder)>,
) -> Result<Vec<License>, StoreError> {
    const HELD_AT: &str = "
        SELECT x.asset_id, a.token_id, a.adam_id, a.pricing_param, x.holder_kind, x.holder_id
        FROM (
            SELECT l.asset_id, l.holder_kind, l.holder_id
            FROM assets s
            JOIN licenses l ON l.asset_id = s.id AND l.held
            WHERE s.token_id = $1
              AND NOT EXISTS (
                  SELECT 1
                  FROM movements m
                  WHERE m.holder_id = l.holder_id AND m.asset_id = l.asset_id AND m.holder_kind = l.holder_kind
                    AND m.at > $2)
            UNION ALL
            SELECT m.asset_id, m.holder_kind, m.holder_id
            FROM movements m
            WHERE m.token_id = $1
              AND m.at > $2
              AND NOT m.gained
              AND NOT EXISTS (
                  SELECT 1
                  FROM movements e
                  WHERE e.holder_id = m.holder_id AND e.asset_id = m.asset_id AND e.holder_kind = m.holder_kind
                    AND e.at > $2 AND e.id < m.id)) x
        JOIN assets a ON a.id = x.asset_id
        WHERE ($7 IS NULL OR a.adam_id = $7)
          AND ($8 IS NULL OR a.pricing_param = $8)
          AND ($9 IS NULL OR (x.holder_kind = $9 AND x.holder_id = $10))
          AND (x.asset_id, x.holder_kind, x.holder_id) > ($3, $4, $5)
        ORDER BY x.asset_id, x.holder_kind, x.holder_id
        LIMIT $6";
    let (asset, kind, id) =
        after.map_or((0, "", ""), |(asset, holder)| (asset.0, kind_of(holder), holder.id()));
    sql("looking who held licenses", HELD_AT)
        .bind(token.0)
        .bind(at.0)
        .bind(asset)
        .bind(kind)
        .bind(id)
        .bind(int(limit))
        .bind(filter.adam_id.as_deref())
        .bind(filter.pricing_param.as_deref())
        .bind(filter.holder.as_ref().map(kind_of))
        .bind(filter.holder.as_ref().map(russet_domain::Holder::id))
        .all(db, licenses::license)
        .await
}
