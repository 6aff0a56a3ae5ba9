//! Gates for users: the license is the person's, and the app goes onto each device of that person which it runs on.

use std::collections::{BTreeMap, HashMap};

use russet_domain::gate::{GateState, after_installs};
use russet_domain::install::InstallState;
use russet_domain::{DeviceId, GateId, InstallId};

use super::steps::{Shift, Waiting};
use super::{Gate, OnDevice};
use crate::catalog::{self, store_country};
use crate::codec::{json, word};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::installs::platform_in_store;

/// The enrolled devices of the persons of gates. Where the store tells for which kinds of devices an app is, the others are left
/// out; gates of devices are.
pub(super) async fn devices_of(
    db: &mut Db,
    gates: impl Iterator<Item = &Waiting>,
) -> Result<Vec<(GateId, DeviceId)>, StoreError> {
    const FIND: Sql = bulk!(
        "SELECT x.id, d.id
         FROM ",
        (0 id BIGINT, 1 asset_id BIGINT, 2 client_user_id TEXT),
        concat!(
            " CROSS JOIN people q
              CROSS JOIN devices d
              CROSS JOIN assets a
              CROSS JOIN tokens t
              WHERE q.client_user_id = x.client_user_id
                AND d.person_id = q.id
                AND d.state = 'enrolled'
                AND a.id = x.asset_id
                AND t.id = a.token_id
                AND (NOT EXISTS (
                        SELECT 1
                        FROM app_versions v
                        WHERE v.adam_id = a.adam_id AND v.language = $2 AND v.country = ",
            store_country!("t"),
            ")
                  OR EXISTS (
                        SELECT 1
                        FROM app_versions v
                        WHERE v.adam_id = a.adam_id AND v.language = $2 AND v.country = ",
            store_country!("t"),
            " AND v.platform = ",
            platform_in_store!("d", "v.platform"),
            "))
              ORDER BY x.id, d.id"
        )
    );
    let rows: Vec<_> = gates
        .filter(|gate| !gate.holder.is_device())
        .map(|gate| (gate.id.0, gate.asset.0, gate.holder.id()))
        .collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let language = catalog::language(db).await?;
    sql("looking for the devices of persons at gates", FIND)
        .bind(json(&rows)?)
        .bind(language.as_str())
        .all(db, |row| Ok((GateId(row.at(0)?), DeviceId(row.at(1)?))))
        .await
}

/// Notes which installs the gates of users wait for. May be repeated.
pub(super) async fn set_installs(tx: &mut Tx, pairs: &[(GateId, InstallId)]) -> Result<(), StoreError> {
    const SET: Sql = bulk!(
        "INSERT INTO gate_installs (gate_id, install_id)
         SELECT x.gate_id, x.install_id
         FROM ",
        (0 gate_id BIGINT, 1 install_id BIGINT),
        " WHERE true
          ON CONFLICT (gate_id, install_id) DO NOTHING"
    );
    if pairs.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = pairs.iter().map(|(gate, install)| (gate.0, install.0)).collect();
    sql("noting which installs gates of users wait for", SET).bind(json(&rows)?).run(tx).await?;
    Ok(())
}

/// The steps of the gates of users whose last install is among these that have ended.
pub(super) async fn ended_with(
    db: &mut Db,
    ended: impl Iterator<Item = InstallId>,
) -> Result<Vec<Shift>, StoreError> {
    const FIND: Sql = bulk!(
        "SELECT DISTINCT g.id, i.id, i.state, i.code
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN gate_installs l
          CROSS JOIN gates g
          CROSS JOIN gate_installs m
          CROSS JOIN installs i
          WHERE l.install_id = x.id
            AND g.id = l.gate_id
            AND g.state = 'installing'
            AND m.gate_id = g.id
            AND i.id = m.install_id
          ORDER BY g.id, i.id"
    );
    let rows: Vec<_> = ended.map(|id| (id.0,)).collect();
    let found = sql("looking for gates of users that wait for installs", FIND)
        .bind(json(&rows)?)
        .all(db, |row| {
            let state = word("installs.state", &row.at::<String>(2)?, InstallState::from_text)?;
            Ok((GateId(row.at(0)?), state, row.at::<Option<String>>(3)?))
        })
        .await?;
    let mut by_gate: BTreeMap<GateId, Vec<(InstallState, Option<String>)>> = BTreeMap::new();
    for (gate, state, code) in found {
        by_gate.entry(gate).or_default().push((state, code));
    }
    Ok(by_gate.into_iter().filter_map(|(gate, installs)| last_step(gate, &installs)).collect())
}

/// The end of a gate all of whose installs have ended, with the reason of the first that failed.
fn last_step(id: GateId, installs: &[(InstallState, Option<String>)]) -> Option<Shift> {
    let states: Vec<InstallState> = installs.iter().map(|(state, _)| *state).collect();
    let to = after_installs(&states)?;
    let failed = installs.iter().find(|(state, _)| *state != InstallState::Installed);
    let code = failed.and_then(|(_, code)| code.clone());
    Some(Shift { id, from: GateState::Installing, to, code, number: None })
}

/// Gates with how the installs stand on the devices of their persons.
pub(super) async fn with_devices(db: &mut Db, mut gates: Vec<Gate>) -> Result<Vec<Gate>, StoreError> {
    const FIND: Sql = bulk!(
        "SELECT l.gate_id, d.serial, i.state, i.code
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN gate_installs l
          CROSS JOIN installs i
          CROSS JOIN devices d
          WHERE l.gate_id = x.id AND i.id = l.install_id AND d.id = i.device_id
          ORDER BY l.gate_id, d.serial"
    );
    let rows: Vec<_> =
        gates.iter().filter(|gate| !gate.holder.is_device()).map(|gate| (gate.id.0,)).collect();
    if rows.is_empty() {
        return Ok(gates);
    }
    let found = sql("reading the installs of gates of users", FIND)
        .bind(json(&rows)?)
        .all(db, |row| {
            let state = word("installs.state", &row.at::<String>(2)?, InstallState::from_text)?;
            Ok((GateId(row.at(0)?), OnDevice { serial: row.at(1)?, state, code: row.at(3)? }))
        })
        .await?;
    let mut by_gate: HashMap<GateId, Vec<OnDevice>> = HashMap::new();
    for (gate, device) in found {
        by_gate.entry(gate).or_default().push(device);
    }
    for gate in &mut gates {
        gate.devices = by_gate.remove(&gate.id).unwrap_or_default();
    }
    Ok(gates)
}
