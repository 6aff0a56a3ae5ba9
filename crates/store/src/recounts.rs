//! Products whose counts have to be read from Apple again.

use russet_domain::{Timestamp, TokenId};

use crate::codec::{int, json};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// What stands for all of a location's products.
const ALL: &str = "";

/// What is to be counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// All of the location's products.
    All,
    /// One product, in every quality.
    Product(String),
}

impl Subject {
    fn column(&self) -> &str {
        match self {
            Self::All => ALL,
            Self::Product(adam_id) => adam_id,
        }
    }
}

/// Notes that a token's products are to be counted. May be repeated: a later note keeps the later time.
///
/// # Errors
/// As any statement.
pub async fn ask(
    tx: &mut Tx,
    token: TokenId,
    subjects: &[Subject],
    now: Timestamp,
) -> Result<(), StoreError> {
    const ASK: Sql = bulk!(
        "INSERT INTO recounts (token_id, adam_id, asked_at)
         SELECT $2, x.adam_id, $3
         FROM ",
        (0 adam_id TEXT),
        " WHERE true
         ON CONFLICT (token_id, adam_id) DO UPDATE SET asked_at = excluded.asked_at"
    );
    let mut rows: Vec<(&str,)> = subjects.iter().map(|subject| (subject.column(),)).collect();
    rows.sort_unstable();
    rows.dedup();
    if rows.is_empty() {
        return Ok(());
    }
    sql("noting what is to be counted", ASK).bind(json(&rows)?).bind(token.0).bind(now.0).run(tx).await?;
    Ok(())
}

/// What is to be counted for a token, what was asked for first in front, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn open(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<Subject>, StoreError> {
    sql(
        "looking for what is to be counted",
        "SELECT adam_id FROM recounts WHERE token_id = $1 ORDER BY asked_at, adam_id LIMIT $2",
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, |row| {
        let adam_id: String = row.get("adam_id")?;
        Ok(if adam_id == ALL { Subject::All } else { Subject::Product(adam_id) })
    })
    .await
}

/// Notes that one product was counted by a reading that began at `began`. What was asked for later stays.
///
/// # Errors
/// As any statement.
pub async fn done(
    tx: &mut Tx,
    token: TokenId,
    subject: &Subject,
    began: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "noting what was counted",
        "DELETE FROM recounts WHERE token_id = $1 AND adam_id = $2 AND asked_at <= $3",
    )
    .bind(token.0)
    .bind(subject.column())
    .bind(began.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that everything was counted by a reading that began at `began`. What was asked for later stays.
///
/// # Errors
/// As any statement.
pub async fn all_done(tx: &mut Tx, token: TokenId, began: Timestamp) -> Result<(), StoreError> {
    sql("noting that all was counted", "DELETE FROM recounts WHERE token_id = $1 AND asked_at <= $2")
        .bind(token.0)
        .bind(began.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Tokens of which something is to be counted.
///
/// # Errors
/// As any statement.
pub async fn tokens_with_some(db: &mut Db, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for tokens to count for",
        "SELECT DISTINCT token_id FROM recounts ORDER BY token_id LIMIT $1",
    )
    .bind(int(limit))
    .all(db, |row| row.get("token_id").map(TokenId))
    .await
}
