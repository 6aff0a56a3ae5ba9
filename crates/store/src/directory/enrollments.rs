//! Devices by what their MDM servers call them.

use russet_domain::{DeviceId, Timestamp};

use super::devices::{Device, device, select};
use crate::codec::json;
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// The devices that a server calls so, deleted ones too.
///
/// # Errors
/// As any statement.
pub async fn devices(db: &mut Db, mdm: &str, enrollment_ids: &[&str]) -> Result<Vec<Device>, StoreError> {
    const FIND: Sql = Sql {
        sqlite: select!(
            "WHERE d.mdm_enrollment_id IN (SELECT value FROM json_each($1)) AND d.mdm = $2 ORDER BY d.id"
        ),
        postgres: select!(
            "WHERE d.mdm_enrollment_id IN (SELECT jsonb_array_elements_text($1::jsonb)) AND d.mdm = $2 ORDER BY d.id"
        ),
    };
    sql("looking up devices by enrollment", FIND).bind(json(enrollment_ids)?).bind(mdm).all(db, device).await
}

/// Notes that devices were there.
///
/// # Errors
/// As any statement.
pub async fn seen(tx: &mut Tx, devices: &[DeviceId], now: Timestamp) -> Result<(), StoreError> {
    const SEEN: Sql = bulk!(
        "UPDATE devices SET last_seen_at = $2 FROM ",
        (0 id BIGINT),
        " WHERE devices.id = x.id"
    );
    let rows: Vec<_> = devices.iter().map(|device| (device.0,)).collect();
    sql("noting that devices were seen", SEEN).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(())
}
