//! Finds work that nobody has moved, so that a lost message costs seconds and not a license.

use russet_domain::job::JobKind;
use russet_domain::token::TokenState;
use russet_domain::{Timestamp, TokenId};

use crate::codec::int;
use crate::engine::{Db, sql};
use crate::error::StoreError;

pub use crate::moves::due as jobs_with_due_moves;
pub use crate::notifications::tokens_with_unread;
pub use crate::recounts::tokens_with_some as tokens_to_recount;
pub use crate::requests::open_older_than;
pub use crate::tokens::{overdue_to_probe, probe_due};

/// Tokens that have changes to send now, or licenses free for who waits.
///
/// # Errors
/// As any statement.
pub async fn tokens_with_sendable(
    db: &mut Db,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for tokens with changes to send",
        "SELECT id
         FROM tokens
         WHERE EXISTS (
             SELECT 1
             FROM changes c
             WHERE c.token_id = tokens.id AND c.state = 'planned' AND c.slot = 0 AND c.not_before <= $1)
            OR (EXISTS (SELECT 1 FROM changes c WHERE c.token_id = tokens.id AND c.state = 'waitlisted')
              AND (tokens.state = 'handed_over'
                OR EXISTS (
                    SELECT 1
                    FROM assets a
                    WHERE a.token_id = tokens.id
                      AND a.available > a.reserved
                      AND EXISTS (
                          SELECT 1
                          FROM changes c
                          WHERE c.token_id = a.token_id AND c.asset_id = a.id AND c.state = 'waitlisted'))))
         ORDER BY id
         LIMIT $2",
    )
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| row.get("id").map(TokenId))
    .await
}

/// Tokens that have wishes for users to send now, or users whose records are to be read.
///
/// # Errors
/// As any statement.
pub async fn tokens_with_users_to_do(
    db: &mut Db,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for tokens with users to send or read",
        "SELECT id
         FROM tokens
         WHERE EXISTS (
             SELECT 1 FROM users u WHERE u.token_id = tokens.id AND u.work = 'planned' AND u.not_before <= $1)
            OR EXISTS (SELECT 1 FROM users u WHERE u.token_id = tokens.id AND u.unread)
         ORDER BY id
         LIMIT $2",
    )
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| row.get("id").map(TokenId))
    .await
}

/// Tokens that count as duplicates of one that is no longer there: they may take its place.
///
/// # Errors
/// As any statement.
pub async fn duplicates_of_none(db: &mut Db, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for duplicates that are none any more",
        "SELECT id
         FROM tokens
         WHERE state = $1
           AND NOT EXISTS (
             SELECT 1
             FROM tokens older
             WHERE older.uid = tokens.uid AND older.id < tokens.id)
         ORDER BY id
         LIMIT $2",
    )
    .bind(TokenState::Duplicate.as_str())
    .bind(int(limit))
    .all(db, |row| row.get("id").map(TokenId))
    .await
}

/// Tokens that have a new content waiting to be tried.
///
/// # Errors
/// As any statement.
pub async fn tokens_with_pending(db: &mut Db, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for tokens to renew",
        "SELECT id
         FROM tokens
         WHERE pending_content IS NOT NULL
         ORDER BY id
         LIMIT $1",
    )
    .bind(int(limit))
    .all(db, |row| row.get("id").map(TokenId))
    .await
}

/// Tokens that have jobs of a kind not ended.
///
/// # Errors
/// As any statement.
pub async fn tokens_with_open(db: &mut Db, kind: JobKind, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for tokens with open jobs",
        "SELECT id
         FROM tokens
         WHERE EXISTS (
             SELECT 1
             FROM jobs j
             WHERE j.token_id = tokens.id AND j.kind = $1 AND j.state IN ('queued', 'running'))
         ORDER BY id
         LIMIT $2",
    )
    .bind(kind.as_str())
    .bind(int(limit))
    .all(db, |row| row.get("id").map(TokenId))
    .await
}

/// Tokens that Apple has not been asked about yet, and those with a renewal that waits for Apple's word.
///
/// # Errors
/// As any statement.
pub async fn new_tokens(db: &mut Db, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for new tokens",
        "SELECT id
         FROM tokens
         WHERE state = $1 OR pending_expires_at IS NOT NULL
         ORDER BY id
         LIMIT $2",
    )
    .bind(TokenState::New.as_str())
    .bind(int(limit))
    .all(db, |row| row.get("id").map(TokenId))
    .await
}

/// Tokens about to be deleted.
///
/// # Errors
/// As any statement.
pub async fn removing_tokens(db: &mut Db, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql("looking for tokens to remove", "SELECT id FROM tokens WHERE removing ORDER BY id LIMIT $1")
        .bind(int(limit))
        .all(db, |row| row.get("id").map(TokenId))
        .await
}
