//! Who waits for a license, and in which place.

use russet_domain::{AssetId, AssetKey, AssignmentId, ChangeId, Holder, Timestamp, TokenId};

use crate::codec::{among, asset_key, holder, int, kind_of};
use crate::engine::{Db, Row, Sql, sql};
use crate::error::StoreError;

/// One who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The change that waits.
    pub change: ChangeId,
    /// The token.
    pub token: TokenId,
    /// The asset's number.
    pub asset: AssetId,
    /// The asset.
    pub key: AssetKey,
    /// Who waits.
    pub holder: Holder,
    /// The place in the asset's line; 1 is next.
    pub place: i64,
    /// How many wait for the asset in all.
    pub waiting: i64,
    /// How urgent it is in the line.
    pub line: i64,
    /// Since when it is wished for.
    pub since: Timestamp,
    /// The assignment that wants it; nothing when a job of its own does.
    pub assignment: Option<AssignmentId>,
    /// Licenses that the location owns of the asset.
    pub total: i64,
    /// Of those, how many are kept from who waits.
    pub reserved: i64,
}

/// What a list of those who wait is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only for assets of this token.
    pub token: Option<TokenId>,
    /// Only for this product.
    pub adam_id: Option<String>,
    /// Only this holder.
    pub holder: Option<Holder>,
    /// Only for assets of these tokens: what the asking API key may see. `None` is all.
    pub among: Option<Vec<TokenId>>,
}

macro_rules! list {
    ($among:literal) => {
        concat!(
            "SELECT w.id, w.token_id, w.asset_id, a.adam_id, a.pricing_param, w.holder_kind, w.holder_id, w.place, w.waiting,
                    w.line, w.created_at, e.assignment_id, a.total, a.reserved
             FROM (
                 SELECT c.id, c.token_id, c.asset_id, c.holder_kind, c.holder_id, c.line, c.created_at,
                        row_number() OVER (PARTITION BY c.asset_id ORDER BY c.priority DESC, c.line DESC, c.id) AS place,
                        count(*) OVER (PARTITION BY c.asset_id) AS waiting
                 FROM changes c
                 WHERE c.state = 'waitlisted'
                   AND ($1 IS NULL OR c.token_id = $1)
                   AND ($2 IS NULL OR c.token_id IN (SELECT ",
            $among,
            "))
                   AND ($3 IS NULL OR c.asset_id IN (SELECT id FROM assets WHERE adam_id = $3))) w
             JOIN assets a ON a.id = w.asset_id
             LEFT JOIN entitlements e
               ON e.asset_id = w.asset_id AND e.holder_kind = w.holder_kind AND e.holder_id = w.holder_id
                  AND e.state = 'wanted'
             WHERE ($4 IS NULL OR (w.holder_kind = $4 AND w.holder_id = $5))
               AND (w.asset_id > $6 OR (w.asset_id = $6 AND w.place > $7))
             ORDER BY w.asset_id, w.place
             LIMIT $8"
        )
    };
}

/// Those who wait, by asset and place, after a place. Costs a look at everybody who waits for the token, or for all tokens.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<(AssetId, i64)>,
) -> Result<Vec<Waiting>, StoreError> {
    const LIST: Sql = Sql {
        sqlite: list!("value FROM json_each($2)"),
        postgres: list!("value::BIGINT FROM jsonb_array_elements_text($2::jsonb)"),
    };
    let among = among(filter.among.as_deref())?;
    let (asset, place) = after.map_or((0, 0), |(asset, place)| (asset.0, place));
    sql("listing who waits for licenses", LIST)
        .bind(filter.token.map(|token| token.0))
        .bind(among)
        .bind(filter.adam_id.as_deref())
        .bind(filter.holder.as_ref().map(kind_of))
        .bind(filter.holder.as_ref().map(Holder::id))
        .bind(asset)
        .bind(place)
        .bind(int(limit))
        .all(db, waiting)
        .await
}

fn waiting(row: &Row) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        change: ChangeId(row.at(0)?),
        token: TokenId(row.at(1)?),
        asset: AssetId(row.at(2)?),
        key: asset_key(row.at(3)?, &row.at::<String>(4)?),
        holder: holder(&row.at::<String>(5)?, row.at(6)?)?,
        place: row.at(7)?,
        waiting: row.at(8)?,
        line: row.at(9)?,
        since: Timestamp(row.at(10)?),
        assignment: row.at::<Option<i64>>(11)?.map(AssignmentId),
        total: row.at(12)?,
        reserved: row.at(13)?,
    })
}
