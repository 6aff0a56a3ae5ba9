//! Licenses that are being assigned, or are planned to be: not held yet, and yet to be taken back with what is held.

use russet_domain::{AssetId, Holder, TokenId};

use crate::codec::{holder, int, json, kind_of};
use crate::engine::{Db, Row, Sql, bulk, sql};
use crate::error::StoreError;

/// Live assignments of these assets of a token, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn coming_of(
    db: &mut Db,
    token: TokenId,
    assets: &[AssetId],
    limit: usize,
) -> Result<Vec<(AssetId, Holder)>, StoreError> {
    const COMING_OF: Sql = bulk!(
        "SELECT c.asset_id, c.holder_kind, c.holder_id
         FROM ",
        (0 asset_id BIGINT),
        " CROSS JOIN changes c
          WHERE c.asset_id = x.asset_id
            AND c.slot IS NOT NULL
            AND c.action = 'assign'
            AND +c.token_id = $2
          LIMIT $3"
    );
    let rows: Vec<_> = assets.iter().map(|asset| (asset.0,)).collect();
    sql("looking for licenses on their way", COMING_OF)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(int(limit))
        .all(db, pair)
        .await
}

/// Live assignments of a token's assets to these holders, at most `limit`. Costs a look-up for each holder and asset.
///
/// # Errors
/// As any statement.
pub async fn coming_to(
    db: &mut Db,
    token: TokenId,
    holders: &[Holder],
    limit: usize,
) -> Result<Vec<(AssetId, Holder)>, StoreError> {
    const COMING_TO: Sql = bulk!(
        "SELECT c.asset_id, c.holder_kind, c.holder_id
         FROM ",
        (0 holder_kind TEXT, 1 holder_id TEXT),
        " CROSS JOIN assets a
          CROSS JOIN changes c
          WHERE a.token_id = $2
            AND c.asset_id = a.id
            AND c.holder_kind = x.holder_kind
            AND c.holder_id = x.holder_id
            AND c.slot IS NOT NULL
            AND c.action = 'assign'
          LIMIT $3"
    );
    let rows: Vec<_> = holders.iter().map(|holder| (kind_of(holder), holder.id())).collect();
    sql("looking for licenses on their way to holders", COMING_TO)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(int(limit))
        .all(db, pair)
        .await
}

fn pair(row: &Row) -> Result<(AssetId, Holder), StoreError> {
    Ok((AssetId(row.at(0)?), holder(&row.at::<String>(1)?, row.at(2)?)?))
}
