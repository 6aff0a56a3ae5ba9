//! Deletes a token with everything that hangs on it.

use russet_domain::change::State;
use russet_domain::{Timestamp, TokenId};

use crate::engine::{Tx, sql};
use crate::error::StoreError;
use crate::jobs;

/// Deletes a token, its assets, licenses, assignments, policies, changes, installs, gates, users,
/// requests, walks, take-overs and notifications (rule S-14). Its jobs stay, with
/// their counts, and those not ended end: what was not settled is refused with the code `token_removed`. Nothing is
/// revoked at Apple.
///
/// Costs time by the number of licenses, in one transaction.
///
/// # Errors
/// As any statement. A token that is gone already is none.
pub async fn delete(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    match super::lock(tx, id).await {
        Ok(()) => {}
        Err(StoreError::Missing(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    jobs::end_with_token(tx, id, State::Refused, "token_removed", now).await?;
    for statement in DELETES {
        sql("deleting what hangs on a token", *statement).bind(id.0).run(tx).await?;
    }
    Ok(())
}

/// In the order that foreign keys allow.
const DELETES: &[&str] = &[
    "DELETE FROM job_installs WHERE install_id IN (SELECT id FROM installs WHERE token_id = $1)",
    "DELETE FROM installs WHERE token_id = $1",
    "DELETE FROM gate_installs WHERE gate_id IN (SELECT id FROM gates WHERE token_id = $1)",
    "DELETE FROM gates WHERE token_id = $1",
    "DELETE FROM gate_orders WHERE token_id = $1",
    "DELETE FROM rollouts WHERE token_id = $1",
    "DELETE FROM moves WHERE job_id IN (SELECT id FROM jobs WHERE token_id = $1 AND kind = 'move_license')",
    "DELETE FROM move_orders WHERE job_id IN (SELECT id FROM jobs WHERE token_id = $1 AND kind = 'move_license')",
    "DELETE FROM job_changes WHERE change_id IN (SELECT id FROM changes WHERE token_id = $1)",
    "DELETE FROM changes WHERE token_id = $1",
    "DELETE FROM requests WHERE token_id = $1",
    "DELETE FROM notifications WHERE token_id = $1",
    "DELETE FROM recounts WHERE token_id = $1",
    "DELETE FROM walks WHERE token_id = $1",
    "DELETE FROM take_overs WHERE token_id = $1",
    "DELETE FROM assignment_exclusions
     WHERE assignment_id IN (SELECT id FROM assignments WHERE token_id = $1)",
    "DELETE FROM assignments WHERE token_id = $1",
    "DELETE FROM entitlements WHERE asset_id IN (SELECT id FROM assets WHERE token_id = $1)",
    "DELETE FROM app_requests WHERE asset_id IN (SELECT id FROM assets WHERE token_id = $1)",
    "DELETE FROM pins WHERE asset_id IN (SELECT id FROM assets WHERE token_id = $1)",
    "DELETE FROM token_policies WHERE token_id = $1",
    "DELETE FROM licenses WHERE asset_id IN (SELECT id FROM assets WHERE token_id = $1)",
    "DELETE FROM assets WHERE token_id = $1",
    "DELETE FROM job_users WHERE user_id IN (SELECT id FROM users WHERE token_id = $1)",
    "DELETE FROM users WHERE token_id = $1",
    "DELETE FROM retirements WHERE token_id = $1",
    "DELETE FROM user_lists WHERE token_id = $1",
    "DELETE FROM tokens WHERE id = $1",
];
