//! Keeps each job's counts and state in step with its changes.

use std::collections::HashMap;

use russet_domain::change::State;
use russet_domain::job::{JobState, Progress};
use russet_domain::{ChangeId, JobId, Timestamp};

use crate::codec::{count, json, word_in};
use crate::engine::{Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// Changes of a job by stored state, in the order of the columns: planned, sent, settled, refused, waitlisted,
/// cancelled, held. As a difference, numbers may be below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(pub(crate) [i64; 7]);

impl Counts {
    pub(crate) fn add(&mut self, state: State, number: i64) {
        let place = match state {
            State::Planned => 0,
            State::Sending | State::Accepted => 1,
            State::Settled => 2,
            State::Refused => 3,
            State::Waitlisted => 4,
            State::Cancelled => 5,
            State::Held => 6,
        };
        self.0[place] += number;
    }

    /// Whether nothing of it has been sent or has ended.
    pub(crate) fn is_untouched(self) -> bool {
        let Self([_, sent, settled, refused, _, cancelled, _]) = self;
        sent == 0 && settled == 0 && refused == 0 && cancelled == 0
    }

    pub(crate) fn subtract(&mut self, other: Self) {
        for (number, other) in self.0.iter_mut().zip(other.0) {
            *number -= other;
        }
    }

    fn progress(self) -> Progress {
        let [planned, sent, settled, refused, waitlisted, cancelled, held] = self.0.map(count);
        Progress { planned, sending: 0, accepted: sent, settled, refused, waitlisted, held, cancelled }
    }
}

/// One change that went from one stored state to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shift {
    pub(crate) change: ChangeId,
    pub(crate) from: State,
    pub(crate) to: State,
}

/// Moves the counts of every job that follows one of these changes, and with them its state. Answers the jobs that
/// came to their end by it. The caller holds the token's lock.
pub(crate) async fn shift(tx: &mut Tx, shifts: &[Shift], now: Timestamp) -> Result<Vec<JobId>, StoreError> {
    const FOLLOWERS: Sql = bulk!(
        "SELECT l.job_id, x.was, x.is_now, count(*)
         FROM ",
        (0 id BIGINT, 1 was TEXT, 2 is_now TEXT),
        " CROSS JOIN job_changes l
          WHERE l.change_id = x.id AND NOT l.withdrawn
          GROUP BY l.job_id, x.was, x.is_now"
    );
    if shifts.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> =
        shifts.iter().map(|shift| (shift.change.0, shift.from.as_str(), shift.to.as_str())).collect();
    let followers = sql("looking up the jobs that follow changes", FOLLOWERS)
        .bind(json(&rows)?)
        .all(tx, |row| {
            let state =
                |place| crate::codec::word("a change's state", &row.at::<String>(place)?, State::from_text);
            Ok((JobId(row.at(0)?), state(1)?, state(2)?, row.at::<i64>(3)?))
        })
        .await?;
    let mut by_job: HashMap<JobId, Counts> = HashMap::new();
    for (job, from, to, number) in followers {
        let counts = by_job.entry(job).or_default();
        counts.add(from, -number);
        counts.add(to, number);
    }
    add(tx, &by_job, now).await
}

/// What a job counts. Whatever else it follows is not counted twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Changes.
    Changes,
    /// Moves from users to devices.
    Moves,
    /// Apps that holders are made ready for.
    Gates,
    /// Installs.
    Installs,
}

impl Counted {
    /// The number that the statement below gives a kind of job.
    fn number(self) -> i64 {
        match self {
            Self::Changes => 0,
            Self::Moves => 1,
            Self::Gates => 2,
            Self::Installs => 3,
        }
    }
}

/// Adds changes to jobs' counts and brings their states in step. Answers the jobs that came to their end by it. Jobs that
/// count something else are left as they are.
pub(crate) async fn add(
    tx: &mut Tx,
    by_job: &HashMap<JobId, Counts>,
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    add_counted(tx, by_job, Counted::Changes, now).await
}

/// As [`add`], for whatever jobs count.
pub(crate) async fn add_counted(
    tx: &mut Tx,
    by_job: &HashMap<JobId, Counts>,
    counted: Counted,
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    const ADD: Sql = bulk!(
        "UPDATE jobs
         SET planned = planned + x.d0,
             sent = sent + x.d1,
             settled = settled + x.d2,
             refused = refused + x.d3,
             waitlisted = waitlisted + x.d4,
             cancelled = cancelled + x.d5,
             held = held + x.d6,
             updated_at = $2
         FROM ",
        (0 job BIGINT, 1 d0 BIGINT, 2 d1 BIGINT, 3 d2 BIGINT, 4 d3 BIGINT, 5 d4 BIGINT, 6 d5 BIGINT, 7 d6 BIGINT),
        " WHERE jobs.id = x.job
            AND CASE jobs.kind WHEN 'move_license' THEN 1 WHEN 'gate' THEN 2 WHEN 'push_update' THEN 3 ELSE 0 END = $3
          RETURNING id, state, started_at, planned, sent, settled, refused, waitlisted, cancelled, held"
    );
    if by_job.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = by_job
        .iter()
        .map(|(job, Counts([d0, d1, d2, d3, d4, d5, d6]))| (job.0, d0, d1, d2, d3, d4, d5, d6))
        .collect();
    let standing = sql("moving jobs' counts", ADD)
        .bind(json(&rows)?)
        .bind(now.0)
        .bind(counted.number())
        .all(tx, standing)
        .await?;
    let moved: Vec<_> = standing
        .into_iter()
        .map(|job| (job.id, job.state, next_state(&job)))
        .filter(|(_, from, to)| from != to)
        .collect();
    write_states(tx, &moved, now).await
}

/// Where a job stands.
struct Standing {
    id: JobId,
    state: JobState,
    started: bool,
    counts: Counts,
}

/// A job that was once under way does not go back to the queue when Apple says later.
fn next_state(job: &Standing) -> JobState {
    match job.counts.progress().job_state() {
        JobState::Queued if job.started => JobState::Running,
        state => state,
    }
}

/// Writes states that changed. Answers the jobs that have ended.
async fn write_states(
    tx: &mut Tx,
    moved: &[(JobId, JobState, JobState)],
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    const WRITE: Sql = bulk!(
        "UPDATE jobs
         SET state = x.new_state,
             started_at = CASE WHEN x.new_state = 'queued' THEN started_at ELSE coalesce(started_at, $2) END,
             ended_at = CASE WHEN x.ends THEN $2 END
         FROM ",
        (0 job BIGINT, 1 new_state TEXT, 2 ends BOOLEAN),
        " WHERE jobs.id = x.job"
    );
    if moved.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<_> = moved.iter().map(|(id, _, to)| (id.0, to.as_str(), to.has_ended())).collect();
    sql("writing jobs' states", WRITE).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(moved.iter().filter(|(_, _, to)| to.has_ended()).map(|(id, _, _)| *id).collect())
}

fn standing(row: &Row) -> Result<Standing, StoreError> {
    let counts = [
        row.get("planned")?,
        row.get("sent")?,
        row.get("settled")?,
        row.get("refused")?,
        row.get("waitlisted")?,
        row.get("cancelled")?,
        row.get("held")?,
    ];
    Ok(Standing {
        id: JobId(row.get("id")?),
        state: word_in(row, "state", JobState::from_text)?,
        started: row.get::<Option<i64>>("started_at")?.is_some(),
        counts: Counts(counts),
    })
}
