//! Who had claimed a location before it was taken by an order.

use russet_domain::token::MdmInfo;
use russet_domain::{JobId, Timestamp, TokenId};

use crate::codec::{int, maybe_time, time};
use crate::engine::{Db, Row, Tx, sql};
use crate::error::StoreError;

/// One taking of a location from another MDM server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeOver {
    /// The job that ordered it.
    pub job: JobId,
    /// Who had the location before.
    pub other: MdmInfo,
    /// Who ordered it: an API key by number and name.
    pub ordered_by: String,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When Apple showed that the location is ours; nothing while that is not sure, or never came to be.
    pub taken_at: Option<Timestamp>,
}

/// Writes down who has the location, before it is taken. May be repeated: whoever had it last counts.
///
/// # Errors
/// As any statement.
pub async fn begin(tx: &mut Tx, token: TokenId, new: &TakeOver) -> Result<(), StoreError> {
    sql(
        "noting who had a location",
        "INSERT INTO take_overs (token_id, job_id, other_id, other_name, other_metadata, ordered_by, ordered_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (job_id) DO UPDATE
         SET other_id = excluded.other_id,
             other_name = excluded.other_name,
             other_metadata = excluded.other_metadata",
    )
    .bind(token.0)
    .bind(new.job.0)
    .bind(new.other.id.as_str())
    .bind(new.other.name.as_str())
    .bind(new.other.metadata.as_str())
    .bind(new.ordered_by.as_str())
    .bind(new.ordered_at.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that the location is ours, as a job ordered.
///
/// # Errors
/// As any statement.
pub async fn taken(tx: &mut Tx, job: JobId, now: Timestamp) -> Result<(), StoreError> {
    sql("noting a take-over", "UPDATE take_overs SET taken_at = $2 WHERE job_id = $1 AND taken_at IS NULL")
        .bind(job.0)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

/// What a job took, or was about to take.
///
/// # Errors
/// As any statement.
pub async fn of_job(db: &mut Db, job: JobId) -> Result<Option<TakeOver>, StoreError> {
    sql(
        "reading a take-over",
        "SELECT job_id, other_id, other_name, other_metadata, ordered_by, ordered_at, taken_at
         FROM take_overs
         WHERE job_id = $1",
    )
    .bind(job.0)
    .maybe(db, take_over)
    .await
}

/// A token's, the newest first, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn of_token(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<TakeOver>, StoreError> {
    sql(
        "listing take-overs",
        "SELECT job_id, other_id, other_name, other_metadata, ordered_by, ordered_at, taken_at
         FROM take_overs
         WHERE token_id = $1
         ORDER BY id DESC
         LIMIT $2",
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, take_over)
    .await
}

fn take_over(row: &Row) -> Result<TakeOver, StoreError> {
    Ok(TakeOver {
        job: JobId(row.get("job_id")?),
        other: MdmInfo {
            id: row.get("other_id")?,
            name: row.get("other_name")?,
            metadata: row.get("other_metadata")?,
        },
        ordered_by: row.get("ordered_by")?,
        ordered_at: time(row, "ordered_at")?,
        taken_at: maybe_time(row, "taken_at")?,
    })
}
