//! Has apps installed that devices are to have and lack (rule S-33): those that are required, and those that were asked for.

use std::time::Duration;

use russet_domain::{AssetId, DeviceId, Holder, Timestamp, TokenId};

use super::{Wanted, platform_in_store, want};
use crate::catalog::{self, store_country};
use crate::codec::{json, kind_of};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::policies;

/// How long a required app that somebody deleted stays away before it is installed again: once a day at most.
const DELETED_FOR: Duration = Duration::from_secs(24 * 3600);

/// An app that a device is to have and lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The token whose license it has.
    pub token: TokenId,
    /// The asset.
    pub asset: AssetId,
    /// The device.
    pub device: DeviceId,
}

/// What must be so for an app to be missing on a device `d`, of an entitlement `e`: its license is there, the device is
/// enrolled and has told its apps, the app is none of them and runs on it, and no install was tried that rests or is under way.
macro_rules! missing {
    ($persons:literal, $holder:literal) => {
        bulk!(
            "SELECT a.token_id, e.asset_id, d.id
             FROM ",
            (0 id BIGINT),
            concat!(
                " CROSS JOIN devices d
                  CROSS JOIN connectors c ",
                $persons,
                " CROSS JOIN entitlements e
                  CROSS JOIN licenses l
                  CROSS JOIN assets a
                  CROSS JOIN tokens t
                  CROSS JOIN apps p
                  WHERE d.id = x.id
                    AND c.name = d.mdm
                    AND ",
                $holder,
                " AND l.asset_id = e.asset_id
                    AND l.holder_kind = e.holder_kind
                    AND l.holder_id = e.holder_id
                    AND l.held
                    AND a.id = e.asset_id
                    AND t.id = a.token_id
                    AND p.adam_id = a.adam_id
                    AND p.language = $2
                    AND p.country = ",
                store_country!("t"),
                "
                    AND d.state = 'enrolled'
                    AND d.mdm_enrollment_id IS NOT NULL
                    AND d.apps_told_at IS NOT NULL
                    AND e.state = 'wanted'
                    AND e.intent IN ('required', 'available')
                    AND a.product_type = 'App'
                    AND p.bundle_id IS NOT NULL
                    AND NOT EXISTS (
                        SELECT 1
                        FROM device_apps r
                        WHERE r.device_id = d.id
                          AND r.status <> 'ManagedButUninstalled'
                          AND (r.bundle_id = p.bundle_id
                            OR r.bundle_id IN (
                                SELECT v.bundle_id
                                FROM app_versions v
                                WHERE v.adam_id = p.adam_id AND v.country = p.country AND v.language = p.language)))
                    AND (NOT EXISTS (
                            SELECT 1
                            FROM app_versions v
                            WHERE v.adam_id = p.adam_id AND v.country = p.country AND v.language = p.language)
                      OR EXISTS (
                            SELECT 1
                            FROM app_versions v
                            WHERE v.adam_id = p.adam_id AND v.country = p.country AND v.language = p.language
                              AND v.platform = ",
                platform_in_store!("d", "v.platform"),
                "))
                    AND NOT EXISTS (
                        SELECT 1
                        FROM installs i
                        WHERE i.device_id = d.id
                          AND i.asset_id = e.asset_id
                          AND (i.ended_at IS NULL
                            OR (NOT i.removes
                              AND i.created_at >= d.state_at
                              AND ((i.state IN ('resting', 'failed') AND i.code NOT IN ('no_connector', 'not_enrolled'))
                                OR (i.state = 'installed' AND (e.intent <> 'required' OR i.ended_at > $3))))))
"
            )
        )
    };
}

/// What these devices are to have and lack. The caller bounds the devices; what each is to have is bounded by what its location owns.
///
/// # Errors
/// As any statement.
pub async fn missing(db: &mut Db, devices: &[DeviceId], now: Timestamp) -> Result<Vec<Missing>, StoreError> {
    const OF_DEVICES: Sql = missing!("", "e.holder_kind = 'd' AND e.holder_id = d.serial");
    const OF_PERSONS: Sql = missing!(
        "CROSS JOIN people q",
        "q.id = d.person_id AND e.holder_kind = 'u' AND e.holder_id = q.client_user_id"
    );
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    let language = catalog::language(db).await?;
    let rows: Vec<_> = devices.iter().map(|device| (device.0,)).collect();
    let rows = json(&rows)?;
    let mut found = Vec::new();
    for statement in [OF_DEVICES, OF_PERSONS] {
        let some = sql("looking for apps that devices lack", statement)
            .bind(rows.as_str())
            .bind(language.as_str())
            .bind(now.minus(DELETED_FOR).0)
            .all(db, |row| {
                Ok(Missing {
                    token: TokenId(row.at(0)?),
                    asset: AssetId(row.at(1)?),
                    device: DeviceId(row.at(2)?),
                })
            })
            .await?;
        found.extend(some);
    }
    found.sort_unstable();
    found.dedup_by_key(|missing| (missing.asset, missing.device));
    Ok(found)
}

/// Has a token's apps installed on those of these devices that lack them, unless the token's policy is against it. The caller holds
/// the token's lock. May be repeated. Tells how many.
///
/// # Errors
/// As any statement.
pub async fn want_missing(
    tx: &mut Tx,
    token: TokenId,
    devices: &[DeviceId],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let found = missing(tx, devices, now).await?;
    let wanted: Vec<Wanted> = found
        .into_iter()
        .filter(|missing| missing.token == token)
        .map(|Missing { asset, device, .. }| Wanted {
            asset,
            device,
            bundle_id: None,
            target: None,
            before: None,
            due: now,
            window: None,
        })
        .collect();
    if wanted.is_empty() || !policies::read(tx, token).await?.installs_required() {
        return Ok(0);
    }
    want(tx, token, None, &wanted, now).await
}

/// Has apps installed on the devices of holders who have just got licenses. The caller holds the token's lock.
pub(crate) async fn want_for_holders(
    tx: &mut Tx,
    token: TokenId,
    holders: &[&Holder],
    now: Timestamp,
) -> Result<(), StoreError> {
    const DEVICES: Sql = bulk!(
        "SELECT d.id
         FROM ",
        (0 kind TEXT, 1 holder TEXT),
        " CROSS JOIN devices d
          WHERE x.kind = 'd' AND d.serial = x.holder AND d.apps_told_at IS NOT NULL"
    );
    const OF_PERSONS: Sql = bulk!(
        "SELECT d.id
         FROM ",
        (0 kind TEXT, 1 holder TEXT),
        " CROSS JOIN people q
          CROSS JOIN devices d
          WHERE x.kind = 'u' AND q.client_user_id = x.holder AND d.person_id = q.id AND d.apps_told_at IS NOT NULL"
    );
    if holders.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = holders.iter().map(|holder| (kind_of(holder), holder.id())).collect();
    let rows = json(&rows)?;
    let mut devices = Vec::new();
    for statement in [DEVICES, OF_PERSONS] {
        let some = sql("looking for devices that have got licenses", statement)
            .bind(rows.as_str())
            .all(tx, |row| row.at(0).map(DeviceId))
            .await?;
        devices.extend(some);
    }
    want_missing(tx, token, &devices, now).await?;
    Ok(())
}

/// The devices that a token's assignments give apps to, or whose persons they do, and that have told their apps.
///
/// # Errors
/// As any statement.
pub async fn devices_of_token(db: &mut Db, token: TokenId) -> Result<Vec<DeviceId>, StoreError> {
    sql(
        "looking for devices that are given apps",
        "SELECT d.id
         FROM assets a
         CROSS JOIN entitlements e
         CROSS JOIN devices d
         WHERE a.token_id = $1
           AND e.asset_id = a.id
           AND e.holder_kind = 'd'
           AND e.state = 'wanted'
           AND d.serial = e.holder_id
           AND d.state = 'enrolled'
           AND d.apps_told_at IS NOT NULL
         UNION
         SELECT d.id
         FROM assets a
         CROSS JOIN entitlements e
         CROSS JOIN people q
         CROSS JOIN devices d
         WHERE a.token_id = $1
           AND e.asset_id = a.id
           AND e.holder_kind = 'u'
           AND e.state = 'wanted'
           AND q.client_user_id = e.holder_id
           AND d.person_id = q.id
           AND d.state = 'enrolled'
           AND d.apps_told_at IS NOT NULL",
    )
    .bind(token.0)
    .all(db, |row| row.at(0).map(DeviceId))
    .await
}
