//! Which installs wait for what devices say.

use russet_domain::{ConnectorId, DeviceId};

use super::{Install, columns, install};
use crate::codec::json;
use crate::engine::{Db, Sql, bulk, sql};
use crate::error::StoreError;

/// An install that waits for an answer to its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The command's name.
    pub command_uuid: String,
    /// What the MDM server calls the device.
    pub enrollment_id: String,
    /// The install.
    pub install: Install,
}

/// The installs that these answers are about: pairs of a command's name and an enrollment id. What has ended is not among
/// them, nor what was sent again under another name.
///
/// # Errors
/// As any statement.
pub async fn waiting_for_answer(
    db: &mut Db,
    connector: ConnectorId,
    answers: &[(String, String)],
) -> Result<Vec<Waiting>, StoreError> {
    const WAITING: Sql = bulk!(
        concat!(
            "SELECT x.uuid AS command_uuid, x.enrollment_id, ",
            columns!(),
            " FROM "
        ),
        (0 uuid TEXT, 1 enrollment_id TEXT),
        " CROSS JOIN mdm_commands c
          CROSS JOIN installs i
          CROSS JOIN devices d
          WHERE c.uuid = x.uuid
            AND c.connector_id = $2
            AND i.command_id = c.id
            AND i.ended_at IS NULL
            AND d.id = i.device_id
            AND d.mdm_enrollment_id = x.enrollment_id"
    );
    sql("looking for installs that wait for answers", WAITING)
        .bind(json(&answers)?)
        .bind(connector.0)
        .all(db, |row| {
            Ok(Waiting {
                command_uuid: row.get("command_uuid")?,
                enrollment_id: row.get("enrollment_id")?,
                install: install(row)?,
            })
        })
        .await
}

/// The installs of devices that have just told their apps.
///
/// # Errors
/// As any statement.
pub async fn waiting_for_report(db: &mut Db, devices: &[DeviceId]) -> Result<Vec<Install>, StoreError> {
    const WAITING: Sql = bulk!(
        concat!("SELECT ", columns!(), " FROM "),
        (0 id BIGINT),
        " CROSS JOIN installs i
          CROSS JOIN devices d
          WHERE i.device_id = x.id AND i.state IN ('sent', 'verifying', 'resting') AND d.id = i.device_id"
    );
    let rows: Vec<_> = devices.iter().map(|device| (device.0,)).collect();
    sql("looking for installs that wait for reports", WAITING).bind(json(&rows)?).all(db, install).await
}

/// The installs of devices that have not ended.
///
/// # Errors
/// As any statement.
pub async fn open_of_devices(db: &mut Db, devices: &[DeviceId]) -> Result<Vec<Install>, StoreError> {
    const OPEN: Sql = bulk!(
        concat!("SELECT ", columns!(), " FROM "),
        (0 id BIGINT),
        " CROSS JOIN installs i
          CROSS JOIN devices d
          WHERE i.device_id = x.id AND i.ended_at IS NULL AND d.id = i.device_id"
    );
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = devices.iter().map(|device| (device.0,)).collect();
    sql("looking for the installs of devices", OPEN).bind(json(&rows)?).all(db, install).await
}
