//! Takes steps of installs, and keeps jobs and gates in step with them.

use std::collections::HashMap;

use russet_domain::gate::after_install;
use russet_domain::install::{InstallState, Step, Window};
use russet_domain::{CommandId, ConnectorId, InstallId, JobId, Timestamp, TokenId};

use crate::codec::{int, json, word};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::gates;
use crate::jobs::{self, Counted, Counts};

/// One step of one install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The install.
    pub id: InstallId,
    /// The state it was seen in; one that has left it by now stays as it is.
    pub from: InstallState,
    /// What becomes of it.
    pub step: Step,
    /// The device's error in words.
    pub detail: Option<String>,
}

/// An install that took a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The install.
    pub id: InstallId,
    /// Where it was.
    pub from: InstallState,
    /// Where it is.
    pub to: InstallState,
}

/// Takes steps. Answers those that were taken: an install in another state by now is left as it is, so this may be repeated.
///
/// # Errors
/// As any statement.
pub async fn shift(tx: &mut Tx, shifts: &[Shift], now: Timestamp) -> Result<Vec<Moved>, StoreError> {
    const SHIFT: Sql = bulk!(
        "UPDATE installs
         SET state = x.to_state,
             code = x.code,
             detail = x.detail,
             due_at = x.due_at,
             sent_at = CASE WHEN x.to_state = 'verifying' AND x.from_state <> 'verifying' THEN $2 ELSE installs.sent_at END,
             looks = CASE WHEN x.to_state = 'verifying' AND x.from_state <> 'verifying' THEN 0 ELSE installs.looks END,
             updated_at = $2,
             ended_at = CASE WHEN x.ends THEN $3 END
         FROM ",
        (0 id BIGINT, 1 from_state TEXT, 2 to_state TEXT, 3 code TEXT, 4 detail TEXT, 5 due_at BIGINT, 6 ends BOOLEAN),
        " WHERE installs.id = x.id AND installs.state = x.from_state
          RETURNING installs.id, installs.state"
    );
    if shifts.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = shifts
        .iter()
        .map(|shift| {
            let Step { to, code, due } = shift.step;
            let due = due.map(|due| due.0);
            (shift.id.0, shift.from.as_str(), to.as_str(), code, &shift.detail, due, to.has_ended())
        })
        .collect();
    let froms: HashMap<InstallId, InstallState> = shifts.iter().map(|shift| (shift.id, shift.from)).collect();
    let ids = sql("taking steps of installs", SHIFT)
        .bind(json(&rows)?)
        .bind(now.0)
        .bind(now.0)
        .all(tx, |row| {
            let to = word("installs.state", &row.at::<String>(1)?, InstallState::from_text)?;
            Ok((InstallId(row.at(0)?), to))
        })
        .await?;
    let moved: Vec<Moved> = ids
        .into_iter()
        .filter_map(|(id, to)| froms.get(&id).map(|from| Moved { id, from: *from, to }))
        .collect();
    keep_in_step(tx, &moved, now).await?;
    Ok(moved)
}

/// Moves the counts of the jobs that follow installs, and the gates that wait for them.
async fn keep_in_step(tx: &mut Tx, moved: &[Moved], now: Timestamp) -> Result<(), StoreError> {
    const FOLLOWERS: Sql = bulk!(
        "SELECT l.job_id, x.id
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN job_installs l
          WHERE l.install_id = x.id"
    );
    let counted: Vec<&Moved> =
        moved.iter().filter(|moved| moved.from.counts_as() != moved.to.counts_as()).collect();
    if counted.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = counted.iter().map(|moved| (moved.id.0,)).collect();
    let by_id: HashMap<InstallId, &Moved> = counted.iter().map(|moved| (moved.id, *moved)).collect();
    let followers = sql("looking up the jobs that follow installs", FOLLOWERS)
        .bind(json(&rows)?)
        .all(tx, |row| Ok((JobId(row.at(0)?), InstallId(row.at(1)?))))
        .await?;
    let mut by_job: HashMap<JobId, Counts> = HashMap::new();
    for (job, id) in followers {
        if let Some(moved) = by_id.get(&id) {
            let counts = by_job.entry(job).or_default();
            counts.add(moved.from.counts_as(), -1);
            counts.add(moved.to.counts_as(), 1);
        }
    }
    jobs::add_counted(tx, &by_job, Counted::Installs, now).await?;
    let ended: Vec<_> =
        moved.iter().filter_map(|moved| after_install(moved.to).map(|to| (moved.id, to))).collect();
    gates::after_installs(tx, &ended, now).await
}

/// Notes that installs go out with a command, in the transaction that writes it. Tells which did; the others are sent by
/// somebody else, or are wanted no more.
///
/// # Errors
/// As any statement.
pub async fn begin(
    tx: &mut Tx,
    command: CommandId,
    ids: &[InstallId],
    now: Timestamp,
) -> Result<Vec<InstallId>, StoreError> {
    const BEGIN: Sql = bulk!(
        "UPDATE installs
         SET command_id = $2, tries = tries + 1, looks = 0, sent_at = $3
         FROM ",
        (0 id BIGINT),
        " WHERE installs.id = x.id"
    );
    let shifts: Vec<Shift> = ids
        .iter()
        .map(|id| Shift {
            id: *id,
            from: InstallState::Ready,
            step: Step { to: InstallState::Sending, code: None, due: None },
            detail: None,
        })
        .collect();
    let moved = shift(tx, &shifts, now).await?;
    let ids: Vec<InstallId> = moved.into_iter().map(|moved| moved.id).collect();
    let rows: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    sql("noting the command of installs", BEGIN)
        .bind(json(&rows)?)
        .bind(command.0)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(ids)
}

/// Gives installs that are on their way another command, in the transaction that writes it.
///
/// # Errors
/// As any statement.
pub async fn rename(tx: &mut Tx, command: CommandId, ids: &[InstallId]) -> Result<(), StoreError> {
    const RENAME: Sql = bulk!(
        "UPDATE installs SET command_id = $2 FROM ",
        (0 id BIGINT),
        " WHERE installs.id = x.id AND installs.state = 'sending'"
    );
    let rows: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    sql("giving installs another command", RENAME).bind(json(&rows)?).bind(command.0).run(tx).await?;
    Ok(())
}

/// A server's installs that are on their way with a command that is over.
///
/// # Errors
/// As any statement.
pub async fn stranded(
    db: &mut Db,
    connector: ConnectorId,
    limit: usize,
) -> Result<Vec<InstallId>, StoreError> {
    sql(
        "looking for stranded installs",
        "SELECT i.id
         FROM installs i
         LEFT JOIN mdm_commands c ON c.id = i.command_id
         WHERE i.connector_id = $1 AND i.state = 'sending' AND coalesce(c.state, 'failed') <> 'sending'
         ORDER BY i.id
         LIMIT $2",
    )
    .bind(connector.0)
    .bind(int(limit))
    .all(db, |row| row.get("id").map(InstallId))
    .await
}

/// Counts a look at the devices of installs, and says when the next is due. Without it, an app list that never comes would be
/// asked for without end.
///
/// # Errors
/// As any statement.
pub async fn looked(tx: &mut Tx, looks: &[(InstallId, Timestamp)]) -> Result<(), StoreError> {
    const LOOKED: Sql = bulk!(
        "UPDATE installs SET looks = looks + 1, due_at = x.due_at FROM ",
        (0 id BIGINT, 1 due_at BIGINT),
        " WHERE installs.id = x.id AND installs.ended_at IS NULL"
    );
    let rows: Vec<_> = looks.iter().map(|(id, due)| (id.0, due.0)).collect();
    sql("counting looks at devices", LOOKED).bind(json(&rows)?).run(tx).await?;
    Ok(())
}

/// Has installs that are to be sent wait until a moment each, and keeps everything else of them. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn put_off(tx: &mut Tx, until: &[(InstallId, Timestamp)]) -> Result<(), StoreError> {
    const PUT_OFF: Sql = bulk!(
        "UPDATE installs SET due_at = x.due_at FROM ",
        (0 id BIGINT, 1 due_at BIGINT),
        " WHERE installs.id = x.id AND installs.state = 'ready'"
    );
    let rows: Vec<_> = until.iter().map(|(id, due)| (id.0, due.0)).collect();
    sql("putting installs off", PUT_OFF).bind(json(&rows)?).run(tx).await?;
    Ok(())
}

/// Has what of a token waits for a window keep to another, or to none; what was not tried yet is looked at at once. What was wanted at
/// any time stays so. May be repeated. Tells how many.
///
/// # Errors
/// As any statement.
pub async fn keep_to(
    tx: &mut Tx,
    token: TokenId,
    window: Option<Window>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    sql(
        "moving installs to another window",
        "UPDATE installs
         SET in_window = $2, due_at = CASE WHEN tries = 0 THEN $3 ELSE due_at END
         WHERE token_id = $1
           AND due_at IS NOT NULL
           AND state = 'ready'
           AND in_window IS NOT NULL
           AND in_window <> coalesce($2, '')",
    )
    .bind(token.0)
    .bind(window.map(|window| window.to_string()))
    .bind(now.0)
    .run(tx)
    .await
}

/// Notes what devices know apps by, as they tell it in their answers.
///
/// # Errors
/// As any statement.
pub async fn took_command(tx: &mut Tx, named: &[(InstallId, String)]) -> Result<(), StoreError> {
    const NAMED: Sql = bulk!(
        "UPDATE installs SET bundle_id = x.bundle_id FROM ",
        (0 id BIGINT, 1 bundle_id TEXT),
        " WHERE installs.id = x.id"
    );
    if named.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = named.iter().map(|(id, bundle_id)| (id.0, bundle_id)).collect();
    sql("noting what devices know apps by", NAMED).bind(json(&rows)?).run(tx).await?;
    Ok(())
}

/// Ends the installs of a connector that is being removed.
pub(crate) async fn orphan(tx: &mut Tx, connector: ConnectorId, now: Timestamp) -> Result<(), StoreError> {
    loop {
        let found = sql(
            "looking for installs of a connector",
            "SELECT id, state FROM installs WHERE connector_id = $1 AND ended_at IS NULL ORDER BY id LIMIT 10000",
        )
        .bind(connector.0)
        .all(tx, |row| {
            let from = word("installs.state", &row.at::<String>(1)?, InstallState::from_text)?;
            let step = Step { to: InstallState::Failed, code: Some("no_connector"), due: None };
            Ok(Shift { id: InstallId(row.at(0)?), from, step, detail: None })
        })
        .await?;
        if found.is_empty() {
            return Ok(());
        }
        shift(tx, &found, now).await?;
    }
}
