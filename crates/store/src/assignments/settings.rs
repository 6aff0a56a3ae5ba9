//! How an assignment's app is to stand on devices, and what it is told.

use std::collections::HashMap;

use russet_domain::install::InstallSettings;
use russet_domain::{AssignmentId, Secret};

use crate::codec::{from_json, json};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::sealed::CONFIGURATIONS;

/// What an app is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// A JSON object as text. It may hold secrets.
    pub told: Secret,
    /// The names at its top, which can be shown.
    pub keys: Vec<String>,
}

/// How installs through an assignment are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// How the app is to stand on devices.
    pub settings: InstallSettings,
    /// What it is told.
    pub configuration: Option<Secret>,
}

/// How installs through these assignments are made; one that says nothing of it is left out.
///
/// # Errors
/// As any statement; [`StoreError::Keys`] when a configuration cannot be opened with the keys there are.
pub async fn configured(
    db: &mut Db,
    ids: &[AssignmentId],
) -> Result<HashMap<AssignmentId, Configured>, StoreError> {
    const READ: Sql = bulk!(
        "SELECT a.id, a.vpn_uuid, a.prevent_removal, a.prevent_backup, a.remove_with_enrollment,
                a.configuration IS NOT NULL AS is_told
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN assignments a
          WHERE a.id = x.id
            AND (a.vpn_uuid IS NOT NULL OR a.prevent_removal OR a.prevent_backup OR a.remove_with_enrollment
              OR a.configuration IS NOT NULL)"
    );
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    let found = sql("reading how apps are to stand on devices", READ)
        .bind(json(&ids)?)
        .all(db, |row| Ok((row.get::<i64>("id")?, settings(row)?, row.get::<bool>("is_told")?)))
        .await?;
    let mut all = HashMap::with_capacity(found.len());
    for (id, settings, is_told) in found {
        let configuration = if is_told { CONFIGURATIONS.text(db, id).await? } else { None };
        all.insert(AssignmentId(id), Configured { settings, configuration });
    }
    Ok(all)
}

/// Reads the settings of a row.
pub(super) fn settings(row: &Row) -> Result<InstallSettings, StoreError> {
    Ok(InstallSettings {
        vpn_uuid: row.get("vpn_uuid")?,
        prevent_removal: row.get("prevent_removal")?,
        prevent_backup: row.get("prevent_backup")?,
        remove_with_enrollment: row.get("remove_with_enrollment")?,
    })
}

/// Reads the names of what the app of a row is told.
pub(super) fn configuration_keys(row: &Row) -> Result<Vec<String>, StoreError> {
    match row.get::<Option<String>>("configuration_keys")? {
        Some(keys) => from_json("assignments.configuration_keys", &keys),
        None => Ok(Vec::new()),
    }
}

/// Writes how the app is to stand on devices.
pub(super) async fn write(
    tx: &mut Tx,
    id: AssignmentId,
    settings: &InstallSettings,
) -> Result<(), StoreError> {
    sql(
        "writing how an app is to stand on devices",
        "UPDATE assignments
         SET vpn_uuid = $2, prevent_removal = $3, prevent_backup = $4, remove_with_enrollment = $5
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(settings.vpn_uuid.as_deref())
    .bind(settings.prevent_removal)
    .bind(settings.prevent_backup)
    .bind(settings.remove_with_enrollment)
    .run(tx)
    .await?;
    Ok(())
}

/// Writes what the app is told; `None` when it is told nothing.
pub(super) async fn write_configuration(
    tx: &mut Tx,
    id: AssignmentId,
    configuration: Option<&Configuration>,
) -> Result<(), StoreError> {
    let (sealed_for, sealed, keys) = match configuration {
        Some(configuration) => {
            let (sealed_for, sealed) = CONFIGURATIONS.seal(&tx.keys(), &configuration.told)?;
            (Some(sealed_for), Some(sealed), Some(json(&configuration.keys)?))
        }
        None => (None, None, None),
    };
    sql(
        "writing what an app is told",
        "UPDATE assignments SET sealed_for = $2, configuration = $3, configuration_keys = $4 WHERE id = $1",
    )
    .bind(id.0)
    .bind(sealed_for)
    .bind(sealed)
    .bind(keys)
    .run(tx)
    .await?;
    Ok(())
}
