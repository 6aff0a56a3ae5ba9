//! Whom assignments want to have what, for whoever is about to take it back.

use russet_domain::{AssetId, Holder};

use crate::codec::{holder, json, kind_of};
use crate::engine::{Db, Sql, bulk, sql};
use crate::error::StoreError;

/// Pairs looked up by one statement: what bounds the size of one JSON text.
const BATCH: usize = 50_000;

/// Those of the pairs that an assignment wants.
///
/// # Errors
/// As any statement.
pub async fn wanted_among(
    db: &mut Db,
    pairs: &[(AssetId, Holder)],
) -> Result<Vec<(AssetId, Holder)>, StoreError> {
    const WANTED: Sql = bulk!(
        "SELECT e.asset_id, e.holder_kind, e.holder_id
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        " CROSS JOIN entitlements e
          WHERE e.asset_id = x.asset_id
            AND e.holder_kind = x.holder_kind
            AND e.holder_id = x.holder_id
            AND e.state || '' = 'wanted'"
    );
    let mut found = Vec::new();
    for batch in pairs.chunks(BATCH) {
        let rows: Vec<_> =
            batch.iter().map(|(asset, holder)| (asset.0, kind_of(holder), holder.id())).collect();
        let wanted = sql("looking up what assignments want", WANTED).bind(json(&rows)?);
        let rows =
            wanted.all(db, |row| Ok((AssetId(row.at(0)?), holder(&row.at::<String>(1)?, row.at(2)?)?)));
        found.extend(rows.await?);
    }
    Ok(found)
}
