//! What is watched over all tokens: their states, when they expire, and which are to be probed.

use russet_domain::token::TokenState;
use russet_domain::{Timestamp, TokenId};

use crate::codec::{count, int, json, time, word_in};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// Tokens in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn ids(db: &mut Db, limit: usize, after: Option<TokenId>) -> Result<Vec<TokenId>, StoreError> {
    sql("listing tokens", "SELECT id FROM tokens WHERE id > $1 AND NOT removing ORDER BY id LIMIT $2")
        .bind(after.map_or(0, |after| after.0))
        .bind(int(limit))
        .all(db, |row| row.get("id").map(TokenId))
        .await
}

/// How many tokens are in each state; states that no token is in are missing.
///
/// # Errors
/// As any statement.
pub async fn by_state(db: &mut Db) -> Result<Vec<(TokenState, u64)>, StoreError> {
    sql(
        "counting tokens by state",
        "SELECT state, count(*) AS found FROM tokens GROUP BY state ORDER BY state",
    )
    .all(db, |row| Ok((word_in(row, "state", TokenState::from_text)?, row.get("found").map(count)?)))
    .await
}

/// When a token expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The token.
    pub id: TokenId,
    /// What it is good for.
    pub state: TokenState,
    /// When its year is over.
    pub expires_at: Timestamp,
}

/// When the tokens expire, the soonest first.
///
/// # Errors
/// As any statement.
pub async fn expiries(db: &mut Db, limit: usize) -> Result<Vec<Expiry>, StoreError> {
    sql(
        "looking up when tokens expire",
        "SELECT id, state, expires_at FROM tokens ORDER BY expires_at, id LIMIT $1",
    )
    .bind(int(limit))
    .all(db, |row| {
        Ok(Expiry {
            id: TokenId(row.get("id")?),
            state: word_in(row, "state", TokenState::from_text)?,
            expires_at: time(row, "expires_at")?,
        })
    })
    .await
}

/// Tells tokens that work and expire by `soon` from those that do not, in the column that lists, doctor and metrics
/// read. Tells how many changed.
///
/// # Errors
/// As any statement.
pub async fn mark_expiring(tx: &mut Tx, soon: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
    sql(
        "telling which tokens expire soon",
        "UPDATE tokens
         SET state = CASE WHEN expires_at <= $1 THEN $2 ELSE $3 END,
             state_reason = NULL,
             state_since = $4,
             updated_at = $4
         WHERE (state = $3 AND expires_at <= $1) OR (state = $2 AND expires_at > $1)",
    )
    .bind(soon.0)
    .bind(TokenState::ExpiresSoon.as_str())
    .bind(TokenState::Valid.as_str())
    .bind(now.0)
    .run(tx)
    .await
}

/// Notes that tokens are to be probed now, in one statement. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn set_probes_due(tx: &mut Tx, tokens: &[TokenId], now: Timestamp) -> Result<(), StoreError> {
    const DUE: Sql = bulk!(
        "UPDATE tokens SET probe_due_at = $2 FROM ",
        (0 id BIGINT),
        " WHERE tokens.id = x.id AND tokens.probe_due_at IS NULL"
    );
    let rows: Vec<_> = tokens.iter().map(|token| (token.0,)).collect();
    sql("noting that tokens are to be probed", DUE).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(())
}

/// Tokens that are to be probed and were not yet.
///
/// # Errors
/// As any statement.
pub async fn probe_due(db: &mut Db, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for tokens to probe",
        "SELECT id FROM tokens WHERE probe_due_at IS NOT NULL ORDER BY id LIMIT $1",
    )
    .bind(int(limit))
    .all(db, |row| row.get("id").map(TokenId))
    .await
}

/// Tokens whose year has ended since Apple was last asked about them: they are worth a look before the next day.
///
/// # Errors
/// As any statement.
pub async fn overdue_to_probe(db: &mut Db, now: Timestamp, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    let rows = sql(
        "looking for tokens whose year is over",
        "SELECT id, state
         FROM tokens
         WHERE expires_at <= $1
           AND coalesce(checked_at, 0) < expires_at
           AND probe_due_at IS NULL
           AND state NOT IN ('new', 'expired', 'invalid')
         ORDER BY id
         LIMIT $2",
    )
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| row.get("id").map(TokenId))
    .await?;
    Ok(rows)
}

/// Notes that a token was probed.
///
/// # Errors
/// As any statement.
pub async fn probed(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting that a token was probed",
        "UPDATE tokens SET probe_due_at = NULL, checked_at = $2 WHERE id = $1",
    )
    .bind(id.0)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}
