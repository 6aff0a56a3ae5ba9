//! Who holds what, as Apple last said.

mod observe;

pub(crate) use observe::{Moved, write_moved};
pub use observe::{drop_pairs, drop_unseen, observe_moved, observe_page, unseen};

use russet_domain::removal::Irrevocable;
use russet_domain::{AssetId, AssetKey, Holder, JobId, Timestamp, TokenId};

use crate::codec::{asset_key, count as as_count, holder, int, json, kind_of};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// One asset held by one holder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct License {
    /// The asset's number.
    pub asset: AssetId,
    /// Whose asset it is.
    pub token: TokenId,
    /// The asset's name.
    pub key: AssetKey,
    /// Who holds it.
    pub holder: Holder,
}

/// What a list of licenses is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those of this token.
    pub token: Option<TokenId>,
    /// Only those of this product.
    pub adam_id: Option<String>,
    /// Only those of this quality, in Apple's spelling.
    pub pricing_param: Option<String>,
    /// Only those of this holder.
    pub holder: Option<Holder>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT l.asset_id, a.token_id, a.adam_id, a.pricing_param, l.holder_kind, l.holder_id ",
            $rest
        )
    };
}

/// Licenses in the order of asset, kind of holder and holder, after one of them.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<&(AssetId, Holder)>,
) -> Result<Vec<License>, StoreError> {
    let (asset, kind, id) =
        after.map_or((0, "", ""), |(asset, holder)| (asset.0, kind_of(holder), holder.id()));
    // A holder has few licenses and an asset has many, so that the two lists start from different ends.
    let text = match &filter.holder {
        Some(_) => select!(
            "FROM licenses l
             JOIN assets a ON a.id = l.asset_id
             WHERE l.holder_kind = $8
               AND l.holder_id = $9
               AND l.held
               AND ($5 IS NULL OR a.token_id = $5)
               AND ($6 IS NULL OR a.adam_id = $6)
               AND ($7 IS NULL OR a.pricing_param = $7)
               AND (l.asset_id, l.holder_kind, l.holder_id) > ($1, $2, $3)
             ORDER BY l.asset_id, l.holder_kind, l.holder_id
             LIMIT $4"
        ),
        None => select!(
            "FROM licenses l
             JOIN assets a ON a.id = l.asset_id
             WHERE l.held
               AND (l.asset_id, l.holder_kind, l.holder_id) > ($1, $2, $3)
               AND l.asset_id IN (
                   SELECT id
                   FROM assets
                   WHERE ($5 IS NULL OR token_id = $5)
                     AND ($6 IS NULL OR adam_id = $6)
                     AND ($7 IS NULL OR pricing_param = $7))
             ORDER BY l.asset_id, l.holder_kind, l.holder_id
             LIMIT $4"
        ),
    };
    let statement = sql("listing licenses", text)
        .bind(asset)
        .bind(kind)
        .bind(id)
        .bind(int(limit))
        .bind(filter.token.map(|token| token.0))
        .bind(filter.adam_id.as_deref())
        .bind(filter.pricing_param.as_deref());
    let statement = match &filter.holder {
        Some(holder) => statement.bind(kind_of(holder)).bind(holder.id()),
        None => statement,
    };
    statement.all(db, license).await
}

/// What these holders hold of a token's assets, at most `limit` licenses.
///
/// # Errors
/// As any statement.
pub async fn held_by(
    db: &mut Db,
    token: TokenId,
    holders: &[Holder],
    limit: usize,
) -> Result<Vec<(AssetId, Holder)>, StoreError> {
    const HELD_BY: Sql = bulk!(
        "SELECT l.asset_id, l.holder_kind, l.holder_id
         FROM ",
        (0 holder_kind TEXT, 1 holder_id TEXT),
        " CROSS JOIN licenses l
          CROSS JOIN assets a
          WHERE l.holder_id = x.holder_id
            AND l.holder_kind = x.holder_kind
            AND l.held
            AND a.id = l.asset_id
            AND a.token_id = $2
          LIMIT $3"
    );
    let rows: Vec<_> = holders.iter().map(|holder| (kind_of(holder), holder.id())).collect();
    sql("looking up what holders hold", HELD_BY)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(int(limit))
        .all(db, pair)
        .await
}

/// Who holds these assets of a token, at most `limit` licenses.
///
/// # Errors
/// As any statement.
pub async fn held_of(
    db: &mut Db,
    token: TokenId,
    assets: &[AssetId],
    limit: usize,
) -> Result<Vec<(AssetId, Holder)>, StoreError> {
    const HELD_OF: Sql = bulk!(
        "SELECT l.asset_id, l.holder_kind, l.holder_id
         FROM ",
        (0 asset_id BIGINT),
        " CROSS JOIN assets a
          CROSS JOIN licenses l
          WHERE a.id = x.asset_id AND a.token_id = $2 AND l.asset_id = a.id AND l.held
          LIMIT $3"
    );
    let rows: Vec<_> = assets.iter().map(|asset| (asset.0,)).collect();
    sql("looking up who holds assets", HELD_OF)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(int(limit))
        .all(db, pair)
        .await
}

/// All licenses held of a token's assets, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn held(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<(AssetId, Holder)>, StoreError> {
    sql(
        "looking up all licenses of a token",
        "SELECT l.asset_id, l.holder_kind, l.holder_id
         FROM assets a
         JOIN licenses l ON l.asset_id = a.id
         WHERE l.held AND a.token_id = $1
         LIMIT $2",
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, pair)
    .await
}

/// The assets of a token that can never be taken back and are held, with how often (rules S-15, N-30).
///
/// # Errors
/// As any statement.
pub async fn irrevocable(db: &mut Db, token: TokenId) -> Result<Vec<Irrevocable>, StoreError> {
    sql(
        "looking for licenses that cannot be taken back",
        "SELECT a.adam_id, a.pricing_param, count(*)
         FROM assets a
         JOIN licenses l ON l.asset_id = a.id
         WHERE l.held AND a.token_id = $1 AND NOT a.revocable
         GROUP BY a.adam_id, a.pricing_param
         ORDER BY a.adam_id, a.pricing_param",
    )
    .bind(token.0)
    .all(db, |row| {
        let key = asset_key(row.at(0)?, &row.at::<String>(1)?);
        Ok(Irrevocable { key, licenses: as_count(row.at(2)?) })
    })
    .await
}

/// Licenses held of a token's revocable assets that a job has no change for yet, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn revocable_outside_job(
    db: &mut Db,
    token: TokenId,
    job: JobId,
    limit: usize,
) -> Result<Vec<(AssetId, Holder)>, StoreError> {
    sql(
        "looking up licenses that a job does not move",
        "SELECT asset_id, holder_kind, holder_id
         FROM (
             SELECT l.asset_id, l.holder_kind, l.holder_id
             FROM assets a
             JOIN licenses l ON l.asset_id = a.id
             WHERE l.held AND a.token_id = $1 AND a.revocable
             EXCEPT
             SELECT c.asset_id, c.holder_kind, c.holder_id
             FROM job_changes j
             JOIN changes c ON c.id = j.change_id
             WHERE j.job_id = $2) AS rest
         LIMIT $3",
    )
    .bind(token.0)
    .bind(job.0)
    .bind(int(limit))
    .all(db, pair)
    .await
}

/// How many licenses of a token are held.
///
/// Costs time by their number.
///
/// # Errors
/// As any statement.
pub async fn count(db: &mut Db, token: TokenId) -> Result<u64, StoreError> {
    sql(
        "counting licenses",
        "SELECT count(*) AS found
         FROM assets a
         JOIN licenses l ON l.asset_id = a.id
         WHERE l.held AND a.token_id = $1",
    )
    .bind(token.0)
    .one(db, |row| row.get("found").map(as_count))
    .await
}

/// Forgets licenses that were taken back before `before`: no walk that old is under way any more. At most `limit` of
/// one token; tells how many.
///
/// # Errors
/// As any statement.
pub async fn sweep_tombstones(
    tx: &mut Tx,
    token: TokenId,
    before: Timestamp,
    limit: usize,
) -> Result<u64, StoreError> {
    sql(
        "forgetting licenses taken back long ago",
        "DELETE FROM licenses
         WHERE (asset_id, holder_kind, holder_id) IN (
             SELECT l.asset_id, l.holder_kind, l.holder_id
             FROM assets a
             JOIN licenses l ON l.asset_id = a.id
             WHERE a.token_id = $1 AND NOT l.held AND l.moved_at < $2
             LIMIT $3)",
    )
    .bind(token.0)
    .bind(before.0)
    .bind(int(limit))
    .run(tx)
    .await
}

pub(crate) fn license(row: &Row) -> Result<License, StoreError> {
    Ok(License {
        asset: AssetId(row.at(0)?),
        token: TokenId(row.at(1)?),
        key: asset_key(row.at(2)?, &row.at::<String>(3)?),
        holder: holder(&row.at::<String>(4)?, row.at(5)?)?,
    })
}

fn pair(row: &Row) -> Result<(AssetId, Holder), StoreError> {
    Ok((AssetId(row.at(0)?), holder(&row.at::<String>(1)?, row.at(2)?)?))
}
