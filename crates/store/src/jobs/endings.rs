//! How jobs begin, are withdrawn, and end.

use std::collections::HashMap;

use russet_domain::change::State;
use russet_domain::job::{JobKind, JobState};
use russet_domain::{ChangeId, JobId, Timestamp, TokenId};

use super::{Counts, Shift, add, shift};
use crate::codec::{from_json, int, json, word};
use crate::engine::{Tx, sql};
use crate::error::StoreError;
use crate::{changes, gates, installs, moves, tokens, users};

/// Notes that work on a job has begun, unless it has ended; tells whether it goes on. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn started(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<bool, StoreError> {
    let changed = sql(
        "noting that a job began",
        "UPDATE jobs
         SET state = $2, started_at = coalesce(started_at, $3), updated_at = $3
         WHERE id = $1 AND state IN ('queued', 'running')",
    )
    .bind(id.0)
    .bind(JobState::Running.as_str())
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(changed > 0)
}

/// Ends a job that has no changes, such as a sync, unless it has ended. `error` is a stable code and a sentence;
/// `result` a JSON object. Tells whether it ended by this.
///
/// # Errors
/// As any statement.
pub async fn ended(
    tx: &mut Tx,
    id: JobId,
    state: JobState,
    error: Option<(&str, &str)>,
    result: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = sql(
        "noting that a job ended",
        "UPDATE jobs
         SET state = $2, error_code = $3, error_text = $4, result = $5, ended_at = $6, updated_at = $6
         WHERE id = $1 AND state IN ('queued', 'running')",
    )
    .bind(id.0)
    .bind(state.as_str())
    .bind(error.map(|(code, _)| code))
    .bind(error.map(|(_, text)| text))
    .bind(result)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(changed > 0)
}

/// Notes what came out of a job so far, a JSON object, unless it has ended. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn set_result(tx: &mut Tx, id: JobId, result: &str, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting what came out of a job",
        "UPDATE jobs SET result = $2, updated_at = $3 WHERE id = $1 AND state IN ('queued', 'running')",
    )
    .bind(id.0)
    .bind(result)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Adds a sentence to what a client is told about a job.
///
/// # Errors
/// As any statement.
pub(crate) async fn add_note(tx: &mut Tx, id: JobId, note: String) -> Result<(), StoreError> {
    let notes = sql("reading a job's notes", "SELECT notes FROM jobs WHERE id = $1")
        .bind(id.0)
        .one(tx, |row| row.get::<String>("notes"))
        .await?;
    let mut notes: Vec<String> = from_json("a job's notes", &notes)?;
    notes.push(note);
    sql("adding a note to a job", "UPDATE jobs SET notes = $2 WHERE id = $1")
        .bind(id.0)
        .bind(json(&notes)?)
        .run(tx)
        .await?;
    Ok(())
}

/// Withdraws a job: what was not sent yet will not be, unless another job wants it too; what was sent ends as it
/// ends, and the job with it, but is not sent again should Apple say later. Tells how many changes were withdrawn. Of a
/// job that has ended nothing is withdrawn.
///
/// # Errors
/// [`StoreError::Missing`] without such a job.
pub async fn cancel(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<u64, StoreError> {
    let (token, kind) = token_and_kind(tx, id).await?;
    if kind == JobKind::RefreshCatalog {
        // It may be about no token, and moves nothing.
        ended(tx, id, JobState::Cancelled, None, None, now).await?;
        return Ok(0);
    }
    match token {
        // A token that is gone took all that was open with it.
        Some(token) => match tokens::lock(tx, token).await {
            Ok(()) => {}
            Err(StoreError::Missing(_)) => return Ok(0),
            Err(error) => return Err(error),
        },
        None => return Ok(0),
    }
    match kind {
        JobKind::SyncToken
        | JobKind::RenewToken
        | JobKind::RefreshCatalog
        | JobKind::RegisterNotifications
        | JobKind::TakeOverToken
        | JobKind::HandOverToken => {
            ended(tx, id, JobState::Cancelled, None, None, now).await?;
            Ok(0)
        }
        JobKind::AssignLicense | JobKind::RevokeLicense | JobKind::RemoveToken => {
            note_cancelled(tx, id, now).await?;
            withdraw(tx, id, now).await
        }
        JobKind::MoveLicense => {
            note_cancelled(tx, id, now).await?;
            // What was not sent for it will not be; what was sent ends as it ends, and nobody waits for it.
            withdraw(tx, id, now).await?;
            moves::cancel(tx, id, now).await
        }
        JobKind::Gate => {
            note_cancelled(tx, id, now).await?;
            withdraw(tx, id, now).await?;
            gates::cancel(tx, id, now).await
        }
        JobKind::PushUpdate => {
            note_cancelled(tx, id, now).await?;
            installs::withdraw(tx, id, now).await
        }
        JobKind::ImportUsers | JobKind::RetireUsers => {
            note_cancelled(tx, id, now).await?;
            users::cancel(tx, id, now).await
        }
    }
}

/// What a cancelled job follows is not sent again for its sake.
async fn note_cancelled(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting that a job was cancelled",
        "UPDATE jobs
         SET cancel_asked_at = coalesce(cancel_asked_at, $2)
         WHERE id = $1 AND state IN ('queued', 'running')",
    )
    .bind(id.0)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

async fn withdraw(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<u64, StoreError> {
    const NOT_SENT: &str = "
        SELECT c.state, count(*)
        FROM job_changes l
        JOIN changes c ON c.id = l.change_id
        WHERE l.job_id = $1 AND NOT l.withdrawn AND c.state IN ('planned', 'waitlisted', 'held')
        GROUP BY c.state";
    const WITHDRAW: &str = "
        UPDATE job_changes
        SET withdrawn = true
        WHERE job_id = $1
          AND NOT withdrawn
          AND change_id IN (
              SELECT c.id
              FROM job_changes l
              JOIN changes c ON c.id = l.change_id
              WHERE l.job_id = $1 AND c.state IN ('planned', 'waitlisted', 'held'))";
    const CANCEL: &str = "
        UPDATE changes
        SET state = 'cancelled', slot = NULL, error_code = 'withdrawn', ended_at = $2
        WHERE id IN (SELECT change_id FROM job_changes WHERE job_id = $1 AND withdrawn)
          AND state IN ('planned', 'waitlisted', 'held')
          AND NOT EXISTS (
              SELECT 1
              FROM job_changes other
              WHERE other.change_id = changes.id AND NOT other.withdrawn)";
    let not_sent = sql("counting what can be withdrawn", NOT_SENT)
        .bind(id.0)
        .all(tx, |row| {
            let state = word("a change's state", &row.at::<String>(0)?, State::from_text)?;
            Ok((state, row.at::<i64>(1)?))
        })
        .await?;
    let mut counts = Counts::default();
    let mut withdrawn = 0;
    for (state, number) in not_sent {
        counts.add(state, -number);
        counts.add(State::Cancelled, number);
        withdrawn += number;
    }
    if withdrawn == 0 {
        return Ok(0);
    }
    sql("withdrawing a job's changes", WITHDRAW).bind(id.0).run(tx).await?;
    sql("cancelling changes that nobody wants", CANCEL).bind(id.0).bind(now.0).run(tx).await?;
    add(tx, &HashMap::from([(id, counts)]), now).await?;
    Ok(crate::codec::count(withdrawn))
}

/// Counts these jobs' changes anew and brings counts and states in step with them. Answers those that have ended by
/// it. Nothing needs this while all goes well; it mends a job whose counts were wronged by a hand in the database.
///
/// Costs time by the number of changes.
///
/// # Errors
/// As any statement.
pub async fn close_ended(tx: &mut Tx, jobs: &[JobId], now: Timestamp) -> Result<Vec<JobId>, StoreError> {
    let mut by_job = HashMap::new();
    let mut jobs = jobs.to_vec();
    jobs.sort();
    for id in jobs {
        let (Some(token), kind) = token_and_kind(tx, id).await? else { continue };
        // Their counts are those of what they wait for.
        if matches!(kind, JobKind::MoveLicense | JobKind::Gate | JobKind::PushUpdate) {
            continue;
        }
        match tokens::lock(tx, token).await {
            Ok(()) => {}
            // Its changes went with the token, and its counts are all that is left of them.
            Err(StoreError::Missing(_)) => continue,
            Err(error) => return Err(error),
        }
        let mut missing = counted(tx, id).await?;
        missing.subtract(noted(tx, id).await?);
        by_job.insert(id, missing);
    }
    add(tx, &by_job, now).await
}

/// A job's counts, counted from its changes.
async fn counted(tx: &mut Tx, id: JobId) -> Result<Counts, StoreError> {
    let by_state = sql(
        "counting a job's changes",
        "SELECT CASE WHEN l.withdrawn THEN 'cancelled' WHEN c.state = 'sent' THEN 'sending' ELSE c.state END,
                count(*)
         FROM job_changes l
         JOIN changes c ON c.id = l.change_id
         WHERE l.job_id = $1
         GROUP BY 1",
    )
    .bind(id.0)
    .all(tx, |row| {
        let state = word("a change's state", &row.at::<String>(0)?, State::from_text)?;
        Ok((state, row.at::<i64>(1)?))
    })
    .await?;
    let mut counts = Counts::default();
    for (state, number) in by_state.into_iter().chain(users::counted(tx, id).await?) {
        counts.add(state, number);
    }
    Ok(counts)
}

/// A job's counts as its row has them.
async fn noted(tx: &mut Tx, id: JobId) -> Result<Counts, StoreError> {
    sql(
        "reading a job's counts",
        "SELECT planned, sent, settled, refused, waitlisted, cancelled, held FROM jobs WHERE id = $1",
    )
    .bind(id.0)
    .one(tx, |row| {
        let at = |place| row.at::<i64>(place);
        Ok(Counts([at(0)?, at(1)?, at(2)?, at(3)?, at(4)?, at(5)?, at(6)?]))
    })
    .await
}

/// Ends everything that is open for a token: its changes in `state` with `code`, its jobs as their changes say, and
/// jobs without changes as failed. The caller holds the token's lock.
pub(crate) async fn end_with_token(
    tx: &mut Tx,
    token: TokenId,
    state: State,
    code: &'static str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const LIVE: &str = "
        SELECT id, CASE WHEN state = 'sent' THEN 'sending' ELSE state END
        FROM changes
        WHERE token_id = $1 AND slot IS NOT NULL AND id > $2
        ORDER BY id
        LIMIT $3";
    /// Changes ended at once.
    const BATCH: usize = 50_000;
    let mut after = 0;
    loop {
        let live = sql("looking for a token's open changes", LIVE)
            .bind(token.0)
            .bind(after)
            .bind(int(BATCH))
            .all(tx, |row| {
                let from = word("a change's state", &row.at::<String>(1)?, State::from_text)?;
                Ok(Shift { change: ChangeId(row.at(0)?), from, to: state })
            })
            .await?;
        let Some(last) = live.last() else { break };
        after = last.change.0;
        changes::end_all(tx, &live, code, now).await?;
        shift(tx, &live, now).await?;
    }
    users::end_with_token(tx, token, code, now).await?;
    sql(
        "ending a token's jobs",
        "UPDATE jobs
         SET state = 'failed', error_code = $2, error_text = $3, ended_at = $4, updated_at = $4
         WHERE token_id = $1 AND state IN ('queued', 'running')",
    )
    .bind(token.0)
    .bind(code)
    .bind("The token was removed before the job was done.")
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

async fn token_and_kind(tx: &mut Tx, id: JobId) -> Result<(Option<TokenId>, JobKind), StoreError> {
    sql("reading a job", "SELECT token_id, kind FROM jobs WHERE id = $1")
        .bind(id.0)
        .maybe(tx, |row| {
            let kind = word("jobs.kind", &row.at::<String>(1)?, JobKind::from_text)?;
            Ok((row.at::<Option<i64>>(0)?.map(TokenId), kind))
        })
        .await?
        .ok_or_else(|| StoreError::Missing(format!("job {id}")))
}
