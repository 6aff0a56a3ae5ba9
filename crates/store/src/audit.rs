//! Who changed what, and when.

use russet_domain::Timestamp;

use crate::codec::{int, json, time};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number; later lines have higher ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who: an API key by number and name, or a part of the program.
    pub actor: String,
    /// What was done, as `token.renew`.
    pub action: String,
    /// What it was done to, as `token 7`.
    pub subject: String,
    /// A JSON object; never a secret.
    pub detail: String,
}

/// Writes a line, in the transaction of what it tells of.
///
/// # Errors
/// As any statement.
pub async fn write(
    tx: &mut Tx,
    actor: &str,
    action: &str,
    subject: &str,
    detail: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "writing the audit log",
        "INSERT INTO audit (at, actor, action, subject, detail)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(now.0)
    .bind(actor)
    .bind(action)
    .bind(subject)
    .bind(detail)
    .run(tx)
    .await?;
    Ok(())
}

/// A line to be written.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Who: an API key by number and name.
    pub actor: String,
    /// What it was done to, as `token 7`.
    pub subject: String,
    /// A JSON object; never a secret.
    pub detail: String,
}

/// Writes a line for each of many things that were done in the same way, in one statement.
///
/// # Errors
/// As any statement.
pub async fn write_many(
    tx: &mut Tx,
    action: &str,
    entries: &[NewEntry],
    now: Timestamp,
) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO audit (at, actor, action, subject, detail)
         SELECT $2, x.actor, $3, x.subject, x.detail
         FROM ",
        (0 place BIGINT, 1 actor TEXT, 2 subject TEXT, 3 detail TEXT),
        " ORDER BY x.place"
    );
    let rows: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(place, entry)| (place, &entry.actor, &entry.subject, &entry.detail))
        .collect();
    sql("writing the audit log", WRITE).bind(json(&rows)?).bind(now.0).bind(action).run(tx).await?;
    Ok(())
}

/// Lines, the newest first, before a number: all, or those about one subject. Costs a look at all of them then.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    subject: Option<&str>,
    limit: usize,
    after: Option<i64>,
) -> Result<Vec<Entry>, StoreError> {
    sql(
        "reading the audit log",
        "SELECT id, at, actor, action, subject, detail
         FROM audit
         WHERE id < $1 AND ($3 IS NULL OR subject = $3)
         ORDER BY id DESC
         LIMIT $2",
    )
    .bind(after.unwrap_or(i64::MAX))
    .bind(int(limit))
    .bind(subject)
    .all(db, |row| {
        Ok(Entry {
            id: row.get("id")?,
            at: time(row, "at")?,
            actor: row.get("actor")?,
            action: row.get("action")?,
            subject: row.get("subject")?,
            detail: row.get("detail")?,
        })
    })
    .await
}
