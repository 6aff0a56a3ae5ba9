//! Opens gates whose licenses have come, and has the apps installed where that is wanted.

use std::collections::{HashMap, HashSet};

use russet_domain::change::State;
use russet_domain::gate::{GateState, after_change};
use russet_domain::{DeviceId, GateId, InstallId, JobId, Timestamp, TokenId};

use super::persons;
use super::steps::{Shift, Waiting, end_with_installs, set_installs, shift, waiting, waiting_of_jobs};
use crate::engine::Tx;
use crate::error::StoreError;
use crate::installs::{self, Wanted};

/// What came of looking at gates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// How many were looked at.
    pub looked: usize,
    /// Whether there is something to install.
    pub installs: bool,
}

/// Takes a token's gates as far as their licenses have got, at most `limit`. The caller holds the token's lock. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn open(tx: &mut Tx, token: TokenId, limit: usize, now: Timestamp) -> Result<Opened, StoreError> {
    let waiting = waiting(tx, token, limit).await?;
    open_these(tx, token, &waiting, now).await
}

/// As [`open`], for the gates of jobs that were just written. The caller holds the token's lock.
pub(super) async fn open_of_jobs(
    tx: &mut Tx,
    token: TokenId,
    jobs: &[JobId],
    now: Timestamp,
) -> Result<Opened, StoreError> {
    let waiting = waiting_of_jobs(tx, jobs).await?;
    open_these(tx, token, &waiting, now).await
}

async fn open_these(
    tx: &mut Tx,
    token: TokenId,
    waiting: &[Waiting],
    now: Timestamp,
) -> Result<Opened, StoreError> {
    let devices = devices_of(tx, waiting).await?;
    let has_any = |gate: GateId| devices.contains_key(&gate);
    let shifts: Vec<Shift> =
        waiting.iter().filter_map(|waiting| step(waiting, has_any(waiting.id))).collect();
    shift(tx, &shifts, now).await?;
    let installs = install(tx, token, waiting, &shifts, &devices, now).await?;
    Ok(Opened { looked: waiting.len(), installs })
}

/// The devices that the apps of gates go onto: the one that is to hold the license, or those of the person who is.
async fn devices_of(tx: &mut Tx, waiting: &[Waiting]) -> Result<HashMap<GateId, Vec<DeviceId>>, StoreError> {
    let mut devices: HashMap<GateId, Vec<DeviceId>> =
        waiting.iter().filter_map(|waiting| Some((waiting.id, vec![waiting.device?]))).collect();
    let of_users = waiting.iter().filter(|waiting| waiting.install && waiting.change == State::Settled);
    for (gate, device) in persons::devices_of(tx, of_users).await? {
        devices.entry(gate).or_default().push(device);
    }
    Ok(devices)
}

fn step(waiting: &Waiting, has_device: bool) -> Option<Shift> {
    let to = after_change(waiting.state, waiting.change, waiting.install)?;
    let (to, code) = match to {
        // What is in no directory cannot be installed on; whoever asked is told that the license is there.
        GateState::Installing if !has_device => {
            let code = if waiting.holder.is_device() { "no_connector" } else { "no_device" };
            (GateState::Ready, Some(code.to_owned()))
        }
        GateState::Refused | GateState::Cancelled => (to, waiting.code.clone()),
        GateState::Licensing
        | GateState::Waitlisted
        | GateState::Ready
        | GateState::Installing
        | GateState::Installed
        | GateState::Failed => (to, None),
    };
    let number = waiting.number.filter(|_| to == GateState::Refused);
    Some(Shift { id: waiting.id, from: waiting.state, to, code, number })
}

/// Has the apps installed that holders are ready for. Tells whether there are any.
async fn install(
    tx: &mut Tx,
    token: TokenId,
    waiting: &[Waiting],
    shifts: &[Shift],
    devices: &HashMap<GateId, Vec<DeviceId>>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ready: HashSet<GateId> =
        shifts.iter().filter(|shift| shift.to == GateState::Installing).map(|shift| shift.id).collect();
    let (mut wanted, mut asked) = (Vec::new(), Vec::new());
    for waiting in waiting.iter().filter(|waiting| ready.contains(&waiting.id)) {
        for device in devices.get(&waiting.id).into_iter().flatten() {
            asked.push((waiting, (waiting.asset, *device)));
            wanted.push(Wanted {
                asset: waiting.asset,
                device: *device,
                bundle_id: None,
                target: None,
                before: None,
                due: now,
                window: None,
            });
        }
    }
    if wanted.is_empty() {
        return Ok(false);
    }
    installs::want(tx, token, None, &wanted, now).await?;
    let installs = installs::wanted_now(tx, &wanted, now).await?;
    let found = asked.iter().filter_map(|(gate, key)| Some((*gate, *installs.get(key)?)));
    let (of_devices, of_users): (Vec<_>, Vec<_>) = found.partition(|(gate, _)| gate.holder.is_device());
    let pairs = |found: Vec<(&Waiting, InstallId)>| -> Vec<(GateId, InstallId)> {
        found.into_iter().map(|(gate, install)| (gate.id, install)).collect()
    };
    let (of_devices, of_users) = (pairs(of_devices), pairs(of_users));
    set_installs(tx, &of_devices).await?;
    persons::set_installs(tx, &of_users).await?;
    end_with_installs(tx, &[of_devices, of_users].concat(), now).await?;
    Ok(true)
}
