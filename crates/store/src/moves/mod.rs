//! Moves: licenses that go from users to their devices, one row each, and what a job's moves have in common.
//!
//! A job counts its moves as others count their changes. The changes that carry a move out follow the job too, so that
//! they can be listed, but are not counted twice.

mod facts;
mod order;
mod steer;
mod steps;
mod together;

pub use crate::sealed::Callback;
pub use facts::{Fact, Pair, facts};
pub use order::{NewOrder, Order, callback, due, note_error, order, set_due, tell_again, told_well};
pub use steer::{Outcome, cancel, confirm, retry};
pub use steps::{Ended, Shift, ended, mark_told, shift, unconfirmed, unlink};
pub use together::{Group, groups, shift_groups};

use std::collections::HashMap;

use russet_domain::job::JobState;
use russet_domain::moving::{First, MoveState};
use russet_domain::{AssetId, AssetKey, JobId, MoveId, Timestamp};

use crate::codec::{asset_key, count, int, json, word};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{self, Counted, Counts, NewJob};
use crate::tokens;

/// A move to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMove {
    /// The asset.
    pub asset: AssetId,
    /// Who has the license, a `client_user_id`.
    pub user: String,
    /// The device that is to have it.
    pub serial: String,
    /// What becomes of it at first.
    pub first: First,
}

/// A move as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Its number.
    pub id: MoveId,
    /// The asset's number.
    pub asset: AssetId,
    /// The asset.
    pub key: AssetKey,
    /// Who has, or had, the license.
    pub user: String,
    /// The device.
    pub serial: String,
    /// Where it has got to.
    pub state: MoveState,
    /// Stable name of why it ended as it did.
    pub error_code: Option<String>,
    /// Apple's number, where it gave one.
    pub error_number: Option<i32>,
    /// When the MDM side was told.
    pub told_at: Option<Timestamp>,
    /// When it confirmed, or nobody had to be told.
    pub confirmed_at: Option<Timestamp>,
    /// When it was wished for.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Writes a job with its moves; each pair of asset, user and device once. A list of 100,000 is some ten statements.
///
/// # Errors
/// [`StoreError::Missing`] when the token is not there.
pub async fn submit(
    tx: &mut Tx,
    new: &NewJob,
    order: &NewOrder,
    moves: &[NewMove],
    now: Timestamp,
) -> Result<(JobId, JobState), StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO moves
             (job_id, asset_id, user_id, serial, state, error_code, created_at, updated_at, ended_at)
         SELECT $2, x.asset_id, x.user_id, x.serial, x.state, x.error_code, $3, $3, CASE WHEN x.ended THEN $3 END
         FROM ",
        (0 asset_id BIGINT, 1 user_id TEXT, 2 serial TEXT, 3 state TEXT, 4 error_code TEXT, 5 ended BOOLEAN),
        ""
    );
    /// What bounds the size of one JSON text.
    const BATCH: usize = 50_000;
    tokens::lock(tx, new.token).await?;
    let job = jobs::insert(tx, new, now).await?;
    order::insert(tx, job, order, now).await?;
    let mut counts = Counts::default();
    for batch in moves.chunks(BATCH) {
        let mut rows = Vec::with_capacity(batch.len());
        for new in batch {
            let (state, code) = match new.first {
                First::Plan => (MoveState::Planned, None),
                First::AlreadyDone => (MoveState::Done, Some("already_moved")),
                First::Refuse(code) => (MoveState::Refused, Some(code)),
            };
            counts.add(state.counts_as(), 1);
            rows.push((new.asset.0, &new.user, &new.serial, state.as_str(), code, state.has_ended()));
        }
        sql("writing moves", WRITE).bind(json(&rows)?).bind(job.0).bind(now.0).run(tx).await?;
    }
    jobs::add_counted(tx, &HashMap::from([(job, counts)]), Counted::Moves, now).await?;
    if moves.is_empty() {
        jobs::ended(tx, job, JobState::Succeeded, None, None, now).await?;
    }
    let state = jobs::find(tx, job).await?.map_or(JobState::Queued, |job| job.state);
    if state.has_ended() {
        set_due(tx, job, None).await?;
    }
    Ok((job, state))
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.asset_id, a.adam_id, a.pricing_param, m.user_id, m.serial, m.state, m.error_code,
                    m.error_number, m.told_at, m.confirmed_at, m.created_at, m.updated_at, m.ended_at
             FROM moves m
             JOIN assets a ON a.id = m.asset_id ",
            $rest
        )
    };
}

/// A job's moves in the order of their numbers, after a number; those in one state only, if it is given.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    job: JobId,
    state: Option<MoveState>,
    limit: usize,
    after: Option<MoveId>,
) -> Result<Vec<Move>, StoreError> {
    sql(
        "listing a job's moves",
        select!("WHERE m.job_id = $1 AND m.id > $2 AND ($3 IS NULL OR m.state = $3) ORDER BY m.id LIMIT $4"),
    )
    .bind(job.0)
    .bind(after.map_or(0, |after| after.0))
    .bind(state.map(MoveState::as_str))
    .bind(int(limit))
    .all(db, a_move)
    .await
}

/// A job's moves that the MDM side has to be told of, the oldest first.
///
/// # Errors
/// As any statement.
pub async fn untold(db: &mut Db, job: JobId, limit: usize) -> Result<Vec<Move>, StoreError> {
    sql(
        "looking for moves to tell of",
        select!("WHERE m.job_id = $1 AND m.state = 'telling' AND m.told_at IS NULL ORDER BY m.id LIMIT $2"),
    )
    .bind(job.0)
    .bind(int(limit))
    .all(db, a_move)
    .await
}

/// A job's moves, counted by state; states without any are left out.
///
/// # Errors
/// As any statement.
pub async fn counts(db: &mut Db, job: JobId) -> Result<HashMap<MoveState, u64>, StoreError> {
    let counted = sql(
        "counting a job's moves",
        "SELECT state, count(*)
         FROM moves
         WHERE job_id = $1
         GROUP BY state",
    )
    .bind(job.0)
    .all(db, |row| {
        let state = word("moves.state", &row.at::<String>(0)?, MoveState::from_text)?;
        Ok((state, count(row.at(1)?)))
    })
    .await?;
    Ok(counted.into_iter().collect())
}

/// When anything of a job's moves last changed, and when the first of those that wait for the MDM side was told.
///
/// # Errors
/// As any statement.
pub async fn last_news(
    db: &mut Db,
    job: JobId,
) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
    sql(
        "looking when moves last changed",
        "SELECT max(updated_at), min(CASE WHEN state = 'telling' THEN told_at END)
         FROM moves
         WHERE job_id = $1",
    )
    .bind(job.0)
    .one(db, |row| Ok((row.at::<Option<i64>>(0)?.map(Timestamp), row.at::<Option<i64>>(1)?.map(Timestamp))))
    .await
}

fn a_move(row: &Row) -> Result<Move, StoreError> {
    let moment = |place| Ok::<_, StoreError>(row.at::<Option<i64>>(place)?.map(Timestamp));
    Ok(Move {
        id: MoveId(row.at(0)?),
        asset: AssetId(row.at(1)?),
        key: asset_key(row.at(2)?, &row.at::<String>(3)?),
        user: row.at(4)?,
        serial: row.at(5)?,
        state: word("moves.state", &row.at::<String>(6)?, MoveState::from_text)?,
        error_code: row.at(7)?,
        error_number: row.at::<Option<i64>>(8)?.and_then(|number| i32::try_from(number).ok()),
        told_at: moment(9)?,
        confirmed_at: moment(10)?,
        created_at: Timestamp(row.at(11)?),
        updated_at: Timestamp(row.at(12)?),
        ended_at: moment(13)?,
    })
}
