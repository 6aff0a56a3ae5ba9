//! What MDM servers told by webhook, kept as it came until a worker has read it and passed it on.

use russet_domain::{ConnectorId, Timestamp};

use crate::codec::{int, json, time};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// A message's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub i64);

/// A message to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// Which server told it.
    pub connector: ConnectorId,
    /// What names it: a hash of its body.
    pub hash: &'a str,
    /// The body as it came.
    pub body: &'a [u8],
    /// The signature it came with, which is passed on with it.
    pub signature: Option<&'a str>,
    /// Whether it is to be passed on.
    pub forward: bool,
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its row.
    pub id: MessageId,
    /// The body.
    pub body: Vec<u8>,
    /// The signature it came with.
    pub signature: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// How often it was tried to pass it on.
    pub forward_tries: u32,
}

/// Keeps a message. Tells whether it is new.
///
/// # Errors
/// As any statement.
pub async fn store(tx: &mut Tx, new: NewMessage<'_>, now: Timestamp) -> Result<bool, StoreError> {
    let written = sql(
        "keeping an MDM server's message",
        "INSERT INTO mdm_messages (connector_id, hash, body, signature, received_at, forward_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (connector_id, hash) DO NOTHING",
    )
    .bind(new.connector.0)
    .bind(new.hash)
    .bind(new.body.to_vec())
    .bind(new.signature)
    .bind(now.0)
    .bind(new.forward.then_some(now.0))
    .run(tx)
    .await?;
    Ok(written > 0)
}

/// Reads whole messages; see [`message`].
macro_rules! messages {
    ($rest:literal) => {
        concat!("SELECT id, body, signature, received_at, forward_tries FROM mdm_messages ", $rest)
    };
}
pub(crate) use messages;

/// A server's unread messages in the order they came, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn unread(db: &mut Db, connector: ConnectorId, limit: usize) -> Result<Vec<Message>, StoreError> {
    sql(
        "looking for unread messages of an MDM server",
        messages!("WHERE connector_id = $1 AND read_at IS NULL ORDER BY id LIMIT $2"),
    )
    .bind(connector.0)
    .bind(int(limit))
    .all(db, message)
    .await
}

/// Notes that messages were read and, in a sentence each, what became of them. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn mark_read(tx: &mut Tx, read: &[(MessageId, String)], now: Timestamp) -> Result<(), StoreError> {
    const READ: Sql = bulk!(
        "UPDATE mdm_messages SET read_at = $2, verdict = x.verdict FROM ",
        (0 id BIGINT, 1 verdict TEXT),
        " WHERE mdm_messages.id = x.id"
    );
    let rows: Vec<_> = read.iter().map(|(id, verdict)| (id.0, verdict)).collect();
    sql("noting that messages were read", READ).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(())
}

/// Connectors that have unread messages, or messages to be passed on by now.
///
/// # Errors
/// As any statement.
pub async fn connectors_with_some(
    db: &mut Db,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<ConnectorId>, StoreError> {
    sql(
        "looking for connectors with messages",
        "SELECT id
         FROM connectors
         WHERE EXISTS (SELECT 1 FROM mdm_messages m WHERE m.connector_id = connectors.id AND m.read_at IS NULL)
            OR EXISTS (SELECT 1 FROM mdm_messages m WHERE m.connector_id = connectors.id AND m.forward_at <= $1)
         ORDER BY id
         LIMIT $2",
    )
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| row.get("id").map(ConnectorId))
    .await
}

/// The verdicts of a server's last messages with when they came, the newest first.
///
/// # Errors
/// As any statement.
pub async fn verdicts(
    db: &mut Db,
    connector: ConnectorId,
    limit: usize,
) -> Result<Vec<(MessageId, Timestamp, Option<String>)>, StoreError> {
    sql(
        "listing an MDM server's messages",
        "SELECT id, received_at, verdict FROM mdm_messages WHERE connector_id = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(connector.0)
    .bind(int(limit))
    .all(db, |row| Ok((MessageId(row.get("id")?), time(row, "received_at")?, row.get("verdict")?)))
    .await
}

/// Deletes messages that were read before `before` and need not be passed on, at most `limit`; tells how many.
///
/// # Errors
/// As any statement.
pub async fn purge_read(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    sql(
        "deleting old messages of MDM servers",
        "DELETE FROM mdm_messages
         WHERE id IN (SELECT id FROM mdm_messages WHERE read_at < $1 AND forward_at IS NULL LIMIT $2)",
    )
    .bind(before.0)
    .bind(int(limit))
    .run(tx)
    .await
}

pub(crate) fn message(row: &Row) -> Result<Message, StoreError> {
    Ok(Message {
        id: MessageId(row.get("id")?),
        body: row.get("body")?,
        signature: row.get("signature")?,
        received_at: time(row, "received_at")?,
        forward_tries: u32::try_from(row.get::<i64>("forward_tries")?).unwrap_or(u32::MAX),
    })
}
