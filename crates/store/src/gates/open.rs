//! Opens gates whose licenses have come, and has the apps installed where that is wanted.

use std::collections::HashSet;

use russet_domain::gate::{GateState, after_change};
use russet_domain::{GateId, InstallId, JobId, Timestamp, TokenId};

use super::steps::{
    Shift, Waiting, end_with_installs, set_installs, shift, waiting, waiting_of_jobs,
};
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
    let shifts: Vec<Shift> = waiting.iter().filter_map(step).collect();
    shift(tx, &shifts, now).await?;
    let installs = install(tx, token, waiting, &shifts, now).await?;
    Ok(Opened { looked: waiting.len(), installs })
}

fn step(waiting: &Waiting) -> Option<Shift> {
    let to = after_change(waiting.state, waiting.change, waiting.install)?;
    let (to, code) = match to {
        // What is in no directory cannot be installed on; whoever asked is told that the license is there.
        GateState::Installing if waiting.device.is_none() => {
            (GateState::Ready, Some("no_connector".to_owned()))
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
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ready: HashSet<GateId> =
        shifts.iter().filter(|shift| shift.to == GateState::Installing).map(|shift| shift.id).collect();
    let (mut wanted, mut asked) = (Vec::new(), Vec::new());
    for waiting in waiting.iter().filter(|waiting| ready.contains(&waiting.id)) {
        let Some(device) = waiting.device else { continue };
        asked.push((waiting.id, (waiting.asset, device)));
        wanted.push(Wanted {
            asset: waiting.asset,
            device,
            bundle_id: None,
            target: None,
            before: None,
            due: now,
        });
    }
    if wanted.is_empty() {
        return Ok(false);
    }
    installs::want(tx, token, None, &wanted, now).await?;
    let found = installs::wanted_now(tx, &wanted, now).await?;
    let pairs: Vec<(GateId, InstallId)> =
        asked.iter().filter_map(|(gate, key)| Some((*gate, *found.get(key)?))).collect();
    set_installs(tx, &pairs).await?;
    end_with_installs(tx, &pairs, now).await?;
    Ok(true)
}
