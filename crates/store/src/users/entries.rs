//! Which jobs follow which users, and what becomes of each user for each of them.

use std::collections::HashMap;

use russet_domain::change::State;
use russet_domain::{JobId, Timestamp, TokenId, UserId};

use super::number;
use crate::codec::{count, int, json, word};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{self, Counts};

/// A user as a job's list shows him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The user's number.
    pub user: UserId,
    /// The id that Apple was given.
    pub client_user_id: String,
    /// Where it has got to, as far as this job is concerned.
    pub state: State,
    /// Stable name of why it ended as it did.
    pub error_code: Option<String>,
    /// Apple's number, where it gave one.
    pub error_number: Option<i32>,
}

/// A job's users in the order of their numbers, after a number; those in one state only, if it is given.
///
/// # Errors
/// As any statement.
pub async fn list_of_job(
    db: &mut Db,
    job: JobId,
    state: Option<State>,
    limit: usize,
    after: Option<UserId>,
) -> Result<Vec<Entry>, StoreError> {
    sql(
        "listing a job's users",
        "SELECT l.user_id, u.client_user_id,
                CASE WHEN l.state = 'sent' THEN coalesce(r.state, 'sending') ELSE l.state END,
                l.error_code, l.error_number
         FROM job_users l
         JOIN users u ON u.id = l.user_id
         LEFT JOIN requests r ON r.id = u.request_id AND r.state IN ('sending', 'accepted')
         WHERE l.job_id = $1
           AND l.user_id > $2
           AND ($3 IS NULL
                OR $3 = CASE WHEN l.state = 'sent' THEN coalesce(r.state, 'sending') ELSE l.state END)
         ORDER BY l.user_id
         LIMIT $4",
    )
    .bind(job.0)
    .bind(after.map_or(0, |after| after.0))
    .bind(state.map(State::as_str))
    .bind(int(limit))
    .all(db, |row| {
        Ok(Entry {
            user: UserId(row.at(0)?),
            client_user_id: row.at(1)?,
            state: word("job_users.state", &row.at::<String>(2)?, State::from_text)?,
            error_code: row.at(3)?,
            error_number: number(row.at(4)?),
        })
    })
    .await
}

/// The word stored for a state: what is sent is not told apart, that stands with the request.
fn stored(state: State) -> &'static str {
    match state {
        State::Sending | State::Accepted => "sent",
        State::Planned
        | State::Settled
        | State::Refused
        | State::Waitlisted
        | State::Held
        | State::Cancelled => state.as_str(),
    }
}

/// What becomes of the entries of one user that are in one state.
#[derive(Clone, Debug)]
pub(super) struct Move {
    user: UserId,
    from: State,
    to: State,
    code: Option<String>,
    number: Option<i32>,
}

impl Move {
    pub(super) fn new(user: UserId, from: State, to: State, code: Option<&str>, number: Option<i32>) -> Self {
        Self { user, from, to, code: code.map(str::to_owned), number }
    }
}

/// What followed from moving entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shifted {
    /// How many entries moved.
    pub(super) entries: u64,
    /// Jobs of which nothing is open any more.
    pub(super) ended_jobs: Vec<JobId>,
}

/// Moves the entries of all jobs that follow these users, and the jobs' counts and states with them. At most one move
/// for each user and state to come to. The caller holds the token's lock.
pub(super) async fn shift(tx: &mut Tx, moves: &[Move], now: Timestamp) -> Result<Shifted, StoreError> {
    const SHIFT: Sql = bulk!(
        "UPDATE job_users
         SET state = x.becomes, error_code = x.error_code, error_number = x.error_number
         FROM ",
        (0 who BIGINT, 1 was TEXT, 2 becomes TEXT, 3 error_code TEXT, 4 error_number BIGINT),
        " WHERE job_users.user_id = x.who AND job_users.state || '' = x.was
          RETURNING job_id, user_id"
    );
    if moves.is_empty() {
        return Ok(Shifted::default());
    }
    let rows: Vec<_> = moves
        .iter()
        .map(|one| (one.user.0, stored(one.from), stored(one.to), one.code.as_deref(), one.number))
        .collect();
    let by_user: HashMap<UserId, (State, State)> =
        moves.iter().map(|one| (one.user, (one.from, one.to))).collect();
    let moved = sql("moving what jobs follow", SHIFT)
        .bind(json(&rows)?)
        .all(tx, |row| Ok((JobId(row.get("job_id")?), UserId(row.get("user_id")?))))
        .await?;
    let mut by_job: HashMap<JobId, Counts> = HashMap::new();
    for (job, user) in &moved {
        if let Some((from, to)) = by_user.get(user) {
            let counts = by_job.entry(*job).or_default();
            counts.add(*from, -1);
            counts.add(*to, 1);
        }
    }
    let ended_jobs = jobs::add(tx, &by_job, now).await?;
    Ok(Shifted { entries: count(int(moved.len())), ended_jobs })
}

/// Makes a job follow users, each with the state it starts in.
pub(super) async fn link(
    tx: &mut Tx,
    job: JobId,
    users: &[(i64, &'static str, Option<&'static str>)],
) -> Result<(), StoreError> {
    const LINK: Sql = bulk!(
        "INSERT INTO job_users (job_id, user_id, state, error_code)
         SELECT $2, x.user_id, x.state, x.error_code
         FROM ",
        (0 user_id BIGINT, 1 state TEXT, 2 error_code TEXT),
        " WHERE true
         ON CONFLICT (job_id, user_id) DO UPDATE
         SET state = excluded.state, error_code = excluded.error_code, error_number = NULL"
    );
    sql("linking a job to its users", LINK).bind(json(users)?).bind(job.0).run(tx).await?;
    Ok(())
}

/// Withdraws what is not sent of a job, unless another job wants it too. Tells how many users. The caller holds the
/// token's lock.
pub(crate) async fn cancel(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<u64, StoreError> {
    const DROP_PLANNED: Sql = bulk!(
        "UPDATE users
         SET work = 'none',
             wish = CASE WHEN status IS NULL OR status IN ('Retired', 'Deleted') THEN 'none' ELSE 'active' END,
             email = apple_email,
             managed_apple_id = apple_managed_id,
             updated_at = $2
         FROM ",
        (0 id BIGINT),
        " WHERE users.id = x.id
            AND users.work || '' IN ('planned', 'held')
            AND NOT EXISTS (
                SELECT 1 FROM job_users other WHERE other.user_id = users.id AND other.state IN ('planned', 'held'))"
    );
    const DROP_WAITING: Sql = bulk!(
        "UPDATE users
         SET revision = sent_revision,
             wish = (SELECT CASE WHEN r.action = 'retire_users' THEN 'retired' ELSE 'active' END
                     FROM requests r
                     WHERE r.id = users.request_id),
             email = sent_email,
             managed_apple_id = sent_managed_id,
             updated_at = $2
         FROM ",
        (0 id BIGINT),
        " WHERE users.id = x.id
            AND users.work || '' = 'sent'
            AND NOT EXISTS (
                SELECT 1 FROM job_users other WHERE other.user_id = users.id AND other.state IN ('planned', 'held'))"
    );
    let (mut withdrawn, mut counts) = (Vec::new(), Counts::default());
    for from in [State::Planned, State::Held] {
        let found = sql(
            "withdrawing a job's users",
            "UPDATE job_users
             SET state = 'cancelled', error_code = 'withdrawn'
             WHERE job_id = $1 AND state = $2
             RETURNING user_id",
        )
        .bind(id.0)
        .bind(stored(from))
        .all(tx, |row| Ok((row.get::<i64>("user_id")?,)))
        .await?;
        counts.add(from, -int(found.len()));
        withdrawn.extend(found);
    }
    if withdrawn.is_empty() {
        return Ok(0);
    }
    let ids = json(&withdrawn)?;
    sql("withdrawing what nobody wants of users", DROP_PLANNED).bind(ids.clone()).bind(now.0).run(tx).await?;
    sql("withdrawing what waits behind a request", DROP_WAITING).bind(ids).bind(now.0).run(tx).await?;
    counts.add(State::Cancelled, int(withdrawn.len()));
    jobs::add(tx, &HashMap::from([(id, counts)]), now).await?;
    Ok(count(int(withdrawn.len())))
}

/// A job's users by state, counted.
pub(crate) async fn counted(tx: &mut Tx, id: JobId) -> Result<Vec<(State, i64)>, StoreError> {
    sql(
        "counting a job's users",
        "SELECT CASE WHEN state = 'sent' THEN 'sending' ELSE state END, count(*)
         FROM job_users
         WHERE job_id = $1
         GROUP BY 1",
    )
    .bind(id.0)
    .all(tx, |row| Ok((word("job_users.state", &row.at::<String>(0)?, State::from_text)?, row.at(1)?)))
    .await
}

/// How many users of these tokens are on their way to Apple, by job.
pub(crate) async fn told_sending(db: &mut Db, asked: &[(i64, i64)]) -> Result<HashMap<i64, i64>, StoreError> {
    const SENDING: Sql = bulk!(
        "SELECT l.job_id, count(*)
         FROM requests r
         JOIN users u ON u.request_id = r.id AND u.work = 'sent'
         JOIN job_users l ON l.user_id = u.id AND l.state = 'sent'
         WHERE r.state = 'sending'
           AND r.token_id IN (SELECT x.token_id FROM ",
        (0 token_id BIGINT, 1 job_id BIGINT),
        ")
         GROUP BY l.job_id"
    );
    let sending = sql("counting users on their way", SENDING)
        .bind(json(asked)?)
        .all(db, |row| Ok((row.at(0)?, row.at(1)?)))
        .await?;
    Ok(sending.into_iter().collect())
}

/// Ends everything that is open for a token's users with one code. The caller holds the token's lock.
pub(crate) async fn end_with_token(
    tx: &mut Tx,
    token: TokenId,
    code: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (from, was) in [(State::Planned, "planned"), (State::Held, "held"), (State::Sending, "sent")] {
        let ended = sql(
            "ending what is open for a token's users",
            "UPDATE job_users
             SET state = 'refused', error_code = $2
             WHERE state = $3 AND user_id IN (SELECT id FROM users WHERE token_id = $1)
             RETURNING job_id",
        )
        .bind(token.0)
        .bind(code)
        .bind(was)
        .all(tx, |row| row.get("job_id").map(JobId))
        .await?;
        let mut by_job: HashMap<JobId, Counts> = HashMap::new();
        for job in ended {
            let counts = by_job.entry(job).or_default();
            counts.add(from, -1);
            counts.add(State::Refused, 1);
        }
        jobs::add(tx, &by_job, now).await?;
    }
    Ok(())
}
