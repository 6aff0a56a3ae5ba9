//! Answers already given, so that a request sent twice is carried out once.

use russet_domain::{KeyId, Timestamp};

use crate::codec::{int, time};
use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;

/// An answer already given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What names the request's content: another content under the same key is a mistake of the client's.
    pub fingerprint: String,
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// When it was given.
    pub created_at: Timestamp,
}

/// The answer given to this API key under this idempotency key.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, key: KeyId, idempotency_key: &str) -> Result<Option<Answer>, StoreError> {
    sql(
        "looking for an answer already given",
        "SELECT fingerprint, status, body, created_at
         FROM idempotency
         WHERE key_id = $1 AND idempotency_key = $2",
    )
    .bind(key.0)
    .bind(idempotency_key)
    .maybe(db, |row| {
        Ok(Answer {
            fingerprint: row.get("fingerprint")?,
            status: u16::try_from(row.get::<i64>("status")?).unwrap_or(500),
            body: row.get("body")?,
            created_at: time(row, "created_at")?,
        })
    })
    .await
}

/// Keeps an answer, in the transaction of what it answers for. Tells whether it was kept: if not, somebody else has
/// answered meanwhile; then drop the transaction and give [`find`]'s answer.
///
/// # Errors
/// As any statement.
pub async fn insert(
    tx: &mut Tx,
    key: KeyId,
    idempotency_key: &str,
    answer: &Answer,
) -> Result<bool, StoreError> {
    let written = sql(
        "keeping an answer",
        "INSERT INTO idempotency (key_id, idempotency_key, fingerprint, status, body, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (key_id, idempotency_key) DO NOTHING",
    )
    .bind(key.0)
    .bind(idempotency_key)
    .bind(answer.fingerprint.as_str())
    .bind(i64::from(answer.status))
    .bind(answer.body.as_str())
    .bind(answer.created_at.0)
    .run(tx)
    .await?;
    Ok(written > 0)
}

/// Deletes answers given before `before`, at most `limit`; tells how many.
///
/// # Errors
/// As any statement.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    sql(
        "deleting old answers",
        "DELETE FROM idempotency
         WHERE (key_id, idempotency_key) IN (
             SELECT key_id, idempotency_key FROM idempotency WHERE created_at < $1 LIMIT $2)",
    )
    .bind(before.0)
    .bind(int(limit))
    .run(tx)
    .await
}
