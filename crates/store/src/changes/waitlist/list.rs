//! Who waits for a license, and in which place.

use russet_domain::{AssetId, AssetKey, AssignmentId, ChangeId, Holder, Timestamp, TokenId};

use super::ranked::ranked;
use crate::codec::{among, asset_key, holder, int, kind_of};
use crate::engine::{Row, Snapshot, Sql, sql};
use crate::error::StoreError;
use crate::quotas;

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
    /// How many will be served before him: of all who wait for a license, or of those whom the same quota keeps waiting.
    pub ahead: i64,
    /// The quota of the assignment, when that is used up and he waits for it and not for a license.
    pub quota: Option<i64>,
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

/// What the list is narrowed to; `$among` are the tokens of `$3` that the asking API key may see.
macro_rules! narrowed {
    ($among:literal) => {
        concat!(
            "($2 IS NULL OR c.token_id = $2)
             AND ($3 IS NULL OR c.token_id IN (SELECT ",
            $among,
            "))
             AND ($4 IS NULL OR c.asset_id IN (SELECT id FROM assets WHERE adam_id = $4))"
        )
    };
}

/// Those who wait, by asset and place, after a place. Costs a look at everybody who waits for the token, or for all tokens.
///
/// Of one moment: who got the last license of a quota meanwhile would else be told of as if he waited, and whoever waits for the quota
/// as if he waited for a license.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Snapshot,
    filter: &Filter,
    limit: usize,
    after: Option<(AssetId, i64)>,
) -> Result<Vec<Waiting>, StoreError> {
    const LIST: Sql = ranked!(
        "SELECT v.id, v.token_id, v.asset_id, a.adam_id, a.pricing_param, v.holder_kind, v.holder_id, v.place, v.waiting,
                v.line, v.created_at, v.assignment_id, a.total, a.reserved, v.ahead, CASE WHEN v.beyond THEN v.most END
         FROM ",
        (
            narrowed!("value FROM json_each($3)"),
            narrowed!("value::BIGINT FROM jsonb_array_elements_text($3::jsonb)")
        ),
        " JOIN assets a ON a.id = v.asset_id
          WHERE ($5 IS NULL OR (v.holder_kind = $5 AND v.holder_id = $6))
            AND (v.asset_id > $7 OR (v.asset_id = $7 AND v.place > $8))
          ORDER BY v.asset_id, v.place
          LIMIT $9"
    );
    let among = among(filter.among.as_deref())?;
    let (asset, place) = after.map_or((0, 0), |(asset, place)| (asset.0, place));
    let quotas = quotas::of_token(db, filter.token).await?;
    sql("listing who waits for licenses", LIST)
        .bind(quotas::rooms(&quotas)?)
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
        ahead: row.at(14)?,
        quota: row.at(15)?,
    })
}
