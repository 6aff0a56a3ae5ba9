//! Takes steps of gates, and keeps their jobs in step.

use std::collections::{HashMap, HashSet};

use russet_domain::change::State;
use russet_domain::gate::{GateState, after_install};
use russet_domain::install::InstallState;
use russet_domain::{AssetId, DeviceId, GateId, Holder, InstallId, JobId, Timestamp, TokenId};

use super::{persons, set_due};
use crate::codec::{holder, int, json, word, word_in};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{self, Counted, Counts};

/// A gate whose license has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The gate.
    pub id: GateId,
    /// Where it is.
    pub state: GateState,
    /// The asset.
    pub asset: AssetId,
    /// Who is to hold it.
    pub holder: Holder,
    /// The device, when the holder is one that is known.
    pub device: Option<DeviceId>,
    /// Whether we install.
    pub install: bool,
    /// Where the change has got to.
    pub change: State,
    /// Why.
    pub code: Option<String>,
    /// Apple's number, where it gave one.
    pub number: Option<i32>,
}

/// One step of one gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    /// The gate.
    pub id: GateId,
    /// The state it was seen in.
    pub from: GateState,
    /// Where it goes.
    pub to: GateState,
    /// Stable name of why.
    pub code: Option<String>,
    /// Apple's number, where it gave one.
    pub number: Option<i32>,
}

/// Whether any gate of a token waits for its license, or anybody is to be told.
///
/// # Errors
/// As any statement.
pub async fn any_waiting(db: &mut Db, token: TokenId) -> Result<bool, StoreError> {
    let found = sql(
        "looking whether gates wait",
        "SELECT 1 AS one
         WHERE EXISTS (SELECT 1 FROM gates WHERE token_id = $1 AND state IN ('licensing', 'waitlisted'))
            OR EXISTS (SELECT 1 FROM gate_orders WHERE token_id = $1 AND due_at IS NOT NULL)",
    )
    .bind(token.0)
    .maybe(db, |row| row.get::<i32>("one"))
    .await?;
    Ok(found.is_some())
}

/// What is read of a gate that waits.
macro_rules! columns {
    () => {
        "SELECT g.id, g.state, g.asset_id, g.holder_kind, g.holder_id, d.id AS device, o.install, c.state AS change_state,
                c.error_code, c.error_number
         FROM "
    };
}

/// Which of some gates `g` have a license whose change has ended or has gone into line or out of it. `state` is that of the gate, named
/// so that the index of all that wait is used, or is not.
macro_rules! whose_license_moved {
    ($gates:literal, $state:literal) => {
        concat!(
            " JOIN gate_orders o ON o.job_id = g.job_id
              JOIN changes c ON c.id = (
                  SELECT max(c2.id)
                  FROM changes c2
                  JOIN job_changes l ON l.change_id = c2.id AND l.job_id = g.job_id
                  WHERE c2.asset_id = g.asset_id AND c2.holder_kind = g.holder_kind AND c2.holder_id = g.holder_id)
              LEFT JOIN devices d ON g.holder_kind = 'd' AND d.serial = g.holder_id
              WHERE ",
            $state,
            " IN ('licensing', 'waitlisted')
                AND ",
            $gates,
            " AND (c.slot IS NULL OR (c.state = 'waitlisted') <> (g.state = 'waitlisted'))
              ORDER BY g.id"
        )
    };
}

/// A token's gates whose license's change has ended or has gone into line or out of it, at most `limit`. Looks at all that wait.
///
/// # Errors
/// As any statement.
pub async fn waiting(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<Waiting>, StoreError> {
    sql(
        "looking for gates whose licenses moved",
        concat!(columns!(), "gates g", whose_license_moved!("g.token_id = $1", "g.state"), " LIMIT $2"),
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, read)
    .await
}

/// As [`waiting`], of these jobs alone, however many others wait.
///
/// # Errors
/// As any statement.
pub(super) async fn waiting_of_jobs(db: &mut Db, jobs: &[JobId]) -> Result<Vec<Waiting>, StoreError> {
    const FIND: Sql = bulk!(
        columns!(),
        (0 job_id BIGINT),
        // PostgreSQL would compare each that waits with each job.
        concat!(" CROSS JOIN gates g", whose_license_moved!("g.job_id = x.job_id", "g.state || ''"))
    );
    let rows: Vec<_> = jobs.iter().map(|job| (job.0,)).collect();
    sql("looking for new gates whose licenses are there", FIND).bind(json(&rows)?).all(db, read).await
}

fn read(row: &Row) -> Result<Waiting, StoreError> {
    let change = row.get::<String>("change_state")?;
    Ok(Waiting {
        id: GateId(row.get("id")?),
        state: word_in(row, "state", GateState::from_text)?,
        asset: AssetId(row.get("asset_id")?),
        holder: holder(&row.get::<String>("holder_kind")?, row.get("holder_id")?)?,
        device: row.get::<Option<i64>>("device")?.map(DeviceId),
        install: row.get("install")?,
        change: word("changes.state", &change, State::from_text)?,
        code: row.get("error_code")?,
        number: row.get::<Option<i64>>("error_number")?.and_then(|number| i32::try_from(number).ok()),
    })
}

/// Takes steps. Gates in another state by now are left as they are, so this may be repeated. Tells how many were taken.
///
/// # Errors
/// As any statement.
pub(super) async fn shift(tx: &mut Tx, shifts: &[Shift], now: Timestamp) -> Result<u64, StoreError> {
    const SHIFT: Sql = bulk!(
        "UPDATE gates
         SET state = x.to_state,
             code = x.code,
             number = x.number,
             updated_at = $2,
             ended_at = CASE WHEN x.ends THEN $3 END
         FROM ",
        (0 id BIGINT, 1 from_state TEXT, 2 to_state TEXT, 3 code TEXT, 4 number BIGINT, 5 ends BOOLEAN),
        " WHERE gates.id = x.id AND gates.state = x.from_state
          RETURNING gates.id, gates.job_id, gates.state"
    );
    if shifts.is_empty() {
        return Ok(0);
    }
    let rows: Vec<_> = shifts
        .iter()
        .map(|shift| {
            let (from, to) = (shift.from.as_str(), shift.to.as_str());
            (shift.id.0, from, to, &shift.code, shift.number, shift.to.has_ended())
        })
        .collect();
    let moved = sql("taking steps of gates", SHIFT)
        .bind(json(&rows)?)
        .bind(now.0)
        .bind(now.0)
        .all(tx, |row| {
            let to = word("gates.state", &row.at::<String>(2)?, GateState::from_text)?;
            Ok((GateId(row.at(0)?), JobId(row.at(1)?), to))
        })
        .await?;
    let froms: HashMap<GateId, GateState> = shifts.iter().map(|shift| (shift.id, shift.from)).collect();
    let moved: Vec<_> =
        moved.into_iter().filter_map(|(id, job, to)| Some((job, *froms.get(&id)?, to))).collect();
    count_steps(tx, &moved, now).await
}

/// Brings jobs in step, and has those told who wait for news.
async fn count_steps(
    tx: &mut Tx,
    moved: &[(JobId, GateState, GateState)],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut by_job: HashMap<JobId, Counts> = HashMap::new();
    let mut news = HashSet::new();
    for (job, from, to) in moved {
        let counts = by_job.entry(*job).or_default();
        counts.add(from.counts_as(), -1);
        counts.add(to.counts_as(), 1);
        if to.is_news() {
            news.insert(*job);
        }
    }
    jobs::add_counted(tx, &by_job, Counted::Gates, now).await?;
    let news: Vec<JobId> = news.into_iter().collect();
    if !news.is_empty() {
        set_due(tx, &news, Some(now)).await?;
    }
    Ok(crate::codec::count(int(moved.len())))
}

/// Notes which installs gates wait for.
///
/// # Errors
/// As any statement.
pub(super) async fn set_installs(tx: &mut Tx, pairs: &[(GateId, InstallId)]) -> Result<(), StoreError> {
    const SET: Sql = bulk!(
        "UPDATE gates SET install_id = x.install_id FROM ",
        (0 id BIGINT, 1 install_id BIGINT),
        " WHERE gates.id = x.id"
    );
    let rows: Vec<_> = pairs.iter().map(|(gate, install)| (gate.0, install.0)).collect();
    sql("noting which installs gates wait for", SET).bind(json(&rows)?).run(tx).await?;
    Ok(())
}

/// Ends gates whose installs ended before the gate knew of them: a device without a connector fails at once.
///
/// # Errors
/// As any statement.
pub(super) async fn end_with_installs(
    tx: &mut Tx,
    pairs: &[(GateId, InstallId)],
    now: Timestamp,
) -> Result<(), StoreError> {
    const ENDED: Sql = bulk!(
        "SELECT i.id, i.state FROM ",
        (0 id BIGINT),
        " CROSS JOIN installs i WHERE i.id = x.id AND i.ended_at IS NOT NULL"
    );
    let rows: Vec<_> = pairs.iter().map(|(_, install)| (install.0,)).collect();
    let ended = sql("looking for installs that have ended", ENDED)
        .bind(json(&rows)?)
        .all(tx, |row| {
            let state = word("installs.state", &row.at::<String>(1)?, InstallState::from_text)?;
            Ok((InstallId(row.at(0)?), state))
        })
        .await?;
    let ended: Vec<_> =
        ended.into_iter().filter_map(|(id, state)| Some((id, after_install(state)?))).collect();
    after_installs(tx, &ended, now).await
}

/// Ends the gates that waited for installs.
pub(crate) async fn after_installs(
    tx: &mut Tx,
    ended: &[(InstallId, GateState)],
    now: Timestamp,
) -> Result<(), StoreError> {
    const FIND: Sql = bulk!(
        "SELECT g.id, x.to_state, i.code
         FROM ",
        (0 id BIGINT, 1 to_state TEXT),
        " CROSS JOIN gates g
          CROSS JOIN installs i
          WHERE g.install_id = x.id AND g.state = 'installing' AND i.id = x.id"
    );
    if ended.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = ended.iter().map(|(id, to)| (id.0, to.as_str())).collect();
    let mut shifts = sql("looking for gates that wait for installs", FIND)
        .bind(json(&rows)?)
        .all(tx, |row| {
            let to = word("gates.state", &row.at::<String>(1)?, GateState::from_text)?;
            Ok(Shift {
                id: GateId(row.at(0)?),
                from: GateState::Installing,
                to,
                code: row.at(2)?,
                number: None,
            })
        })
        .await?;
    shifts.extend(persons::ended_with(tx, ended.iter().map(|(id, _)| *id)).await?);
    shift(tx, &shifts, now).await?;
    Ok(())
}

/// Withdraws a job's gates that have no license yet. The caller withdraws the changes. Tells how many it was.
///
/// # Errors
/// As any statement.
pub async fn cancel(tx: &mut Tx, job: JobId, now: Timestamp) -> Result<u64, StoreError> {
    let shifts = sql(
        "looking for gates that can be withdrawn",
        "SELECT id, state FROM gates WHERE job_id = $1 AND state IN ('licensing', 'waitlisted') ORDER BY id",
    )
    .bind(job.0)
    .all(tx, |row| {
        let from = word("gates.state", &row.at::<String>(1)?, GateState::from_text)?;
        let code = Some("withdrawn".to_owned());
        Ok(Shift { id: GateId(row.at(0)?), from, to: GateState::Cancelled, code, number: None })
    })
    .await?;
    shift(tx, &shifts, now).await
}
