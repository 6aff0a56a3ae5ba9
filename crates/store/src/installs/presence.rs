//! How an app stands on the devices that hold licenses for it, or whose persons do.

use russet_domain::install::Presence;
use russet_domain::{AssetId, AssetKey, DeviceId, TokenId};

use super::platform_in_store;
use crate::catalog::{self, store_country};
use crate::codec::{asset_key, count, int, word_in};
use crate::engine::{Db, Row, sql};
use crate::error::StoreError;

/// An app on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presences {
    /// The device.
    pub device: DeviceId,
    /// Its serial number.
    pub serial: String,
    /// The asset.
    pub asset: AssetId,
    /// The asset's name.
    pub key: AssetKey,
    /// The token whose license it is.
    pub token: TokenId,
    /// How it stands.
    pub presence: Presence,
    /// The external version that the device reports.
    pub version: Option<i64>,
    /// The version that people read.
    pub shown: Option<String>,
    /// The external version that the token's store has for the device.
    pub newest: Option<i64>,
    /// Why the last install ended, or waits, if there is something to say.
    pub code: Option<String>,
    /// The device's error in words.
    pub detail: Option<String>,
}

/// How many devices an app stands on in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How it stands.
    pub presence: Presence,
    /// On how many devices.
    pub devices: u64,
    /// On how many of them in an older version than the store has.
    pub outdated: u64,
}

/// The devices of a product (`$1`), of a token if one is given (`$2`), in the catalog's language (`$3`).
macro_rules! presences {
    () => {
        concat!(
            "SELECT s.*,
                    CASE
                        WHEN s.is_known AND s.newest IS NULL THEN 'not_applicable'
                        WHEN s.status = 'Managed' THEN 'installed'
                        WHEN s.install IS NOT NULL AND s.ended_at IS NULL THEN 'pending'
                        WHEN s.install IN ('resting', 'failed') THEN 'failed'
                        WHEN s.apps_told_at IS NULL THEN 'unknown'
                        ELSE 'not_installed'
                    END AS presence
             FROM (
                 SELECT d.id AS device_id, d.serial, d.apps_told_at, a.id AS asset_id, a.adam_id, a.pricing_param, a.token_id,
                        r.status, r.version, r.shown, i.state AS install, i.code, i.detail, i.ended_at,
                        EXISTS (
                            SELECT 1
                            FROM app_versions v
                            WHERE v.adam_id = p.adam_id AND v.country = p.country AND v.language = p.language
                              AND v.last_seen_at = p.fetched_at AND v.external_id IS NOT NULL) AS is_known,
                        (SELECT max(v.external_id)
                         FROM app_versions v
                         WHERE v.adam_id = p.adam_id AND v.country = p.country AND v.language = p.language
                           AND v.last_seen_at = p.fetched_at AND v.platform = ",
            platform_in_store!("d", "v.platform"),
            ") AS newest
                 FROM (
                     SELECT a.id AS asset_id, d.id AS device_id
                     FROM assets a
                     CROSS JOIN licenses l
                     CROSS JOIN devices d
                     WHERE a.adam_id = $1
                       AND ($2 IS NULL OR a.token_id = $2)
                       AND l.asset_id = a.id
                       AND l.holder_kind = 'd'
                       AND l.held
                       AND d.serial = l.holder_id
                       AND d.state = 'enrolled'
                     UNION
                     SELECT a.id AS asset_id, d.id AS device_id
                     FROM assets a
                     CROSS JOIN licenses l
                     CROSS JOIN people q
                     CROSS JOIN devices d
                     WHERE a.adam_id = $1
                       AND ($2 IS NULL OR a.token_id = $2)
                       AND l.asset_id = a.id
                       AND l.holder_kind = 'u'
                       AND l.held
                       AND q.client_user_id = l.holder_id
                       AND d.person_id = q.id
                       AND d.state = 'enrolled') h
                 JOIN devices d ON d.id = h.device_id
                 JOIN assets a ON a.id = h.asset_id
                 JOIN tokens t ON t.id = a.token_id
                 LEFT JOIN apps p ON p.adam_id = a.adam_id AND p.language = $3 AND p.country = ",
            store_country!("t"),
            " LEFT JOIN installs i ON i.id = (
                     SELECT max(n.id)
                     FROM installs n
                     WHERE n.device_id = d.id AND n.asset_id = a.id AND NOT n.removes)
                 LEFT JOIN device_apps r ON r.device_id = d.id AND r.bundle_id = coalesce(
                     i.bundle_id,
                     (SELECT max(v.bundle_id)
                      FROM app_versions v
                      WHERE v.adam_id = p.adam_id AND v.country = p.country AND v.language = p.language
                        AND v.last_seen_at = p.fetched_at AND v.platform = ",
            platform_in_store!("d", "v.platform"),
            "),
                     p.bundle_id)) s "
        )
    };
}

/// How a product stands on devices, of one token or of all, in one way or in any: those after a device and an asset, by device.
///
/// # Errors
/// As any statement.
pub async fn presences(
    db: &mut Db,
    (adam_id, token): (&str, Option<TokenId>),
    wanted: Option<Presence>,
    limit: usize,
    after: Option<(DeviceId, AssetId)>,
) -> Result<Vec<Presences>, StoreError> {
    let language = catalog::language(db).await?;
    let (device, asset) = after.map_or((0, 0), |(device, asset)| (device.0, asset.0));
    sql(
        "listing how an app stands on devices",
        concat!(
            "SELECT * FROM (",
            presences!(),
            "WHERE s.device_id > $4 OR (s.device_id = $4 AND s.asset_id > $5)) w
             WHERE $6 IS NULL OR w.presence = $6
             ORDER BY w.device_id, w.asset_id
             LIMIT $7"
        ),
    )
    .bind(adam_id)
    .bind(token.map(|token| token.0))
    .bind(language)
    .bind(device)
    .bind(asset)
    .bind(wanted.map(Presence::as_str))
    .bind(int(limit))
    .all(db, presence)
    .await
}

/// On how many devices a product stands how, of one token or of all.
///
/// # Errors
/// As any statement.
pub async fn count_presences(
    db: &mut Db,
    adam_id: &str,
    token: Option<TokenId>,
) -> Result<Vec<Counted>, StoreError> {
    let language = catalog::language(db).await?;
    sql(
        "counting how an app stands on devices",
        concat!(
            "SELECT w.presence, count(*) AS devices,
                    count(CASE WHEN w.presence = 'installed' AND w.version < w.newest THEN 1 END) AS outdated
             FROM (",
            presences!(),
            ") w
             GROUP BY w.presence
             ORDER BY w.presence"
        ),
    )
    .bind(adam_id)
    .bind(token.map(|token| token.0))
    .bind(language)
    .all(db, |row| {
        Ok(Counted {
            presence: word_in(row, "presence", Presence::from_text)?,
            devices: count(row.get("devices")?),
            outdated: count(row.get("outdated")?),
        })
    })
    .await
}

fn presence(row: &Row) -> Result<Presences, StoreError> {
    Ok(Presences {
        device: DeviceId(row.get("device_id")?),
        serial: row.get("serial")?,
        asset: AssetId(row.get("asset_id")?),
        key: asset_key(row.get("adam_id")?, &row.get::<String>("pricing_param")?),
        token: TokenId(row.get("token_id")?),
        presence: word_in(row, "presence", Presence::from_text)?,
        version: row.get("version")?,
        shown: row.get("shown")?,
        newest: row.get("newest")?,
        code: row.get("code")?,
        detail: row.get("detail")?,
    })
}
