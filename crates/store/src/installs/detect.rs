//! Looks for devices with older versions than the store has.

use russet_domain::{AssetId, DeviceId, TokenId};

use super::platform_in_store;
use crate::catalog::store_country;
use crate::codec::{int, json};
use crate::engine::{Db, Sql, bulk, sql};
use crate::error::StoreError;

/// The version that a token's store has of an app, on a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// The asset.
    pub asset: AssetId,
    /// The product's number in Apple's stores.
    pub adam_id: String,
    /// The platform, as stores spell it.
    pub platform: String,
    /// What devices know the app by.
    pub bundle_id: String,
    /// Apple's external version id.
    pub version: i64,
    /// The oldest system it runs on.
    pub minimum_os: Option<String>,
}

/// A device that has an older version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The place of the app in the list that was given.
    pub place: usize,
    /// The device.
    pub device: DeviceId,
    /// Its serial number.
    pub serial: String,
    /// The version it reports.
    pub reported: i64,
    /// Its system.
    pub os_version: Option<String>,
    /// Its time zone.
    pub time_zone: Option<String>,
    /// Whether an assignment that gives the app says that it is not to be updated by itself (rule N-11).
    pub held_back: bool,
}

/// What the store of a token's country has of its assets; of products of which it tells no version, nothing.
///
/// # Errors
/// As any statement.
pub async fn latest(
    db: &mut Db,
    token: TokenId,
    language: &str,
    limit: usize,
) -> Result<Vec<Latest>, StoreError> {
    sql(
        "looking for the versions that stores have",
        concat!(
            "SELECT a.id, a.adam_id, v.platform, coalesce(v.bundle_id, p.bundle_id) AS bundle_id, v.external_id, v.minimum_os
         FROM assets a
         JOIN tokens t ON t.id = a.token_id
         JOIN apps p ON p.adam_id = a.adam_id AND p.language = $2 AND p.country = ",
            store_country!("t"),
            "
         JOIN app_versions v ON v.adam_id = p.adam_id AND v.country = p.country AND v.language = p.language
         WHERE a.token_id = $1
           AND v.last_seen_at = p.fetched_at
           AND v.external_id IS NOT NULL
           AND coalesce(v.bundle_id, p.bundle_id) IS NOT NULL
         ORDER BY a.id, v.platform
         LIMIT $3"
        ),
    )
    .bind(token.0)
    .bind(language)
    .bind(int(limit))
    .all(db, |row| {
        Ok(Latest {
            asset: AssetId(row.get("id")?),
            adam_id: row.get("adam_id")?,
            platform: row.get("platform")?,
            bundle_id: row.get("bundle_id")?,
            version: row.get("external_id")?,
            minimum_os: row.get("minimum_os")?,
        })
    })
    .await
}

/// The last of the next `limit` devices after one; nothing when there are none.
///
/// # Errors
/// As any statement.
pub async fn page_of_devices(
    db: &mut Db,
    after: DeviceId,
    limit: usize,
) -> Result<Option<DeviceId>, StoreError> {
    sql(
        "looking where a page of devices ends",
        "SELECT max(x.id) AS last FROM (SELECT id FROM devices WHERE id > $1 ORDER BY id LIMIT $2) AS x",
    )
    .bind(after.0)
    .bind(int(limit))
    .one(db, |row| Ok(row.get::<Option<i64>>("last")?.map(DeviceId)))
    .await
}

/// Enrolled devices with an older version of one of these apps, who hold a license for it or whose persons do, and whom no
/// assignment has let go (rules S-38 and N-8): those after a device up to another, by device, each with all its apps. Left out
/// is what is under way or was tried for this version and rests; nothing is, with `again`.
///
/// # Errors
/// As any statement.
pub async fn candidates(
    db: &mut Db,
    latest: &[Latest],
    again: bool,
    (after, last): (DeviceId, DeviceId),
) -> Result<Vec<Candidate>, StoreError> {
    const FIND: Sql = bulk!(
        "SELECT x.place, d.id, d.serial, r.version, d.os_version, d.time_zone,
                coalesce(m.auto_update, true) AS updates
         FROM ",
        (0 place BIGINT, 1 asset_id BIGINT, 2 platform TEXT, 3 bundle_id TEXT, 4 version BIGINT),
        concat!(" CROSS JOIN device_apps r
          CROSS JOIN devices d
          LEFT JOIN people p ON p.id = d.person_id
          LEFT JOIN entitlements e ON e.asset_id = x.asset_id AND e.holder_kind = 'd' AND e.holder_id = d.serial
          LEFT JOIN entitlements u ON u.asset_id = x.asset_id AND u.holder_kind = 'u' AND u.holder_id = p.client_user_id
          LEFT JOIN assignments m ON m.id = coalesce(e.assignment_id, u.assignment_id)
          WHERE r.bundle_id = x.bundle_id
            AND r.version < x.version
            AND r.device_id > $2
            AND r.device_id <= $4
            AND d.id = r.device_id
            AND d.state = 'enrolled'
            AND ", platform_in_store!("d", "x.platform"), " = x.platform
            AND (coalesce(e.state, u.state, 'wanted') = 'wanted')
            AND (EXISTS (
                    SELECT 1
                    FROM licenses l
                    WHERE l.asset_id = x.asset_id AND l.holder_kind = 'd' AND l.holder_id = d.serial AND l.held)
              OR EXISTS (
                    SELECT 1
                    FROM licenses l
                    WHERE l.asset_id = x.asset_id AND l.holder_kind = 'u' AND l.holder_id = p.client_user_id AND l.held))
            AND ($3 = 1
              OR NOT EXISTS (
                    SELECT 1
                    FROM installs i
                    WHERE i.asset_id = x.asset_id
                      AND i.device_id = d.id
                      AND (i.ended_at IS NULL
                        OR (i.target = x.version AND i.state IN ('resting', 'failed')
                            AND i.code NOT IN ('no_connector', 'not_enrolled')))))
          ORDER BY d.id, x.place")
    );
    let rows: Vec<_> = latest
        .iter()
        .enumerate()
        .map(|(place, app)| (place, app.asset.0, &app.platform, &app.bundle_id, app.version))
        .collect();
    sql("looking for apps that are out of date", FIND)
        .bind(json(&rows)?)
        .bind(after.0)
        .bind(i64::from(again))
        .bind(last.0)
        .all(db, |row| {
            Ok(Candidate {
                place: usize::try_from(row.at::<i64>(0)?).unwrap_or(usize::MAX),
                device: DeviceId(row.at(1)?),
                serial: row.at(2)?,
                reported: row.at(3)?,
                os_version: row.at(4)?,
                time_zone: row.at(5)?,
                held_back: !row.at::<bool>(6)?,
            })
        })
        .await
}
