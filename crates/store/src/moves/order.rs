//! What a job's moves have in common: who confirms, whom to tell, and when to look again.

use std::time::Duration;

use russet_domain::moving::Confirm;
use russet_domain::{JobId, Timestamp};

use crate::codec::{int, word};
use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;
use crate::sealed::{Callback, MOVE_CALLBACKS};

/// An order to be written.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Who confirms.
    pub confirm: Confirm,
    /// How long a confirmation is waited for.
    pub within: Duration,
    /// Whom to tell.
    pub callback: Option<Callback>,
}

/// An order as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Who confirms.
    pub confirm: Confirm,
    /// How long a confirmation is waited for.
    pub within: Duration,
    /// How often in a row the MDM side could not be told.
    pub tries: u32,
    /// The earliest moment to tell it again.
    pub tell_after: Timestamp,
    /// Why it could not be told last.
    pub last_error: Option<String>,
}

pub(super) async fn insert(
    tx: &mut Tx,
    job: JobId,
    new: &NewOrder,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (sealed_for, sealed) = MOVE_CALLBACKS.seal_callback(&tx.keys(), new.callback.as_ref())?;
    sql(
        "writing what moves have in common",
        "INSERT INTO move_orders (job_id, confirm, confirm_within_ms, sealed_for, callback, due_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(job.0)
    .bind(new.confirm.as_str())
    .bind(i64::try_from(new.within.as_millis()).unwrap_or(i64::MAX))
    .bind(sealed_for)
    .bind(sealed)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// The order of a job that moves licenses.
///
/// # Errors
/// As any statement.
pub async fn order(db: &mut Db, job: JobId) -> Result<Option<Order>, StoreError> {
    sql(
        "reading what moves have in common",
        "SELECT confirm, confirm_within_ms, tries, tell_after, last_error FROM move_orders WHERE job_id = $1",
    )
    .bind(job.0)
    .maybe(db, |row| {
        Ok(Order {
            confirm: word("move_orders.confirm", &row.at::<String>(0)?, Confirm::from_text)?,
            within: Duration::from_millis(crate::codec::count(row.at(1)?)),
            tries: u32::try_from(row.at::<i64>(2)?).unwrap_or(u32::MAX),
            tell_after: Timestamp(row.at(3)?),
            last_error: row.at(4)?,
        })
    })
    .await
}

/// Whom to tell of a job's moves.
///
/// # Errors
/// [`StoreError::Keys`] when it does not open.
pub async fn callback(db: &mut Db, job: JobId) -> Result<Option<Callback>, StoreError> {
    MOVE_CALLBACKS.callback(db, job).await
}

/// Notes when a job's moves are to be looked at next; `None` when they have ended.
///
/// # Errors
/// As any statement.
pub async fn set_due(tx: &mut Tx, job: JobId, due: Option<Timestamp>) -> Result<(), StoreError> {
    sql("noting when to look at moves", "UPDATE move_orders SET due_at = $2 WHERE job_id = $1")
        .bind(job.0)
        .bind(due.map(|due| due.0))
        .run(tx)
        .await?;
    Ok(())
}

/// Notes that the MDM side could not be told, and when to try again.
///
/// # Errors
/// As any statement.
pub async fn tell_again(tx: &mut Tx, job: JobId, after: Timestamp, why: &str) -> Result<(), StoreError> {
    sql(
        "noting that the MDM side could not be told",
        "UPDATE move_orders SET tries = tries + 1, tell_after = $2, last_error = $3 WHERE job_id = $1",
    )
    .bind(job.0)
    .bind(after.0)
    .bind(why)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that the MDM side was told.
///
/// # Errors
/// As any statement.
pub async fn told_well(tx: &mut Tx, job: JobId) -> Result<(), StoreError> {
    sql(
        "noting that the MDM side was told",
        "UPDATE move_orders SET tries = 0, tell_after = 0, last_error = NULL WHERE job_id = $1",
    )
    .bind(job.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes why the MDM side was given up on.
///
/// # Errors
/// As any statement.
pub async fn note_error(tx: &mut Tx, job: JobId, why: &str) -> Result<(), StoreError> {
    sql(
        "noting why the MDM side was given up on",
        "UPDATE move_orders SET last_error = $2 WHERE job_id = $1",
    )
    .bind(job.0)
    .bind(why)
    .run(tx)
    .await?;
    Ok(())
}

/// Jobs whose moves are to be looked at by now.
///
/// # Errors
/// As any statement.
pub async fn due(db: &mut Db, now: Timestamp, limit: usize) -> Result<Vec<JobId>, StoreError> {
    sql(
        "looking for moves that are due",
        "SELECT job_id FROM move_orders WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2",
    )
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| row.at(0).map(JobId))
    .await
}
