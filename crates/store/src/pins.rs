//! Licenses that never go, whatever the policies and jobs say, until somebody unpins them.

use russet_domain::{AssetId, AssetKey, Holder, Timestamp, TokenId};

use crate::codec::{among, asset_key, holder, int, kind_of};
use crate::engine::{Db, Row, Sql, Tx, sql};
use crate::error::StoreError;

/// A license that never goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The asset's number.
    pub asset: AssetId,
    /// Whose asset it is.
    pub token: TokenId,
    /// The asset.
    pub key: AssetKey,
    /// Who keeps it.
    pub holder: Holder,
    /// Who pinned it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// Pins a license, also one that is not held yet. Tells whether that is news. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn pin(
    tx: &mut Tx,
    asset: AssetId,
    holder: &Holder,
    by: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let written = sql(
        "pinning a license",
        "INSERT INTO pins (asset_id, holder_kind, holder_id, pinned_by, pinned_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (asset_id, holder_kind, holder_id) DO NOTHING",
    )
    .bind_license(asset, holder)
    .bind(by)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(written > 0)
}

/// Unpins a license. Tells whether it was pinned; the caller marks the asset. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn unpin(tx: &mut Tx, asset: AssetId, holder: &Holder) -> Result<bool, StoreError> {
    let deleted = sql(
        "unpinning a license",
        "DELETE FROM pins WHERE asset_id = $1 AND holder_kind = $2 AND holder_id = $3",
    )
    .bind_license(asset, holder)
    .run(tx)
    .await?;
    Ok(deleted > 0)
}

/// What a list of pins is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those of this token.
    pub token: Option<TokenId>,
    /// Only those of this product.
    pub adam_id: Option<String>,
    /// Only this holder.
    pub holder: Option<Holder>,
    /// Only those of these tokens: what the asking API key may see. `None` is all.
    pub among: Option<Vec<TokenId>>,
}

macro_rules! list {
    ($among:literal) => {
        concat!(
            "SELECT n.asset_id, a.token_id, a.adam_id, a.pricing_param, n.holder_kind, n.holder_id, n.pinned_by, n.pinned_at
             FROM pins n
             JOIN assets a ON a.id = n.asset_id
             WHERE (n.asset_id, n.holder_kind, n.holder_id) > ($1, $2, $3)
               AND ($4 IS NULL OR a.token_id = $4)
               AND ($5 IS NULL OR a.adam_id = $5)
               AND ($6 IS NULL OR (n.holder_kind = $6 AND n.holder_id = $7))
               AND ($8 IS NULL OR a.token_id IN (SELECT ",
            $among,
            "))
             ORDER BY n.asset_id, n.holder_kind, n.holder_id
             LIMIT $9"
        )
    };
}

/// Pins in the order of asset, kind of holder and holder, after one of them.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<&(AssetId, Holder)>,
) -> Result<Vec<Pin>, StoreError> {
    const LIST: Sql = Sql {
        sqlite: list!("value FROM json_each($8)"),
        postgres: list!("value::BIGINT FROM jsonb_array_elements_text($8::jsonb)"),
    };
    let (asset, kind, id) =
        after.map_or((0, "", ""), |(asset, holder)| (asset.0, kind_of(holder), holder.id()));
    sql("listing pins", LIST)
        .bind(asset)
        .bind(kind)
        .bind(id)
        .bind(filter.token.map(|token| token.0))
        .bind(filter.adam_id.as_deref())
        .bind(filter.holder.as_ref().map(kind_of))
        .bind(filter.holder.as_ref().map(Holder::id))
        .bind(among(filter.among.as_deref())?)
        .bind(int(limit))
        .all(db, read)
        .await
}

fn read(row: &Row) -> Result<Pin, StoreError> {
    Ok(Pin {
        asset: AssetId(row.at(0)?),
        token: TokenId(row.at(1)?),
        key: asset_key(row.at(2)?, &row.at::<String>(3)?),
        holder: holder(&row.at::<String>(4)?, row.at(5)?)?,
        by: row.at(6)?,
        at: Timestamp(row.at(7)?),
    })
}
