//! How far a location's list of users was read.

use russet_domain::{Timestamp, TokenId};

use crate::codec::maybe_time;
use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;

/// What is known of a location's list of users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserList {
    /// Apple's version of it as last read; later readings can ask for what changed since.
    pub version: Option<String>,
    /// When it was last read whole; never: then nothing is taken for granted about who is known to Apple.
    pub read_whole_at: Option<Timestamp>,
}

/// What is known of a token's list.
///
/// # Errors
/// As any statement.
pub async fn user_list(db: &mut Db, token: TokenId) -> Result<UserList, StoreError> {
    let found = sql(
        "reading how far users were read",
        "SELECT version_id, read_whole_at FROM user_lists WHERE token_id = $1",
    )
    .bind(token.0)
    .maybe(db, |row| {
        Ok(UserList { version: row.get("version_id")?, read_whole_at: maybe_time(row, "read_whole_at")? })
    })
    .await?;
    Ok(found.unwrap_or_default())
}

/// Notes that the list was read to its end: which version it had on its first page, and whether it was the whole list.
///
/// # Errors
/// As any statement.
pub async fn read_list(
    tx: &mut Tx,
    token: TokenId,
    version: Option<&str>,
    whole: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "noting how far users were read",
        "INSERT INTO user_lists (token_id, version_id, read_whole_at)
         VALUES ($1, $2, $3)
         ON CONFLICT (token_id) DO UPDATE
         SET version_id = coalesce(excluded.version_id, user_lists.version_id),
             read_whole_at = coalesce(excluded.read_whole_at, user_lists.read_whole_at)",
    )
    .bind(token.0)
    .bind(version)
    .bind(whole.then_some(now.0))
    .run(tx)
    .await?;
    Ok(())
}
