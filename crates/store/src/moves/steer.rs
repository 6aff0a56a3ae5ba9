//! What people and the MDM side do to moves: confirm them, withdraw them, wish for them again.

use russet_domain::moving::MoveState;
use russet_domain::{JobId, Timestamp};

use super::steps::{count_steps, unlink};
use super::{counts, set_due};
use crate::codec::{json, word};
use crate::engine::{Sql, Tx, sql};
use crate::error::StoreError;

/// How installing the app anew went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is installed with the device's license.
    Installed,
    /// It is not; the user keeps the license.
    Failed,
}

/// Writes down what the MDM side says about a job's moves that wait for it: those of these devices, or all. The caller
/// holds the token's lock. Tells how many it was; what does not wait for it is left as it is, so this may be repeated.
///
/// # Errors
/// As any statement.
pub async fn confirm(
    tx: &mut Tx,
    job: JobId,
    devices: Option<&[String]>,
    outcome: Outcome,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const CONFIRM: Sql = Sql {
        sqlite: "
            UPDATE moves
            SET state = $3,
                error_code = $4,
                told_at = coalesce(told_at, $5),
                confirmed_at = CASE WHEN $3 = 'told' THEN $5 END,
                updated_at = $5,
                ended_at = CASE WHEN $3 = 'refused' THEN $5 END
            WHERE job_id = $1
              AND state = 'telling'
              AND ($2 IS NULL OR serial IN (SELECT value FROM json_each($2)))
            RETURNING state",
        postgres: "
            UPDATE moves
            SET state = $3,
                error_code = $4,
                told_at = coalesce(told_at, $5),
                confirmed_at = CASE WHEN $3 = 'told' THEN $5::BIGINT END,
                updated_at = $5,
                ended_at = CASE WHEN $3 = 'refused' THEN $5::BIGINT END
            WHERE job_id = $1
              AND state = 'telling'
              AND ($2::TEXT IS NULL OR serial IN (SELECT jsonb_array_elements_text($2::jsonb)))
            RETURNING state",
    };
    let (to, code) = match outcome {
        Outcome::Installed => (MoveState::Told, None),
        Outcome::Failed => (MoveState::Refused, Some("mdm_failed")),
    };
    let devices = devices.map(json).transpose()?;
    let reached = sql("confirming moves", CONFIRM)
        .bind(job.0)
        .bind(devices)
        .bind(to.as_str())
        .bind(code)
        .bind(now.0)
        .all(tx, |row| word("moves.state", &row.get::<String>("state")?, MoveState::from_text))
        .await?;
    set_due(tx, job, Some(now)).await?;
    count_steps(tx, job, MoveState::Telling, &reached, now).await
}

/// Withdraws a job's moves whose user's license was not touched. A device keeps what it got by then. The caller holds the
/// token's lock. Tells how many it was.
///
/// # Errors
/// As any statement.
pub async fn cancel(tx: &mut Tx, job: JobId, now: Timestamp) -> Result<u64, StoreError> {
    let mut withdrawn = 0;
    for from in MoveState::ALL.into_iter().filter(|state| state.may_be_withdrawn()) {
        withdrawn += all_in(tx, job, from, MoveState::Cancelled, now).await?;
    }
    set_due(tx, job, Some(now)).await?;
    Ok(withdrawn)
}

/// Wishes again for a job's refused moves. What the MDM side has confirmed needs not be confirmed again, unless the device
/// lost its license. The caller holds the token's lock. Tells how many it was.
///
/// # Errors
/// As any statement.
pub async fn retry(tx: &mut Tx, job: JobId, now: Timestamp) -> Result<u64, StoreError> {
    if !counts(tx, job).await?.contains_key(&MoveState::Refused) {
        return Ok(0);
    }
    unlink(tx, job, MoveState::Refused).await?;
    sql(
        "letting moves be confirmed again",
        "UPDATE moves
         SET confirmed_at = CASE WHEN error_code = 'device_license_gone' THEN NULL ELSE confirmed_at END,
             told_at = CASE WHEN error_code = 'device_license_gone' OR confirmed_at IS NULL THEN NULL ELSE told_at END
         WHERE job_id = $1 AND state = 'refused'",
    )
    .bind(job.0)
    .run(tx)
    .await?;
    sql(
        "noting that a cancelled job is wanted again",
        "UPDATE jobs SET cancel_asked_at = NULL WHERE id = $1",
    )
    .bind(job.0)
    .run(tx)
    .await?;
    sql(
        "telling again",
        "UPDATE move_orders SET tries = 0, tell_after = 0, last_error = NULL WHERE job_id = $1",
    )
    .bind(job.0)
    .run(tx)
    .await?;
    let again = all_in(tx, job, MoveState::Refused, MoveState::Planned, now).await?;
    set_due(tx, job, Some(now)).await?;
    Ok(again)
}

/// Takes all moves of a state to another one.
async fn all_in(
    tx: &mut Tx,
    job: JobId,
    from: MoveState,
    to: MoveState,
    now: Timestamp,
) -> Result<u64, StoreError> {
    const ALL: Sql = Sql {
        sqlite: "
            UPDATE moves
            SET state = $3, error_code = $4, error_number = NULL, updated_at = $5, ended_at = CASE WHEN $6 THEN $5 END
            WHERE job_id = $1 AND state = $2
            RETURNING state",
        postgres: "
            UPDATE moves
            SET state = $3, error_code = $4, error_number = NULL, updated_at = $5,
                ended_at = CASE WHEN $6 THEN $5::BIGINT END
            WHERE job_id = $1 AND state = $2
            RETURNING state",
    };
    let code = (to == MoveState::Cancelled).then_some("withdrawn");
    let reached = sql("moving all moves of a state on", ALL)
        .bind(job.0)
        .bind(from.as_str())
        .bind(to.as_str())
        .bind(code)
        .bind(now.0)
        .bind(to.has_ended())
        .all(tx, |row| word("moves.state", &row.get::<String>("state")?, MoveState::from_text))
        .await?;
    count_steps(tx, job, from, &reached, now).await
}
