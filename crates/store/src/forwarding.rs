//! Which messages of MDM servers are to be passed on to somebody else, and how that goes.

use std::time::Duration;

use russet_domain::{ConnectorId, Timestamp};

use crate::codec::{count, int, maybe_time};
use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;
use crate::mdm_messages::{Message, MessageId, message, messages};

/// A server's messages that are to be passed on by now, the oldest first.
///
/// # Errors
/// As any statement.
pub async fn due(
    db: &mut Db,
    connector: ConnectorId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    sql(
        "looking for messages to pass on",
        messages!("WHERE connector_id = $1 AND forward_at <= $2 ORDER BY forward_at, id LIMIT $3"),
    )
    .bind(connector.0)
    .bind(now.0)
    .bind(int(limit))
    .all(db, message)
    .await
}

/// When the next message of a server is to be passed on.
///
/// # Errors
/// As any statement.
pub async fn next_due(db: &mut Db, connector: ConnectorId) -> Result<Option<Timestamp>, StoreError> {
    sql(
        "looking when a message is to be passed on",
        "SELECT min(forward_at) AS due FROM mdm_messages WHERE connector_id = $1 AND forward_at IS NOT NULL",
    )
    .bind(connector.0)
    .one(db, |row| Ok(row.get::<Option<i64>>("due")?.map(Timestamp)))
    .await
}

/// Notes that a message was passed on, or never will be.
///
/// # Errors
/// As any statement.
pub async fn done(tx: &mut Tx, id: MessageId) -> Result<(), StoreError> {
    sql("noting that a message was passed on", "UPDATE mdm_messages SET forward_at = NULL WHERE id = $1")
        .bind(id.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Puts all of a server's messages that are to be passed on off, since the one it was tried with was not taken, and keeps why.
///
/// # Errors
/// As any statement.
pub async fn put_off(
    tx: &mut Tx,
    connector: ConnectorId,
    tried: MessageId,
    why: &str,
    (now, wait): (Timestamp, Duration),
) -> Result<(), StoreError> {
    sql(
        "putting off what is to be passed on",
        "UPDATE mdm_messages
         SET forward_at = $3, forward_tries = forward_tries + CASE WHEN id = $2 THEN 1 ELSE 0 END
         WHERE connector_id = $1 AND forward_at < $3",
    )
    .bind(connector.0)
    .bind(tried.0)
    .bind(now.plus(wait).0)
    .run(tx)
    .await?;
    sql("noting why messages are not passed on", "UPDATE connectors SET forward_error = $2 WHERE id = $1")
        .bind(connector.0)
        .bind(why)
        .run(tx)
        .await?;
    Ok(())
}

/// Keeps that nothing is wrong with passing messages on. May be repeated, and then writes nothing.
///
/// # Errors
/// As any statement.
pub async fn works(tx: &mut Tx, connector: ConnectorId) -> Result<(), StoreError> {
    sql(
        "noting that messages are passed on",
        "UPDATE connectors SET forward_error = NULL WHERE id = $1 AND forward_error IS NOT NULL",
    )
    .bind(connector.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Passes nothing on any more, also not what waits for it.
///
/// # Errors
/// As any statement.
pub async fn stop(tx: &mut Tx, connector: ConnectorId) -> Result<(), StoreError> {
    sql(
        "passing no messages on any more",
        "UPDATE mdm_messages SET forward_at = NULL WHERE connector_id = $1 AND forward_at IS NOT NULL",
    )
    .bind(connector.0)
    .run(tx)
    .await?;
    works(tx, connector).await
}

/// What waits to be passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many messages.
    pub waiting: u64,
    /// When the oldest of them came.
    pub since: Option<Timestamp>,
    /// Why they could not be passed on the last time.
    pub reason: Option<String>,
}

/// What of a server waits to be passed on. Costs a look at each message that does.
///
/// # Errors
/// As any statement.
pub async fn backlog(db: &mut Db, connector: ConnectorId) -> Result<Backlog, StoreError> {
    sql(
        "counting what waits to be passed on",
        "SELECT count(m.id) AS waiting, min(m.received_at) AS since, max(c.forward_error) AS reason
         FROM connectors c
         LEFT JOIN mdm_messages m ON m.connector_id = c.id AND m.forward_at IS NOT NULL
         WHERE c.id = $1",
    )
    .bind(connector.0)
    .one(db, |row| {
        Ok(Backlog {
            waiting: count(row.get("waiting")?),
            since: maybe_time(row, "since")?,
            reason: row.get("reason")?,
        })
    })
    .await
}
