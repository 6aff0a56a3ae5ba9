//! Commands to devices: written down before they are sent, so that after a crash they go out again under their own name.

use russet_domain::{AssetId, CommandId, ConnectorId, Timestamp};

use crate::codec::{int, json};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// What stands in `kind`. Rows hold it; it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandKind {
    /// Install an app.
    Install,
    /// Tell the managed apps.
    ListApps,
    /// Remove an app.
    Remove,
    /// Tell which device it is.
    Describe,
}

impl CommandKind {
    const ALL: [Self; 4] = [Self::Install, Self::ListApps, Self::Remove, Self::Describe];

    /// The word stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::ListApps => "list_apps",
            Self::Remove => "remove",
            Self::Describe => "describe",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A command as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its number.
    pub id: CommandId,
    /// Its name, under which devices answer.
    pub uuid: String,
    /// What it asks for.
    pub kind: CommandKind,
    /// The asset it is about.
    pub asset: Option<AssetId>,
}

/// Writes a command that is about to be sent. `None` when there is one of that name: it was sent before.
///
/// # Errors
/// As any statement.
pub async fn begin(
    tx: &mut Tx,
    connector: ConnectorId,
    uuid: &str,
    kind: CommandKind,
    asset: Option<AssetId>,
    now: Timestamp,
) -> Result<Option<CommandId>, StoreError> {
    sql(
        "writing a command",
        "INSERT INTO mdm_commands (connector_id, uuid, kind, asset_id, state, created_at)
         VALUES ($1, $2, $3, $4, 'sending', $5)
         ON CONFLICT (uuid) DO NOTHING
         RETURNING id",
    )
    .bind(connector.0)
    .bind(uuid)
    .bind(kind.as_str())
    .bind(asset.map(|asset| asset.0))
    .bind(now.0)
    .maybe(tx, |row| row.get("id").map(CommandId))
    .await
}

/// A server's commands of which nobody knows whether they arrived, the oldest first.
///
/// # Errors
/// As any statement.
pub async fn sending(db: &mut Db, connector: ConnectorId, limit: usize) -> Result<Vec<Command>, StoreError> {
    sql(
        "looking for commands on their way",
        "SELECT id, uuid, kind, asset_id
         FROM mdm_commands
         WHERE connector_id = $1 AND state = 'sending'
         ORDER BY id
         LIMIT $2",
    )
    .bind(connector.0)
    .bind(int(limit))
    .all(db, command)
    .await
}

/// Notes what became of a command: it stands at the server, or `error` says why it does not.
///
/// # Errors
/// As any statement.
pub async fn end(tx: &mut Tx, id: CommandId, error: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
    if error.is_some() {
        crate::awaited::forget(tx, id).await?;
    }
    sql(
        "noting what became of a command",
        "UPDATE mdm_commands
         SET state = $2, error = $3, sent_at = $4, poll_at = CASE WHEN $2 = 'sent' THEN poll_at END
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(if error.is_some() { "failed" } else { "sent" })
    .bind(error)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Deletes commands that were sent before `before`, at most `limit`; tells how many. An answer that comes later still is to a
/// command that nobody knows.
///
/// # Errors
/// As any statement.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    const AWAITED: Sql =
        bulk!("DELETE FROM mdm_awaited WHERE command_id IN (SELECT x.id FROM ", (0 id BIGINT), ")");
    const OLD: Sql = bulk!("DELETE FROM mdm_commands WHERE id IN (SELECT x.id FROM ", (0 id BIGINT), ")");
    let old: Vec<(i64,)> = sql(
        "looking for old commands",
        "SELECT id FROM mdm_commands WHERE state <> 'sending' AND created_at < $1 LIMIT $2",
    )
    .bind(before.0)
    .bind(int(limit))
    .all(tx, |row| Ok((row.get("id")?,)))
    .await?;
    if old.is_empty() {
        return Ok(0);
    }
    let ids = json(&old)?;
    sql("awaiting no more answers to old commands", AWAITED).bind(ids.as_str()).run(tx).await?;
    sql("deleting old commands", OLD).bind(ids).run(tx).await
}

fn command(row: &Row) -> Result<Command, StoreError> {
    let kind = row.get::<String>("kind")?;
    Ok(Command {
        id: CommandId(row.get("id")?),
        uuid: row.get("uuid")?,
        kind: crate::codec::word("mdm_commands.kind", &kind, CommandKind::from_text)?,
        asset: row.get::<Option<i64>>("asset_id")?.map(AssetId),
    })
}
