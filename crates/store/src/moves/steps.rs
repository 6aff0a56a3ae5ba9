//! The steps of moves: which can be taken, and writing down that they were.

use std::collections::HashMap;

use russet_domain::change::State;
use russet_domain::moving::MoveState;
use russet_domain::{JobId, MoveId, Timestamp};

use crate::codec::{json, word};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{self, Counted, Counts};

/// One step of one move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The move.
    pub id: MoveId,
    /// Where it goes.
    pub to: MoveState,
    /// Stable name of why, when it is refused.
    pub code: Option<String>,
    /// Apple's number, where it gave one.
    pub number: Option<i32>,
}

impl Shift {
    /// A step without a reason.
    #[must_use]
    pub fn new(id: MoveId, to: MoveState) -> Self {
        Self { id, to, code: None, number: None }
    }

    /// A refusal.
    #[must_use]
    pub fn refuse(id: MoveId, code: &str) -> Self {
        Self { id, to: MoveState::Refused, code: Some(code.to_owned()), number: None }
    }
}

/// How the change ended that a move waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The move.
    pub id: MoveId,
    /// The change's state, one that has ended.
    pub state: State,
    /// Why.
    pub code: Option<String>,
    /// Apple's number, where it gave one.
    pub number: Option<i32>,
}

/// Takes steps from one state, and moves the job's counts with them. Moves that are in another state (any more) are left
/// as they are, so this may be repeated. The caller holds the token's lock. Tells how many steps were taken.
///
/// # Errors
/// As any statement.
pub async fn shift(
    tx: &mut Tx,
    job: JobId,
    from: MoveState,
    shifts: &[Shift],
    now: Timestamp,
) -> Result<u64, StoreError> {
    const SHIFT: Sql = bulk!(
        "UPDATE moves
         SET state = x.to_state,
             error_code = x.code,
             error_number = x.number,
             confirmed_at = CASE WHEN x.to_state = 'told' THEN coalesce(moves.confirmed_at, $2) ELSE moves.confirmed_at END,
             updated_at = $2,
             ended_at = CASE WHEN x.ends THEN $2 END
         FROM ",
        (0 id BIGINT, 1 to_state TEXT, 2 code TEXT, 3 number BIGINT, 4 ends BOOLEAN),
        " WHERE moves.id = x.id AND +moves.job_id = $3 AND moves.state || '' = $4
          RETURNING state"
    );
    if shifts.is_empty() {
        return Ok(0);
    }
    debug_assert!(shifts.iter().all(|shift| from.may_become(shift.to)), "{from:?} {shifts:?}");
    let rows: Vec<_> = shifts
        .iter()
        .map(|shift| (shift.id.0, shift.to.as_str(), &shift.code, shift.number, shift.to.has_ended()))
        .collect();
    let reached = sql("taking steps of moves", SHIFT)
        .bind(json(&rows)?)
        .bind(now.0)
        .bind(job.0)
        .bind(from.as_str())
        .all(tx, |row| word("moves.state", &row.get::<String>("state")?, MoveState::from_text))
        .await?;
    count_steps(tx, job, from, &reached, now).await
}

/// Brings a job's counts in step with its moves that have gone from one state to others.
pub(super) async fn count_steps(
    tx: &mut Tx,
    job: JobId,
    from: MoveState,
    reached: &[MoveState],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut counts = Counts::default();
    for to in reached {
        counts.add(from.counts_as(), -1);
        counts.add(to.counts_as(), 1);
    }
    if !reached.is_empty() {
        jobs::add_counted(tx, &HashMap::from([(job, counts)]), Counted::Moves, now).await?;
    }
    Ok(crate::codec::count(crate::codec::int(reached.len())))
}

/// How the changes ended that a job's moves in a state wait for: those in `assigning` for their device's license, those in
/// `revoking` for the user's going back. Moves whose change has not ended are left out.
///
/// # Errors
/// As any statement.
pub async fn ended(db: &mut Db, job: JobId, state: MoveState) -> Result<Vec<Ended>, StoreError> {
    const ASSIGNED: &str = "
        SELECT m.id, c.state, c.error_code, c.error_number
        FROM job_changes l
        CROSS JOIN changes c
        CROSS JOIN moves m
        WHERE l.job_id = $1
          AND c.id = l.change_id
          AND c.action = 'assign'
          AND c.holder_kind = 'd'
          AND c.slot IS NULL
          AND m.job_id = $1
          AND m.asset_id = c.asset_id
          AND m.serial = c.holder_id
          AND m.state || '' = 'assigning'
        ORDER BY c.id";
    const REVOKED: &str = "
        SELECT m.id, c.state, c.error_code, c.error_number
        FROM job_changes l
        CROSS JOIN changes c
        CROSS JOIN moves m
        WHERE l.job_id = $1
          AND c.id = l.change_id
          AND c.action = 'revoke'
          AND c.holder_kind = 'u'
          AND c.slot IS NULL
          AND m.job_id = $1
          AND m.asset_id = c.asset_id
          AND m.user_id || '' = c.holder_id
          AND m.state || '' = 'revoking'
        ORDER BY c.id";
    let text = match state {
        MoveState::Assigning => ASSIGNED,
        MoveState::Revoking => REVOKED,
        MoveState::Planned
        | MoveState::Assigned
        | MoveState::Telling
        | MoveState::Told
        | MoveState::Done
        | MoveState::Refused
        | MoveState::Cancelled => return Ok(Vec::new()),
    };
    let found = sql("looking how the changes of moves ended", text)
        .bind(job.0)
        .all(db, |row| {
            Ok(Ended {
                id: MoveId(row.at(0)?),
                state: word("a change's state", &row.at::<String>(1)?, State::from_text)?,
                code: row.at(2)?,
                number: row.at::<Option<i64>>(3)?.and_then(|number| i32::try_from(number).ok()),
            })
        })
        .await?;
    // Should a job follow several, the last one counts.
    let newest: HashMap<MoveId, Ended> = found.into_iter().map(|ended| (ended.id, ended)).collect();
    let mut newest: Vec<Ended> = newest.into_values().collect();
    newest.sort_by_key(|ended| ended.id);
    Ok(newest)
}

/// Lets a job go of the ended changes of its moves in a state, before new ones are wished for in their place.
///
/// # Errors
/// As any statement.
pub async fn unlink(tx: &mut Tx, job: JobId, state: MoveState) -> Result<(), StoreError> {
    sql(
        "letting go of the ended changes of moves",
        "DELETE FROM job_changes
         WHERE job_id = $1
           AND change_id IN (
               SELECT c.id
               FROM job_changes l
               CROSS JOIN changes c
               CROSS JOIN moves m
               WHERE l.job_id = $1
                 AND c.id = l.change_id
                 AND c.slot IS NULL
                 AND m.job_id = $1
                 AND m.asset_id = c.asset_id
                 AND m.state || '' = $2
                 AND ((c.holder_kind = 'd' AND m.serial = c.holder_id)
                      OR (c.holder_kind = 'u' AND m.user_id = c.holder_id)))",
    )
    .bind(job.0)
    .bind(state.as_str())
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that the MDM side was told of moves, and is to confirm them.
///
/// # Errors
/// As any statement.
pub async fn mark_told(tx: &mut Tx, job: JobId, ids: &[MoveId], now: Timestamp) -> Result<(), StoreError> {
    const TOLD: Sql = bulk!(
        "UPDATE moves
         SET told_at = $2, updated_at = $2
         FROM ",
        (0 id BIGINT),
        " WHERE moves.id = x.id AND +moves.job_id = $3 AND moves.state || '' = 'telling'"
    );
    let rows: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    sql("noting that the MDM side was told of moves", TOLD)
        .bind(json(&rows)?)
        .bind(now.0)
        .bind(job.0)
        .run(tx)
        .await?;
    Ok(())
}

/// A job's moves that the MDM side was told of before a moment and has not confirmed.
///
/// # Errors
/// As any statement.
pub async fn unconfirmed(db: &mut Db, job: JobId, told_before: Timestamp) -> Result<Vec<MoveId>, StoreError> {
    sql(
        "looking for moves that nobody confirmed",
        "SELECT id FROM moves WHERE job_id = $1 AND state = 'telling' AND told_at <= $2 ORDER BY id",
    )
    .bind(job.0)
    .bind(told_before.0)
    .all(db, |row| row.at(0).map(MoveId))
    .await
}
