//! Managed apps as devices report them, and who is asked for them next.

use std::collections::HashSet;

use russet_domain::directory::Platform;
use russet_domain::install::{AppStatus, Reported};
use russet_domain::{ConnectorId, DeviceId, Timestamp};

use crate::codec::{int, json, time, word_in};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// An app that a device reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceApp {
    /// The device.
    pub device: DeviceId,
    /// What devices know the app by.
    pub bundle_id: String,
    /// Apple's external version id.
    pub version: Option<i64>,
    /// The version that people read.
    pub shown: Option<String>,
    /// Apple's word for how it stands.
    pub status: String,
    /// When it was reported.
    pub reported_at: Timestamp,
}

impl DeviceApp {
    /// The same for whoever decides.
    #[must_use]
    pub fn reported(&self) -> Reported {
        Reported { status: AppStatus::from_text(&self.status), version: self.version }
    }
}

/// Writes the apps of devices: those given are all that each of `devices` has by command, and of those that are gone it is noted since
/// when. Such lists leave declared apps out, and these stay. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn replace(
    tx: &mut Tx,
    devices: &[DeviceId],
    apps: &[DeviceApp],
    now: Timestamp,
) -> Result<(), StoreError> {
    const TOLD: Sql = bulk!(
        "UPDATE devices SET apps_told_at = $2, last_seen_at = $2 FROM ",
        (0 id BIGINT),
        " WHERE devices.id = x.id"
    );
    let ids: Vec<_> = devices.iter().map(|device| (device.0,)).collect();
    sql("noting that devices told their apps", TOLD).bind(json(&ids)?).bind(now.0).run(tx).await?;
    write(tx, apps, false, now).await?;
    forget_rest(tx, devices, false, now).await
}

/// Writes what devices told of their declared apps: those given are all that each of `full` has by declaration; those of other devices have
/// changed. Of those that are gone it is noted since when. No app may be given twice. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn tell_declared(
    tx: &mut Tx,
    full: &[DeviceId],
    apps: &[DeviceApp],
    removed: &[(DeviceId, String)],
    now: Timestamp,
) -> Result<(), StoreError> {
    const GONE: Sql = bulk!(
        "INSERT INTO device_apps_gone (device_id, bundle_id, gone_at)
         SELECT r.device_id, r.bundle_id, $2
         FROM ",
        (0 device_id BIGINT, 1 bundle_id TEXT),
        " CROSS JOIN device_apps r
          WHERE r.device_id = x.device_id AND r.bundle_id = x.bundle_id AND r.declared
          ON CONFLICT (device_id, bundle_id) DO UPDATE SET gone_at = excluded.gone_at"
    );
    const REMOVED: Sql = bulk!(
        "DELETE FROM device_apps
         WHERE declared AND (device_id, bundle_id) IN (SELECT x.device_id, x.bundle_id FROM ",
        (0 device_id BIGINT, 1 bundle_id TEXT),
        ")"
    );
    write(tx, apps, true, now).await?;
    if !full.is_empty() {
        forget_rest(tx, full, true, now).await?;
    }
    if !removed.is_empty() {
        let rows: Vec<_> = removed.iter().map(|(device, bundle_id)| (device.0, bundle_id)).collect();
        let rows = json(&rows)?;
        sql("noting declared apps that are gone", GONE).bind(rows.as_str()).bind(now.0).run(tx).await?;
        sql("forgetting declared apps that are gone", REMOVED).bind(rows).run(tx).await?;
    }
    Ok(())
}

async fn write(tx: &mut Tx, apps: &[DeviceApp], declared: bool, now: Timestamp) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO device_apps (device_id, bundle_id, version, shown, status, reported_at, declared)
         SELECT x.device_id, x.bundle_id, x.version, x.shown, x.status, $2, $3
         FROM ",
        (0 device_id BIGINT, 1 bundle_id TEXT, 2 version BIGINT, 3 shown TEXT, 4 status TEXT),
        " WHERE true
         ON CONFLICT (device_id, bundle_id) DO UPDATE
         SET version = excluded.version, shown = coalesce(excluded.shown, device_apps.shown), status = excluded.status,
             reported_at = excluded.reported_at, declared = excluded.declared"
    );
    let rows: Vec<_> =
        apps.iter().map(|app| (app.device.0, &app.bundle_id, app.version, &app.shown, &app.status)).collect();
    sql("writing devices' apps", WRITE).bind(json(&rows)?).bind(now.0).bind(declared).run(tx).await?;
    Ok(())
}

/// Forgets those apps of devices that were not told of now, of those that came by command or of those that are declared.
async fn forget_rest(
    tx: &mut Tx,
    devices: &[DeviceId],
    declared: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    const GONE: Sql = Sql {
        sqlite: "INSERT INTO device_apps_gone (device_id, bundle_id, gone_at)
                 SELECT r.device_id, r.bundle_id, $2
                 FROM device_apps r
                 WHERE r.device_id IN (SELECT value->>0 FROM json_each($1)) AND r.reported_at < $2 AND r.declared = $3
                 ON CONFLICT (device_id, bundle_id) DO UPDATE SET gone_at = excluded.gone_at",
        postgres: "INSERT INTO device_apps_gone (device_id, bundle_id, gone_at)
                   SELECT r.device_id, r.bundle_id, $2
                   FROM device_apps r
                   WHERE r.device_id IN (SELECT (value->>0)::BIGINT FROM jsonb_array_elements($1::jsonb)) AND r.reported_at < $2
                     AND r.declared = $3
                   ON CONFLICT (device_id, bundle_id) DO UPDATE SET gone_at = excluded.gone_at",
    };
    const REST: Sql = Sql {
        sqlite: "DELETE FROM device_apps
                 WHERE device_id IN (SELECT value->>0 FROM json_each($1)) AND reported_at < $2 AND declared = $3",
        postgres: "DELETE FROM device_apps
                   WHERE device_id IN (SELECT (value->>0)::BIGINT FROM jsonb_array_elements($1::jsonb)) AND reported_at < $2
                     AND declared = $3",
    };
    let ids: Vec<_> = devices.iter().map(|device| (device.0,)).collect();
    let ids = json(&ids)?;
    for (doing, text) in
        [("noting apps that devices have no more", GONE), ("forgetting apps that devices have no more", REST)]
    {
        sql(doing, text).bind(ids.as_str()).bind(now.0).bind(declared).run(tx).await?;
    }
    Ok(())
}

/// Which declared apps devices have told of, by device and bundle id.
///
/// # Errors
/// As any statement.
pub async fn declared_of(
    db: &mut Db,
    devices: &[DeviceId],
) -> Result<HashSet<(DeviceId, String)>, StoreError> {
    const DECLARED: Sql = bulk!(
        "SELECT r.device_id, r.bundle_id FROM ",
        (0 id BIGINT),
        " CROSS JOIN device_apps r WHERE r.device_id = x.id AND r.declared"
    );
    let rows: Vec<_> = devices.iter().map(|device| (device.0,)).collect();
    let found = sql("looking for declared apps that devices told of", DECLARED)
        .bind(json(&rows)?)
        .all(db, |row| Ok((DeviceId(row.get("device_id")?), row.get("bundle_id")?)))
        .await?;
    Ok(found.into_iter().collect())
}

/// A device's apps by bundle id, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn of_device(db: &mut Db, device: DeviceId, limit: usize) -> Result<Vec<DeviceApp>, StoreError> {
    sql(
        "listing a device's apps",
        "SELECT device_id, bundle_id, version, shown, status, reported_at
         FROM device_apps
         WHERE device_id = $1
         ORDER BY bundle_id
         LIMIT $2",
    )
    .bind(device.0)
    .bind(int(limit))
    .all(db, app)
    .await
}

/// An enrolled device that is to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToAsk {
    /// The device.
    pub device: DeviceId,
    /// Its platform.
    pub platform: Platform,
    /// What its MDM server calls it.
    pub enrollment_id: String,
}

/// Enrolled devices of a server that were not asked for their apps since `before`, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn to_ask(
    db: &mut Db,
    connector: ConnectorId,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<ToAsk>, StoreError> {
    sql(
        "looking for devices to ask for their apps",
        "SELECT d.id, d.platform, d.mdm_enrollment_id
         FROM connectors c
         CROSS JOIN devices d
         WHERE c.id = $1
           AND d.mdm = c.name
           AND d.apps_asked_at < $2
           AND d.state = 'enrolled'
           AND d.mdm_enrollment_id IS NOT NULL
         ORDER BY d.apps_asked_at, d.id
         LIMIT $3",
    )
    .bind(connector.0)
    .bind(before.0)
    .bind(int(limit))
    .all(db, |row| {
        Ok(ToAsk {
            device: DeviceId(row.get("id")?),
            platform: word_in(row, "platform", Platform::from_text)?,
            enrollment_id: row.get("mdm_enrollment_id")?,
        })
    })
    .await
}

/// Notes that devices are asked for their apps.
///
/// # Errors
/// As any statement.
pub async fn asked(tx: &mut Tx, devices: &[DeviceId], now: Timestamp) -> Result<(), StoreError> {
    const ASKED: Sql = bulk!(
        "UPDATE devices SET apps_asked_at = $2 FROM ",
        (0 id BIGINT),
        " WHERE devices.id = x.id"
    );
    let rows: Vec<_> = devices.iter().map(|device| (device.0,)).collect();
    sql("noting that devices are asked for their apps", ASKED).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(())
}

fn app(row: &Row) -> Result<DeviceApp, StoreError> {
    Ok(DeviceApp {
        device: DeviceId(row.get("device_id")?),
        bundle_id: row.get("bundle_id")?,
        version: row.get("version")?,
        shown: row.get("shown")?,
        status: row.get("status")?,
        reported_at: time(row, "reported_at")?,
    })
}
