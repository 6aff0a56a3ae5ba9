//! Who waits for licenses, what moved of late, and which other locations have some to spare: what a purchase is decided by.

use std::cmp::Reverse;
use std::collections::HashMap;

use russet_domain::forecast::Moved;
use russet_domain::{AssetId, AssetKey, Timestamp, TokenId};

use crate::changes::waitlist;
use crate::codec::{among, asset_key, count, int, json};
use crate::engine::{Db, Snapshot, Sql, bulk, sql};
use crate::error::StoreError;

/// Assets of other locations looked at for one page of apps, those with the most free first: thirty locations for each of a thousand apps.
const PLACES_MAX: usize = 30_000;

/// How much of an asset is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Holders who wait in line for a license, and not for the quota of their assignment.
    pub waiting: u64,
    /// What moved since the moment that was asked for.
    pub moved: Moved,
}

/// Licenses of an asset that another location could do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spare {
    /// The token of that location.
    pub token: TokenId,
    /// Its name.
    pub token_name: String,
    /// The asset.
    pub key: AssetKey,
    /// How many are free there, without those that are kept from the line and those that somebody in line will get. Who waits for the quota of
    /// an assignment gets none of them.
    pub free: u64,
}

/// The demand for a token's assets, by those of which there is any. Costs a look at who waits and at what moved since.
///
/// # Errors
/// As any statement.
pub async fn demand(
    db: &mut Snapshot,
    token: TokenId,
    since: Option<Timestamp>,
) -> Result<HashMap<AssetId, Demand>, StoreError> {
    let mut all: HashMap<AssetId, Demand> = HashMap::new();
    let waiting = sql(
        "counting who waits by asset",
        "SELECT asset_id, count(*) FROM changes WHERE token_id = $1 AND state = 'waitlisted' GROUP BY asset_id",
    )
    .bind(token.0)
    .all(db, |row| Ok((AssetId(row.at(0)?), row.at::<i64>(1).map(count)?)))
    .await?;
    for (asset, waiting) in waiting {
        all.entry(asset).or_default().waiting = waiting;
    }
    for (_, asset) in waitlist::beyond_quotas(db, token).await? {
        let demand = all.entry(asset).or_default();
        demand.waiting = demand.waiting.saturating_sub(1);
    }
    let Some(since) = since else { return Ok(all) };
    let moved = sql(
        "counting what moved by asset",
        "SELECT asset_id, count(CASE WHEN gained THEN 1 END), count(CASE WHEN gained THEN NULL ELSE 1 END)
         FROM movements
         WHERE token_id = $1 AND at >= $2
         GROUP BY asset_id",
    )
    .bind(token.0)
    .bind(since.0)
    .all(db, |row| {
        let moved = Moved { given: row.at(1).map(count)?, back: row.at(2).map(count)? };
        Ok((AssetId(row.at(0)?), moved))
    })
    .await?;
    for (asset, moved) in moved {
        all.entry(asset).or_default().moved = moved;
    }
    Ok(all)
}

/// Other locations with licenses of these assets to spare, those with the most first. `seen` are the tokens that the asking key may know
/// of; nothing is all.
///
/// # Errors
/// As any statement.
pub async fn spare(
    db: &mut Snapshot,
    token: TokenId,
    keys: &[AssetKey],
    seen: Option<&[TokenId]>,
) -> Result<Vec<Spare>, StoreError> {
    let free = free_elsewhere(db, token, keys, seen).await?;
    let waited_for: Vec<AssetId> = free.iter().filter(|one| one.waiting > 0).map(|one| one.asset).collect();
    let beyond = waitlist::beyond_by_asset(db, &waited_for).await?;
    let mut found: Vec<Spare> = free
        .into_iter()
        .map(|Free { asset, waiting, spare }| {
            let waiting = waiting.saturating_sub(beyond.get(&asset).copied().unwrap_or(0));
            Spare { free: spare.free.saturating_sub(waiting), ..spare }
        })
        .filter(|spare| spare.free > 0)
        .collect();
    found.sort_by_key(|spare| (Reverse(spare.free), spare.token));
    Ok(found)
}

/// Licenses at another location that the line there may be given.
struct Free {
    asset: AssetId,
    waiting: u64,
    spare: Spare,
}

async fn free_elsewhere(
    db: &mut Db,
    token: TokenId,
    keys: &[AssetKey],
    seen: Option<&[TokenId]>,
) -> Result<Vec<Free>, StoreError> {
    macro_rules! free {
        ($among:literal) => {
            bulk!(
                "SELECT t.id, t.name, a.adam_id, a.pricing_param, a.available - a.reserved AS free, a.id AS asset_id, (
                     SELECT count(*) FROM changes c
                     WHERE c.token_id = a.token_id AND c.asset_id = a.id AND c.state = 'waitlisted') AS waiting
                 FROM ",
                (0 adam_id TEXT, 1 pricing_param TEXT),
                concat!(
                    " CROSS JOIN assets a
                      CROSS JOIN tokens t
                      WHERE a.adam_id = x.adam_id
                        AND a.pricing_param = x.pricing_param
                        AND a.token_id <> $2
                        AND NOT a.gone
                        AND a.available > a.reserved
                        AND t.id = a.token_id
                        AND ($3 IS NULL OR t.id IN (SELECT ", $among, "))
                      ORDER BY free DESC, t.id
                      LIMIT $4"
                )
            )
        };
    }
    const FREE: Sql = Sql {
        sqlite: free!("value FROM json_each($3)").sqlite,
        postgres: free!("value::BIGINT FROM jsonb_array_elements_text($3::jsonb)").postgres,
    };
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = keys.iter().map(|key| (&key.adam_id, key.pricing.as_str())).collect();
    sql("looking for licenses to spare elsewhere", FREE)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(among(seen)?)
        .bind(int(PLACES_MAX))
        .all(db, |row| {
            let spare = Spare {
                token: TokenId(row.at(0)?),
                token_name: row.at(1)?,
                key: asset_key(row.at(2)?, &row.at::<String>(3)?),
                free: row.at(4).map(count)?,
            };
            Ok(Free { asset: AssetId(row.at(5)?), waiting: row.at(6).map(count)?, spare })
        })
        .await
}
