//! Writes down what Apple's list and notifications say of users.

use russet_domain::{Timestamp, TokenId, UserId, UserRecord, UserStatus};

use super::retired::holders_gone;
use super::seal_code;
use crate::codec::{int, json};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::tokens;
use crate::walks::WalkId;

/// How much records say of the retired ones beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// A page of the whole list: they add up over the pages of one walk.
    Adds,
    /// A page of what changed, or a notification: there are at least so many.
    AtLeast,
    /// All of an id's records: there are so many.
    Exactly,
}

impl Count {
    /// How the statement below tells them apart.
    fn code(self) -> i64 {
        match self {
            Self::Adds => 0,
            Self::AtLeast => 1,
            Self::Exactly => 2,
        }
    }
}

/// Writes a page of a walk over users. What was settled since the walk began stays as it was settled, since the page may be
/// older. May be repeated, but for the count of retired records.
///
/// # Errors
/// As any statement.
pub async fn observe_page(
    tx: &mut Tx,
    token: TokenId,
    walk: WalkId,
    started_at: Timestamp,
    count: Count,
    records: &[UserRecord],
    now: Timestamp,
) -> Result<(), StoreError> {
    tokens::lock(tx, token).await?;
    let written = Written { walk: Some(walk), before: started_at, seen_at: None, count };
    write(tx, token, &written, records, now).await
}

/// Writes what Apple says of users just now, outside of any walk: who is active, and that those who are not hold no more
/// licenses. `count` says how complete the records are.
///
/// # Errors
/// As any statement.
pub async fn observe(
    tx: &mut Tx,
    token: TokenId,
    count: Count,
    records: &[UserRecord],
    now: Timestamp,
) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    tokens::lock(tx, token).await?;
    let written = Written { walk: None, before: Timestamp(i64::MAX), seen_at: Some(now), count };
    write(tx, token, &written, records, now).await?;
    let gone: Vec<&str> = records
        .iter()
        .filter(|record| !record.is_active())
        .map(|record| record.client_user_id.as_str())
        .collect();
    holders_gone(tx, token, &gone, now).await?;
    Ok(())
}

struct Written {
    walk: Option<WalkId>,
    /// Rows that our own work wrote since are left alone.
    before: Timestamp,
    seen_at: Option<Timestamp>,
    count: Count,
}

/// One record as the statement takes it: id, status, email, hash, sealed code, retired records.
type Row<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<String>, i64);

async fn write(
    tx: &mut Tx,
    token: TokenId,
    written: &Written,
    records: &[UserRecord],
    now: Timestamp,
) -> Result<(), StoreError> {
    // A row is left as it is when it is newer than the record, or when the same walk has shown the user's active record
    // already and this is one of the retired ones.
    const OBSERVE: Sql = bulk!(
        "INSERT INTO users
             (token_id, client_user_id, wish, email, status, apple_email, id_hash, invite_code, retired_records, seen_at,
              walk, created_at, updated_at)
         SELECT $2, x.client_user_id, 'none', x.email, x.status, x.email, x.id_hash, x.invite_code, x.retired,
                coalesce($5, 0), coalesce($3, 0), $7, $7
         FROM ",
        (0 client_user_id TEXT, 1 status TEXT, 2 email TEXT, 3 id_hash TEXT, 4 invite_code TEXT, 5 retired BIGINT),
        " WHERE true
         ON CONFLICT (token_id, client_user_id) DO UPDATE
         SET email = CASE
                 WHEN users.wish <> 'none' OR users.seen_at >= $4 OR (users.walk = $3
                     AND users.status NOT IN ('Retired', 'Deleted') AND excluded.status IN ('Retired', 'Deleted'))
                 THEN users.email
                 ELSE coalesce(excluded.email, users.email)
             END,
             apple_managed_id = CASE
                 WHEN users.seen_at >= $4 OR users.work <> 'none' THEN users.apple_managed_id
                 WHEN excluded.status = 'Associated' THEN coalesce(users.managed_apple_id, users.apple_managed_id)
                 ELSE users.apple_managed_id
             END,
             apple_email = CASE
                 WHEN users.seen_at >= $4 OR (users.walk = $3 AND users.status NOT IN ('Retired', 'Deleted')
                     AND excluded.status IN ('Retired', 'Deleted')) THEN users.apple_email
                 WHEN $6 = 1 THEN coalesce(excluded.apple_email, users.apple_email)
                 ELSE excluded.apple_email
             END,
             id_hash = CASE
                 WHEN users.seen_at >= $4 OR (users.walk = $3 AND users.status NOT IN ('Retired', 'Deleted')
                     AND excluded.status IN ('Retired', 'Deleted')) THEN users.id_hash
                 ELSE excluded.id_hash
             END,
             invite_code = CASE
                 WHEN users.seen_at >= $4 OR (users.walk = $3 AND users.status NOT IN ('Retired', 'Deleted')
                     AND excluded.status IN ('Retired', 'Deleted')) THEN users.invite_code
                 WHEN excluded.status = 'Registered' THEN coalesce(excluded.invite_code, users.invite_code)
             END,
             status = CASE
                 WHEN users.seen_at >= $4 OR (users.walk = $3 AND users.status NOT IN ('Retired', 'Deleted')
                     AND excluded.status IN ('Retired', 'Deleted')) THEN users.status
                 ELSE excluded.status
             END,
             retired_records = CASE
                 WHEN $6 = 2 THEN excluded.retired_records
                 WHEN $6 = 1 AND users.retired_records >= excluded.retired_records THEN users.retired_records
                 WHEN $6 = 1 THEN excluded.retired_records
                 WHEN users.walk = $3 THEN users.retired_records + excluded.retired_records
                 ELSE excluded.retired_records
             END,
             unread = CASE WHEN users.seen_at >= $4 THEN users.unread ELSE false END,
             seen_at = coalesce($5, users.seen_at),
             walk = coalesce($3, users.walk),
             updated_at = CASE WHEN users.status IS DISTINCT FROM excluded.status THEN $7 ELSE users.updated_at END"
    );
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(records.len());
    for record in records {
        let code = match &record.invite_code {
            Some(code) => Some(seal_code(tx, token, &record.client_user_id, code)?),
            None => None,
        };
        rows.push((
            record.client_user_id.as_str(),
            record.status.as_ref().map(UserStatus::as_str),
            record.email.as_deref(),
            record.id_hash.as_deref(),
            code,
            i64::try_from(record.retired_records).unwrap_or(i64::MAX),
        ));
    }
    sql("writing what Apple has of users", OBSERVE)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(written.walk.map(|walk| walk.0))
        .bind(written.before.0)
        .bind(written.seen_at.map(|at| at.0))
        .bind(written.count.code())
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Users whom a whole walk that has ended did not see are not Apple's any more, except those settled since it began. Tells
/// how many.
///
/// # Errors
/// As any statement.
pub async fn drop_unseen(
    tx: &mut Tx,
    token: TokenId,
    walk: WalkId,
    started_at: Timestamp,
    now: Timestamp,
) -> Result<u64, StoreError> {
    sql(
        "forgetting users that a walk did not see",
        "UPDATE users
         SET status = NULL, apple_email = NULL, apple_managed_id = NULL, id_hash = NULL, invite_code = NULL,
             retired_records = 0, updated_at = $4
         WHERE token_id = $1 AND walk <> $2 AND seen_at < $3 AND status IS NOT NULL",
    )
    .bind(token.0)
    .bind(walk.0)
    .bind(started_at.0)
    .bind(now.0)
    .run(tx)
    .await
}

/// Users whose records are to be read because only an event's status or an error told of them: number and id, at most
/// `limit`.
///
/// # Errors
/// As any statement.
pub async fn unread(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<(UserId, String)>, StoreError> {
    sql(
        "looking for users to be read",
        "SELECT id, client_user_id FROM users WHERE token_id = $1 AND unread ORDER BY id LIMIT $2",
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, |row| Ok((UserId(row.at(0)?), row.at(1)?)))
    .await
}

/// Notes that the records of a token's users were read, those that were settled before `before`: what was not found then,
/// the next whole walk brings.
///
/// # Errors
/// As any statement.
pub async fn unread_done(tx: &mut Tx, token: TokenId, before: Timestamp) -> Result<u64, StoreError> {
    sql(
        "noting that users were read",
        "UPDATE users SET unread = false WHERE token_id = $1 AND unread AND seen_at < $2",
    )
    .bind(token.0)
    .bind(before.0)
    .run(tx)
    .await
}
