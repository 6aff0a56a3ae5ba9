//! Assignments with a quota: how much of it is used, and which changes go through them.

use std::collections::HashMap;

use russet_domain::grant::Quota;
use russet_domain::{AssetId, AssignmentId, ChangeId, Holder, TokenId};

use crate::codec::{json, kind_of};
use crate::engine::{Db, Row, Sql, bulk, sql};
use crate::error::StoreError;

/// What counts for the quota of `assignments a`: who has a license that was given through it, whether he is to have it still or not,
/// and to whom one is on its way.
macro_rules! usage {
    () => {
        "SELECT a.id, a.quota, count(CASE WHEN l.held OR c.action = 'assign' THEN 1 END), count(c.id)
         FROM assignments a
         LEFT JOIN entitlements e ON e.assignment_id = a.id
         LEFT JOIN licenses l
           ON l.asset_id = e.asset_id AND l.holder_kind = e.holder_kind AND l.holder_id = e.holder_id AND l.held
         LEFT JOIN changes c
           ON c.asset_id = e.asset_id AND c.holder_kind = e.holder_kind AND c.holder_id = e.holder_id
              AND c.slot = 0 AND c.state = 'sent'
         WHERE a.quota IS NOT NULL AND "
    };
}

/// The quotas of a token's assignments, or of all tokens'; assignments without one are left out. Costs a look at everybody to whom
/// such an assignment gave a license.
///
/// # Errors
/// As any statement.
pub async fn of_token(
    db: &mut Db,
    token: Option<TokenId>,
) -> Result<HashMap<AssignmentId, Quota>, StoreError> {
    const OF_TOKEN: &str = concat!(usage!(), "($1 IS NULL OR a.token_id = $1) GROUP BY a.id, a.quota");
    let found =
        sql("counting what quotas allow", OF_TOKEN).bind(token.map(|token| token.0)).all(db, quota).await?;
    Ok(found.into_iter().collect())
}

/// The same of some assignments.
///
/// # Errors
/// As any statement.
pub async fn of_many(db: &mut Db, ids: &[AssignmentId]) -> Result<HashMap<AssignmentId, Quota>, StoreError> {
    const OF_MANY: Sql = bulk!(
        concat!(usage!(), "a.id IN (SELECT x.id FROM "),
        (0 id BIGINT),
        ") GROUP BY a.id, a.quota"
    );
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    let found = sql("counting what some quotas allow", OF_MANY).bind(json(&rows)?).all(db, quota).await?;
    Ok(found.into_iter().collect())
}

/// The same of those assignments of some assets that have one.
///
/// # Errors
/// As any statement.
pub(crate) async fn of_assets(
    db: &mut Db,
    assets: &[AssetId],
) -> Result<HashMap<AssignmentId, Quota>, StoreError> {
    const OF_ASSETS: Sql = bulk!(
        concat!(usage!(), "a.asset_id IN (SELECT x.id FROM "),
        (0 id BIGINT),
        ") GROUP BY a.id, a.quota"
    );
    if assets.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = assets.iter().map(|id| (id.0,)).collect();
    let found =
        sql("counting what quotas of some assets allow", OF_ASSETS).bind(json(&rows)?).all(db, quota).await?;
    Ok(found.into_iter().collect())
}

fn quota(row: &Row) -> Result<(AssignmentId, Quota), StoreError> {
    let quota = Quota { most: row.at(1)?, used: row.at(2)?, moving: row.at(3)? };
    Ok((AssignmentId(row.at(0)?), quota))
}

/// Through which assignment with a quota each of these changes goes: whom it is to give a license, or gave the one that comes back.
/// Changes of others are left out.
///
/// # Errors
/// As any statement.
pub async fn through(db: &mut Db, ids: &[ChangeId]) -> Result<HashMap<ChangeId, AssignmentId>, StoreError> {
    const THROUGH: Sql = bulk!(
        "SELECT c.id, e.assignment_id
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN changes c
          CROSS JOIN entitlements e
          CROSS JOIN assignments a
          WHERE c.id = x.id
            AND e.asset_id = c.asset_id
            AND e.holder_kind = c.holder_kind
            AND e.holder_id = c.holder_id
            AND (e.state = 'wanted' OR c.action = 'revoke')
            AND a.id = e.assignment_id
            AND a.quota IS NOT NULL"
    );
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    let found = sql("looking up what goes through assignments with a quota", THROUGH)
        .bind(json(&rows)?)
        .all(db, |row| Ok((ChangeId(row.at(0)?), AssignmentId(row.at(1)?))))
        .await?;
    Ok(found.into_iter().collect())
}

/// The quotas as statements take them: assignment, how many there may be, and how many more.
///
/// # Errors
/// When they do not fit into JSON.
pub(crate) fn rooms(quotas: &HashMap<AssignmentId, Quota>) -> Result<String, StoreError> {
    let rows: Vec<_> = quotas.iter().map(|(id, quota)| (id.0, quota.most, quota.room())).collect();
    json(&rows)
}

/// What presses on an assignment with a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pressure {
    /// The asset.
    pub asset: AssetId,
    /// The group's name.
    pub group: String,
    /// The quota.
    pub quota: Quota,
    /// Licenses that are wished through the assignment and not sent yet.
    pub wished: i64,
    /// Licenses given through it that are about to be taken back.
    pub returning: i64,
}

/// What presses on those assignments of a token that have a quota.
///
/// # Errors
/// As any statement.
pub async fn pressures(db: &mut Db, token: TokenId) -> Result<HashMap<AssignmentId, Pressure>, StoreError> {
    let quotas = of_token(db, Some(token)).await?;
    if quotas.is_empty() {
        return Ok(HashMap::new());
    }
    let found = sql(
        "counting what is wished through assignments with a quota",
        "SELECT a.id, a.asset_id, g.name, count(CASE WHEN c.action = 'assign' AND e.state = 'wanted' THEN 1 END),
                count(CASE WHEN c.action = 'revoke' AND c.state = 'planned' THEN 1 END)
         FROM assignments a
         JOIN groups g ON g.id = a.group_id
         LEFT JOIN entitlements e ON e.assignment_id = a.id
         LEFT JOIN changes c
           ON c.asset_id = e.asset_id AND c.holder_kind = e.holder_kind AND c.holder_id = e.holder_id
              AND c.slot IS NOT NULL AND c.state IN ('planned', 'waitlisted', 'held')
         WHERE a.token_id = $1 AND a.quota IS NOT NULL
         GROUP BY a.id, a.asset_id, g.name",
    )
    .bind(token.0)
    .all(db, |row| {
        let quota = quotas.get(&AssignmentId(row.at(0)?)).copied().unwrap_or_default();
        let (asset, group) = (AssetId(row.at(1)?), row.at(2)?);
        let pressure = Pressure { asset, group, quota, wished: row.at(3)?, returning: row.at(4)? };
        Ok((AssignmentId(row.at(0)?), pressure))
    })
    .await?;
    Ok(found.into_iter().collect())
}

/// How many of these licenses would go through which assignment with a quota.
///
/// # Errors
/// As any statement.
pub async fn wished_through(
    db: &mut Db,
    pairs: &[(AssetId, &Holder)],
) -> Result<HashMap<AssignmentId, i64>, StoreError> {
    const WISHED: Sql = bulk!(
        "SELECT a.id, count(*)
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        " CROSS JOIN entitlements e
          CROSS JOIN assignments a
          WHERE e.asset_id = x.asset_id
            AND e.holder_kind = x.holder_kind
            AND e.holder_id = x.holder_id
            AND e.state || '' = 'wanted'
            AND a.id = e.assignment_id
            AND a.quota IS NOT NULL
          GROUP BY a.id"
    );
    let rows: Vec<_> = pairs.iter().map(|(asset, holder)| (asset.0, kind_of(holder), holder.id())).collect();
    let found = sql("counting what would go through assignments with a quota", WISHED)
        .bind(json(&rows)?)
        .all(db, |row| Ok((AssignmentId(row.at(0)?), row.at(1)?)))
        .await?;
    Ok(found.into_iter().collect())
}
