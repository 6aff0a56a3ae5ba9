//! Apps that are declared for devices, in place of commands: at most one row for a device and a product.

use russet_domain::{ConnectorId, DeviceId, InstallId, Timestamp};

use crate::codec::{count, int, json};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// An app that is about to be declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaring {
    /// The device.
    pub device: DeviceId,
    /// What the server calls it.
    pub enrollment_id: String,
    /// The product's number in Apple's stores.
    pub adam_id: String,
    /// The external version that is pinned.
    pub version: Option<i64>,
}

/// A declaration of a device that has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The device.
    pub device: DeviceId,
    /// What the server called it.
    pub enrollment_id: String,
    /// The product's number in Apple's stores.
    pub adam_id: String,
    /// Whether the device is with the server again under that name: then the declaration stays.
    pub is_back: bool,
}

/// Notes that apps are declared, in the transaction that writes the command. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn declare(
    tx: &mut Tx,
    connector: ConnectorId,
    apps: &[Declaring],
    now: Timestamp,
) -> Result<(), StoreError> {
    const DECLARE: Sql = bulk!(
        "INSERT INTO declared_apps (device_id, adam_id, connector_id, enrollment_id, version, declared_at)
         SELECT x.device_id, x.adam_id, $2, x.enrollment_id, x.version, $3
         FROM ",
        (0 device_id BIGINT, 1 adam_id TEXT, 2 enrollment_id TEXT, 3 version BIGINT),
        " WHERE true
          ON CONFLICT (device_id, adam_id) DO UPDATE
          SET connector_id = excluded.connector_id, enrollment_id = excluded.enrollment_id, version = excluded.version,
              declared_at = excluded.declared_at, withdrawn_at = NULL, forget_at = NULL"
    );
    if apps.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> =
        apps.iter().map(|app| (app.device.0, &app.adam_id, &app.enrollment_id, app.version)).collect();
    sql("noting that apps are declared", DECLARE)
        .bind(json(&rows)?)
        .bind(connector.0)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Notes that declared apps are to go, in the transaction that writes the command. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn withdraw(tx: &mut Tx, apps: &[(DeviceId, String)], now: Timestamp) -> Result<(), StoreError> {
    const WITHDRAW: Sql = bulk!(
        "UPDATE declared_apps SET withdrawn_at = $2 FROM ",
        (0 device_id BIGINT, 1 adam_id TEXT),
        " WHERE declared_apps.device_id = x.device_id AND declared_apps.adam_id = x.adam_id AND withdrawn_at IS NULL"
    );
    let rows: Vec<_> = apps.iter().map(|(device, adam_id)| (device.0, adam_id)).collect();
    sql("noting that declared apps are to go", WITHDRAW).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(())
}

/// Forgets what was withdrawn of the apps of these installs: their devices have said that they are gone.
///
/// # Errors
/// As any statement.
pub async fn gone(tx: &mut Tx, installs: &[InstallId]) -> Result<(), StoreError> {
    const GONE: Sql = bulk!(
        "DELETE FROM declared_apps
         WHERE withdrawn_at IS NOT NULL
           AND (device_id, adam_id) IN (
               SELECT i.device_id, a.adam_id
               FROM ",
        (0 id BIGINT),
        " CROSS JOIN installs i
          CROSS JOIN assets a
          WHERE i.id = x.id AND a.id = i.asset_id)"
    );
    if installs.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = installs.iter().map(|id| (id.0,)).collect();
    sql("forgetting declared apps that are gone", GONE).bind(json(&rows)?).run(tx).await?;
    Ok(())
}

/// Marks the declarations of devices that are not with their server any more; called wherever devices are written.
pub(crate) async fn mark_strays(tx: &mut Tx, serials: &str, now: Timestamp) -> Result<(), StoreError> {
    const STRAYS: Sql = bulk!(
        "UPDATE declared_apps SET forget_at = $2
         WHERE forget_at IS NULL
           AND (device_id, adam_id) IN (
               SELECT y.device_id, y.adam_id
               FROM ",
        (0 serial TEXT),
        " CROSS JOIN devices d
          CROSS JOIN declared_apps y
          LEFT JOIN connectors c ON c.id = y.connector_id
          WHERE d.serial = x.serial
            AND y.device_id = d.id
            AND (d.state <> 'enrolled' OR coalesce(d.mdm, '') <> coalesce(c.name, '')
              OR coalesce(d.mdm_enrollment_id, '') <> y.enrollment_id))"
    );
    sql("marking declarations of devices that left", STRAYS).bind(serials).bind(now.0).run(tx).await?;
    Ok(())
}

/// Declarations that a server is to be rid of by now, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn strays(
    db: &mut Db,
    connector: ConnectorId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Stray>, StoreError> {
    sql(
        "looking for declarations of devices that left",
        "SELECT y.device_id, y.enrollment_id, y.adam_id,
                coalesce(d.state = 'enrolled' AND d.mdm = c.name AND d.mdm_enrollment_id = y.enrollment_id, false) AS is_back
         FROM declared_apps y
         JOIN connectors c ON c.id = y.connector_id
         LEFT JOIN devices d ON d.id = y.device_id
         WHERE y.connector_id = $1 AND y.forget_at <= $2
         ORDER BY y.forget_at, y.device_id, y.adam_id
         LIMIT $3",
    )
    .bind(connector.0)
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| {
        Ok(Stray {
            device: DeviceId(row.get("device_id")?),
            enrollment_id: row.get("enrollment_id")?,
            adam_id: row.get("adam_id")?,
            is_back: row.get("is_back")?,
        })
    })
    .await
}

/// Forgets declarations that a server is rid of, and keeps those of devices that are back.
///
/// # Errors
/// As any statement.
pub async fn forgotten(tx: &mut Tx, strays: &[Stray]) -> Result<(), StoreError> {
    const FORGET: Sql = bulk!(
        "DELETE FROM declared_apps
         WHERE forget_at IS NOT NULL
           AND (device_id, adam_id) IN (SELECT x.device_id, x.adam_id FROM ",
        (0 device_id BIGINT, 1 adam_id TEXT),
        ")"
    );
    const KEEP: Sql = bulk!(
        "UPDATE declared_apps SET forget_at = NULL FROM ",
        (0 device_id BIGINT, 1 adam_id TEXT),
        " WHERE declared_apps.device_id = x.device_id AND declared_apps.adam_id = x.adam_id"
    );
    for (text, is_back) in [(FORGET, false), (KEEP, true)] {
        let rows: Vec<_> = strays
            .iter()
            .filter(|stray| stray.is_back == is_back)
            .map(|stray| (stray.device.0, &stray.adam_id))
            .collect();
        if !rows.is_empty() {
            sql("forgetting declarations of devices that left", text).bind(json(&rows)?).run(tx).await?;
        }
    }
    Ok(())
}

/// How many apps are declared through a server.
///
/// # Errors
/// As any statement.
pub async fn count_of(db: &mut Db, connector: ConnectorId) -> Result<u64, StoreError> {
    sql("counting declared apps", "SELECT count(*) AS found FROM declared_apps WHERE connector_id = $1")
        .bind(connector.0)
        .one(db, |row| Ok(count(row.get("found")?)))
        .await
}
