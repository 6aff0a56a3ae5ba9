//! Syncs that are asked for from inside: by another job that waits for them, or for a token that is back at work.

use russet_domain::job::{JobKind, Priority};
use russet_domain::{JobId, Timestamp, TokenId};

use super::{Job, NewJob, Origin, find, insert};
use crate::engine::{Tx, sql};
use crate::error::StoreError;

/// The full sync that a job waits for, asked for by the first call: what is read by it was so after the job began.
///
/// # Errors
/// As any statement.
pub async fn sync_for(tx: &mut Tx, waiting: &Job, token: TokenId, now: Timestamp) -> Result<Job, StoreError> {
    let known = sql("looking for a job's sync", "SELECT sync_job_id FROM job_syncs WHERE job_id = $1")
        .bind(waiting.id.0)
        .maybe(tx, |row| row.get("sync_job_id").map(JobId))
        .await?;
    let id = match known {
        Some(id) => id,
        None => ask_for(tx, waiting, token, now).await?,
    };
    find(tx, id).await?.ok_or_else(|| StoreError::Missing(format!("job {id}")))
}

async fn ask_for(tx: &mut Tx, waiting: &Job, token: TokenId, now: Timestamp) -> Result<JobId, StoreError> {
    let new = NewJob {
        kind: JobKind::SyncToken,
        token,
        priority: Priority::High,
        origin: waiting.origin,
        key: waiting.key,
        args: r#"{"mode":"full"}"#.to_owned(),
        notes: format!(r#"["Job {} asked for it and waits for its end."]"#, waiting.id),
        line: None,
    };
    let id = insert(tx, &new, now).await?;
    sql("noting a job's sync", "INSERT INTO job_syncs (job_id, sync_job_id) VALUES ($1, $2)")
        .bind(waiting.id.0)
        .bind(id.0)
        .run(tx)
        .await?;
    Ok(id)
}

/// Writes a full sync that nobody asked for by hand, such as that of a token that has just come back to work.
///
/// # Errors
/// As any statement.
pub async fn insert_sync(tx: &mut Tx, token: TokenId, now: Timestamp) -> Result<JobId, StoreError> {
    let new = NewJob {
        kind: JobKind::SyncToken,
        token,
        priority: Priority::Normal,
        origin: Origin::Schedule,
        key: None,
        args: r#"{"mode":"full"}"#.to_owned(),
        notes: "[]".to_owned(),
        line: None,
    };
    insert(tx, &new, now).await
}
