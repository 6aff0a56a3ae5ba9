//! What Apple notified us of, kept as it came until a worker has read it.

use russet_domain::{Timestamp, TokenId};

use crate::codec::{int, json, maybe_time, time};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// A notification's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotificationId(pub i64);

/// A notification that nobody has read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its row.
    pub id: NotificationId,
    /// Apple's name for it.
    pub notification_id: String,
    /// The body as it came.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
}

/// What a notification says of itself, before anybody has read it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Apple's name for it.
    pub id: &'a str,
    /// Apple's word for its type; empty when there is none.
    pub kind: &'a str,
}

/// Keeps a notification. Tells whether it is new: Apple sends one again when our answer got lost.
///
/// # Errors
/// As any statement; [`StoreError::Refused`] without such a token.
pub async fn store(
    tx: &mut Tx,
    token: TokenId,
    named: Named<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let written = sql(
        "keeping a notification",
        "INSERT INTO notifications (token_id, notification_id, kind, body, received_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (token_id, notification_id) DO NOTHING",
    )
    .bind(token.0)
    .bind(named.id)
    .bind(named.kind)
    .bind(body.to_vec())
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(written > 0)
}

/// A token's unread notifications in the order they came, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn unread(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<Unread>, StoreError> {
    sql(
        "looking for unread notifications",
        "SELECT id, notification_id, body, received_at
         FROM notifications
         WHERE token_id = $1 AND read_at IS NULL
         ORDER BY id
         LIMIT $2",
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, |row| {
        Ok(Unread {
            id: NotificationId(row.get("id")?),
            notification_id: row.get("notification_id")?,
            body: row.get("body")?,
            received_at: time(row, "received_at")?,
        })
    })
    .await
}

/// Notes that notifications were read and, in a word each, what became of them. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn mark_read(
    tx: &mut Tx,
    read: &[(NotificationId, &str)],
    now: Timestamp,
) -> Result<(), StoreError> {
    const READ: Sql = bulk!(
        "UPDATE notifications SET read_at = $2, verdict = x.verdict FROM ",
        (0 id BIGINT, 1 verdict TEXT),
        " WHERE notifications.id = x.id"
    );
    let rows: Vec<_> = read.iter().map(|(id, verdict)| (id.0, verdict)).collect();
    sql("noting that notifications were read", READ).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(())
}

/// A notification without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its row.
    pub id: NotificationId,
    /// Whom it came for.
    pub token: TokenId,
    /// Apple's name for it.
    pub notification_id: String,
    /// Apple's word for its type; empty when there was none.
    pub kind: String,
    /// When it came.
    pub received_at: Timestamp,
    /// When it was read.
    pub read_at: Option<Timestamp>,
    /// What became of it, in a word.
    pub verdict: Option<String>,
}

/// A token's notifications, the newest first, before a row; only those of a type, when one is given.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    token: TokenId,
    kind: Option<&str>,
    limit: usize,
    before: Option<NotificationId>,
) -> Result<Vec<Entry>, StoreError> {
    sql(
        "listing notifications",
        "SELECT id, token_id, notification_id, kind, received_at, read_at, verdict
         FROM notifications
         WHERE token_id = $1 AND id < $2 AND ($3 IS NULL OR kind = $3)
         ORDER BY id DESC
         LIMIT $4",
    )
    .bind(token.0)
    .bind(before.map_or(i64::MAX, |before| before.0))
    .bind(kind)
    .bind(int(limit))
    .all(db, entry)
    .await
}

/// One of a token's notifications, with its body as it came.
///
/// # Errors
/// As any statement.
pub async fn find(
    db: &mut Db,
    token: TokenId,
    id: NotificationId,
) -> Result<Option<(Entry, Vec<u8>)>, StoreError> {
    sql(
        "reading a notification",
        "SELECT id, token_id, notification_id, kind, received_at, read_at, verdict, body
         FROM notifications
         WHERE token_id = $1 AND id = $2",
    )
    .bind(token.0)
    .bind(id.0)
    .maybe(db, |row| Ok((entry(row)?, row.get("body")?)))
    .await
}

/// The first of a token's notifications of a type after a row.
///
/// # Errors
/// As any statement.
pub async fn first_after(
    db: &mut Db,
    token: TokenId,
    kind: &str,
    after: NotificationId,
) -> Result<Option<Entry>, StoreError> {
    sql(
        "looking for a notification",
        "SELECT id, token_id, notification_id, kind, received_at, read_at, verdict
         FROM notifications
         WHERE token_id = $1 AND id > $2 AND kind = $3
         ORDER BY id
         LIMIT 1",
    )
    .bind(token.0)
    .bind(after.0)
    .bind(kind)
    .maybe(db, entry)
    .await
}

/// The row of the newest notification of any token: what comes later has a higher one.
///
/// # Errors
/// As any statement.
pub async fn newest(db: &mut Db) -> Result<NotificationId, StoreError> {
    sql("looking for the newest notification", "SELECT coalesce(max(id), 0) AS newest FROM notifications")
        .one(db, |row| row.get("newest").map(NotificationId))
        .await
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        id: NotificationId(row.get("id")?),
        token: TokenId(row.get("token_id")?),
        notification_id: row.get("notification_id")?,
        kind: row.get("kind")?,
        received_at: time(row, "received_at")?,
        read_at: maybe_time(row, "read_at")?,
        verdict: row.get("verdict")?,
    })
}

/// Tokens that have unread notifications.
///
/// # Errors
/// As any statement.
pub async fn tokens_with_unread(db: &mut Db, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for tokens with unread notifications",
        "SELECT id
         FROM tokens
         WHERE EXISTS (
             SELECT 1 FROM notifications n WHERE n.token_id = tokens.id AND n.read_at IS NULL)
         ORDER BY id
         LIMIT $1",
    )
    .bind(int(limit))
    .all(db, |row| row.get("id").map(TokenId))
    .await
}

/// Deletes notifications that were read before `before`, at most `limit`; tells how many.
///
/// # Errors
/// As any statement.
pub async fn purge_read(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    sql(
        "deleting old notifications",
        "DELETE FROM notifications
         WHERE id IN (SELECT id FROM notifications WHERE read_at < $1 LIMIT $2)",
    )
    .bind(before.0)
    .bind(int(limit))
    .run(tx)
    .await
}
