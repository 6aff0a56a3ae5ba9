//! Answers of devices that an MDM server has to be asked for, since it tells nothing by itself.

use std::collections::HashMap;

use russet_domain::{CommandId, ConnectorId, Timestamp};

use crate::codec::{count, int, json, time};
use crate::commands::CommandKind;
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// A command whose server is to be asked what devices answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    /// Its number.
    pub id: CommandId,
    /// Its name, under which devices answer.
    pub uuid: String,
    /// What it asks for.
    pub kind: CommandKind,
    /// When it was written.
    pub created_at: Timestamp,
    /// How often the server was asked already.
    pub polls: u32,
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// The command.
    pub id: CommandId,
    /// Devices that have answered.
    pub answered: Vec<String>,
    /// Devices that were busy, each with the mark of that answer.
    pub busy: Vec<(String, String)>,
    /// When to ask again, if anybody has not answered then; never without it.
    pub again: Option<Timestamp>,
}

/// Awaits the answers of devices to a command, in the transaction that writes it.
///
/// # Errors
/// As any statement.
pub async fn expect(
    tx: &mut Tx,
    command: CommandId,
    devices: &[String],
    at: Timestamp,
) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO mdm_awaited (command_id, enrollment_id)
         SELECT $2, x.enrollment_id
         FROM ",
        (0 enrollment_id TEXT),
        " WHERE true
          ON CONFLICT (command_id, enrollment_id) DO NOTHING"
    );
    let rows: Vec<_> = devices.iter().map(|device| (device,)).collect();
    sql("awaiting answers", WRITE).bind(json(&rows)?).bind(command.0).run(tx).await?;
    sql("planning to ask for answers", "UPDATE mdm_commands SET poll_at = $2 WHERE id = $1")
        .bind(command.0)
        .bind(at.0)
        .run(tx)
        .await?;
    Ok(())
}

/// A server's commands that stand there and whose answers are to be asked for by now, those that have waited longest first.
///
/// # Errors
/// As any statement.
pub async fn to_poll(
    db: &mut Db,
    connector: ConnectorId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Poll>, StoreError> {
    sql(
        "looking for commands whose answers are to be asked for",
        "SELECT id, uuid, kind, created_at, polls
         FROM mdm_commands
         WHERE connector_id = $1 AND poll_at <= $2 AND state = 'sent'
         ORDER BY poll_at, id
         LIMIT $3",
    )
    .bind(connector.0)
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| {
        let kind = row.get::<String>("kind")?;
        Ok(Poll {
            id: CommandId(row.get("id")?),
            uuid: row.get("uuid")?,
            kind: crate::codec::word("mdm_commands.kind", &kind, CommandKind::from_text)?,
            created_at: time(row, "created_at")?,
            polls: u32::try_from(count(row.get("polls")?)).unwrap_or(u32::MAX),
        })
    })
    .await
}

/// Devices that have not answered a command, each with the mark of what it said last.
///
/// # Errors
/// As any statement.
pub async fn of_command(
    db: &mut Db,
    command: CommandId,
) -> Result<HashMap<String, Option<String>>, StoreError> {
    let rows = sql(
        "looking for devices that have not answered",
        "SELECT enrollment_id, told FROM mdm_awaited WHERE command_id = $1",
    )
    .bind(command.0)
    .all(db, |row| Ok((row.get("enrollment_id")?, row.get("told")?)))
    .await?;
    Ok(rows.into_iter().collect())
}

/// Notes what came of asking, in the transaction that writes the answers down. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn polled(tx: &mut Tx, polled: &Polled) -> Result<(), StoreError> {
    const ANSWERED: Sql = Sql {
        sqlite: "DELETE FROM mdm_awaited
                 WHERE command_id = $2 AND enrollment_id IN (SELECT value FROM json_each($1))",
        postgres: "DELETE FROM mdm_awaited
                   WHERE command_id = $2 AND enrollment_id IN (SELECT jsonb_array_elements_text($1::jsonb))",
    };
    const BUSY: Sql = bulk!(
        "UPDATE mdm_awaited SET told = x.told FROM ",
        (0 enrollment_id TEXT, 1 told TEXT),
        " WHERE mdm_awaited.command_id = $2 AND mdm_awaited.enrollment_id = x.enrollment_id"
    );
    let id = polled.id.0;
    if !polled.answered.is_empty() {
        sql("noting who has answered", ANSWERED).bind(json(&polled.answered)?).bind(id).run(tx).await?;
    }
    if !polled.busy.is_empty() {
        sql("noting who was busy", BUSY).bind(json(&polled.busy)?).bind(id).run(tx).await?;
    }
    if polled.again.is_none() {
        forget(tx, polled.id).await?;
    }
    sql(
        "planning when to ask for answers again",
        "UPDATE mdm_commands
         SET polls = polls + 1,
             poll_at = CASE WHEN EXISTS (SELECT 1 FROM mdm_awaited a WHERE a.command_id = mdm_commands.id) THEN $2 END
         WHERE id = $1",
    )
    .bind(id)
    .bind(polled.again.map(|at| at.0))
    .run(tx)
    .await?;
    Ok(())
}

/// Awaits no answers to a command any more.
pub(crate) async fn forget(tx: &mut Tx, command: CommandId) -> Result<(), StoreError> {
    sql("awaiting no more answers", "DELETE FROM mdm_awaited WHERE command_id = $1")
        .bind(command.0)
        .run(tx)
        .await?;
    Ok(())
}
