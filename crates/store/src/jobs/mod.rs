//! What clients submitted, and how far it has got.

mod endings;
mod many;
mod syncs;
mod tally;

pub(crate) use endings::{add_note, end_with_token};
pub use endings::{cancel, close_ended, ended, set_result, started};
pub use many::find_many;
pub(crate) use many::insert_many;
pub use syncs::{insert_sync, sync_for};
pub(crate) use tally::{Counted, Counts, Shift, add, add_counted, shift};

pub use crate::submit::retry;

use std::collections::HashMap;

use russet_domain::job::{JobKind, JobState, Priority, Progress};
use russet_domain::{JobId, KeyId, Timestamp, TokenId};

use crate::codec::{among, count, int, json, maybe_time, time, word_in};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::users;

/// The first job that wanted a change. `+ 0` has PostgreSQL look among the jobs of that change: for the least of a column that an index
/// begins with, it would go through all jobs in their order, for each change anew.
macro_rules! first_job {
    ($change:literal) => {
        concat!("(SELECT min(l.job_id + 0) FROM job_changes l WHERE l.change_id = ", $change, ")")
    };
}
pub(crate) use first_job;

/// Who wanted a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client, over HTTP.
    Api,
    /// The schedule.
    Schedule,
    /// The reconciler, for assignments.
    Assignment,
    /// A policy that has a class of drift mended.
    Drift,
}

impl Origin {
    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Schedule => "schedule",
            Self::Assignment => "assignment",
            Self::Drift => "drift",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Api, Self::Schedule, Self::Assignment, Self::Drift]
            .into_iter()
            .find(|origin| origin.as_str() == text)
    }
}

/// A job to be written.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What it asks for.
    pub kind: JobKind,
    /// The token it is about.
    pub token: TokenId,
    /// How urgent it is.
    pub priority: Priority,
    /// Who wanted it.
    pub origin: Origin,
    /// The API key it was submitted with.
    pub key: Option<KeyId>,
    /// Its arguments as they are shown again: a JSON object.
    pub args: String,
    /// What a client should be told about how they were understood: a JSON array of sentences.
    pub notes: String,
    /// What its licenses do while none is free: nothing is being refused, a number is how urgent they are in the line.
    pub line: Option<i64>,
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What it asks for.
    pub kind: JobKind,
    /// The token it is about, which may be gone.
    pub token: Option<TokenId>,
    /// Where it has got to.
    pub state: JobState,
    /// How urgent it is.
    pub priority: Priority,
    /// Who wanted it.
    pub origin: Origin,
    /// The API key it was submitted with.
    pub key: Option<KeyId>,
    /// Its arguments: a JSON object.
    pub args: String,
    /// What a client should be told: a JSON array of sentences.
    pub notes: String,
    /// How urgent its licenses are in the line; nothing when they are refused while none is free.
    pub line: Option<i64>,
    /// Stable name of why it failed.
    pub error_code: Option<String>,
    /// Why it failed, in a sentence.
    pub error_text: Option<String>,
    /// What came out of it, where its changes do not say all: a JSON object.
    pub result: Option<String>,
    /// Its changes by state.
    pub progress: Progress,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When the first of it was sent.
    pub started_at: Option<Timestamp>,
    /// When the last of it ended.
    pub ended_at: Option<Timestamp>,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// Writes a job without changes, such as a sync, in state `queued`. For one with changes see
/// [`submit`](crate::submit::submit).
///
/// # Errors
/// As any statement.
pub async fn insert(tx: &mut Tx, new: &NewJob, now: Timestamp) -> Result<JobId, StoreError> {
    insert_about(tx, new, Some(new.token), now).await
}

/// Writes a job that is about no token in particular; `new.token` counts for nothing.
///
/// # Errors
/// As any statement.
pub async fn insert_for_all(tx: &mut Tx, new: &NewJob, now: Timestamp) -> Result<JobId, StoreError> {
    insert_about(tx, new, None, now).await
}

async fn insert_about(
    tx: &mut Tx,
    new: &NewJob,
    token: Option<TokenId>,
    now: Timestamp,
) -> Result<JobId, StoreError> {
    sql(
        "writing a job",
        "INSERT INTO jobs (kind, token_id, state, priority, origin, key_id, args, notes, line, created_at,
                           updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
         RETURNING id",
    )
    .bind(new.kind.as_str())
    .bind(token.map(|token| token.0))
    .bind(JobState::Queued.as_str())
    .bind(new.priority.as_str())
    .bind(new.origin.as_str())
    .bind(new.key.map(|key| key.0))
    .bind(new.args.as_str())
    .bind(new.notes.as_str())
    .bind(new.line)
    .bind(now.0)
    .one(tx, |row| row.get("id").map(JobId))
    .await
}

/// Writes the same job for many tokens, in one statement.
///
/// # Errors
/// As any statement.
pub async fn insert_for_tokens(
    tx: &mut Tx,
    kind: JobKind,
    tokens: &[TokenId],
    origin: Origin,
    priority: Priority,
    args: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const INSERT: Sql = bulk!(
        "INSERT INTO jobs (kind, token_id, state, priority, origin, args, notes, created_at, updated_at)
         SELECT $2, x.token_id, $3, $4, $5, $6, '[]', $7, $7
         FROM ",
        (0 token_id BIGINT),
        " WHERE true"
    );
    let rows: Vec<_> = tokens.iter().map(|token| (token.0,)).collect();
    sql("writing jobs", INSERT)
        .bind(json(&rows)?)
        .bind(kind.as_str())
        .bind(JobState::Queued.as_str())
        .bind(priority.as_str())
        .bind(origin.as_str())
        .bind(args)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, token_id, state, priority, origin, key_id, args, notes, error_code, error_text, result,
                    planned, sent, settled, refused, waitlisted, held, cancelled, created_at, started_at, ended_at,
                    updated_at, line
             FROM jobs ",
            $rest
        )
    };
}

/// One job.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, id: JobId) -> Result<Option<Job>, StoreError> {
    let found = sql("reading a job", select!("WHERE id = $1")).bind(id.0).all(db, job).await?;
    Ok(told_sending(db, found).await?.pop())
}

/// How far a job has got. Does not count its changes, so it may be asked often.
///
/// # Errors
/// [`StoreError::Missing`] without such a job.
pub async fn progress(db: &mut Db, id: JobId) -> Result<Progress, StoreError> {
    let job = find(db, id).await?.ok_or_else(|| StoreError::Missing(format!("job {id}")))?;
    Ok(job.progress)
}

/// What a list of jobs is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those of this kind.
    pub kind: Option<JobKind>,
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those about this token.
    pub token: Option<TokenId>,
    /// Only those of which something waits for an approval.
    pub held: bool,
    /// Only those about one of these tokens: what the asking API key may see. `None` is all.
    pub among: Option<Vec<TokenId>>,
}

/// Jobs, the newest first, before a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<JobId>,
) -> Result<Vec<Job>, StoreError> {
    const LIST: Sql = Sql {
        sqlite: select!(
            "WHERE id < $1
               AND ($2 IS NULL OR kind = $2)
               AND ($3 IS NULL OR state = $3)
               AND ($4 IS NULL OR token_id = $4)
               AND (held > 0 OR NOT $7)
               AND ($5 IS NULL OR token_id IN (SELECT value FROM json_each($5)))
             ORDER BY id DESC
             LIMIT $6"
        ),
        postgres: select!(
            "WHERE id < $1
               AND ($2 IS NULL OR kind = $2)
               AND ($3 IS NULL OR state = $3)
               AND ($4 IS NULL OR token_id = $4)
               AND (held > 0 OR NOT $7)
               AND ($5 IS NULL OR token_id IN (SELECT value::BIGINT FROM jsonb_array_elements_text($5::jsonb)))
             ORDER BY id DESC
             LIMIT $6"
        ),
    };
    let among = among(filter.among.as_deref())?;
    let found = sql("listing jobs", LIST)
        .bind(after.map_or(i64::MAX, |after| after.0))
        .bind(filter.kind.map(JobKind::as_str))
        .bind(filter.state.map(JobState::as_str))
        .bind(filter.token.map(|token| token.0))
        .bind(among)
        .bind(int(limit))
        .bind(filter.held)
        .all(db, job)
        .await?;
    told_sending(db, found).await
}

/// A token's syncs that have not ended, oldest first. A bounded few, since a sync joins one that waits.
///
/// # Errors
/// As any statement.
pub async fn open_syncs(db: &mut Db, token: TokenId) -> Result<Vec<Job>, StoreError> {
    sql(
        "looking for open syncs",
        select!(
            "WHERE token_id = $1 AND kind = $2 AND state IN ('queued', 'running')
             ORDER BY id
             LIMIT 1000"
        ),
    )
    .bind(token.0)
    .bind(JobKind::SyncToken.as_str())
    .all(db, job)
    .await
}

/// Jobs that read Apple's stores and have not ended, oldest first, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn open_refreshes(db: &mut Db, limit: usize) -> Result<Vec<Job>, StoreError> {
    sql(
        "looking for open readings of stores",
        select!("WHERE kind = $1 AND state IN ('queued', 'running') ORDER BY id LIMIT $2"),
    )
    .bind(JobKind::RefreshCatalog.as_str())
    .bind(int(limit))
    .all(db, job)
    .await
}

/// A token's jobs of one kind that have not ended, oldest first, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn open_of_kind(
    db: &mut Db,
    token: TokenId,
    kind: JobKind,
    limit: usize,
) -> Result<Vec<Job>, StoreError> {
    sql(
        "looking for open jobs of a kind",
        select!(
            "WHERE token_id = $1 AND kind = $2 AND state IN ('queued', 'running')
             ORDER BY id
             LIMIT $3"
        ),
    )
    .bind(token.0)
    .bind(kind.as_str())
    .bind(int(limit))
    .all(db, job)
    .await
}

/// A token's jobs of any kind that have not ended, oldest first, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn open_of_token(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<Job>, StoreError> {
    let found = sql(
        "looking for open jobs",
        select!("WHERE token_id = $1 AND state IN ('queued', 'running') ORDER BY id LIMIT $2"),
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, job)
    .await?;
    told_sending(db, found).await
}

/// A row counts what is `sent`; whether that is still on its way or accepted stands with the requests. Few of those are
/// on their way at any time, so only these are looked through.
async fn told_sending(db: &mut Db, mut jobs: Vec<Job>) -> Result<Vec<Job>, StoreError> {
    const SENDING: Sql = bulk!(
        "SELECT l.job_id, count(*)
         FROM requests r
         JOIN changes c ON c.request_id = r.id AND c.state = 'sent'
         JOIN job_changes l ON l.change_id = c.id AND NOT l.withdrawn
         WHERE r.state = 'sending'
           AND r.token_id IN (SELECT x.token_id FROM ",
        (0 token_id BIGINT, 1 job_id BIGINT),
        ")
         GROUP BY l.job_id"
    );
    let asked: Vec<_> = jobs
        .iter()
        .filter(|job| job.progress.accepted > 0)
        .filter_map(|job| Some((job.token?.0, job.id.0)))
        .collect();
    if asked.is_empty() {
        return Ok(jobs);
    }
    let mut sending: HashMap<i64, i64> = sql("counting changes on their way", SENDING)
        .bind(json(&asked)?)
        .all(db, |row| Ok((row.at(0)?, row.at(1)?)))
        .await?
        .into_iter()
        .collect();
    let of_users = jobs.iter().any(|job| matches!(job.kind, JobKind::ImportUsers | JobKind::RetireUsers));
    if of_users {
        sending.extend(users::told_sending(db, &asked).await?);
    }
    for job in &mut jobs {
        let sending = sending.get(&job.id.0).copied().map_or(0, count).min(job.progress.accepted);
        job.progress.accepted -= sending;
        job.progress.sending += sending;
    }
    Ok(jobs)
}

fn job(row: &Row) -> Result<Job, StoreError> {
    let counted = |column| row.get::<i64>(column).map(count);
    Ok(Job {
        id: JobId(row.get("id")?),
        kind: word_in(row, "kind", JobKind::from_text)?,
        token: row.get::<Option<i64>>("token_id")?.map(TokenId),
        state: word_in(row, "state", JobState::from_text)?,
        priority: word_in(row, "priority", Priority::from_text)?,
        origin: word_in(row, "origin", Origin::from_text)?,
        key: row.get::<Option<i64>>("key_id")?.map(KeyId),
        args: row.get("args")?,
        notes: row.get("notes")?,
        error_code: row.get("error_code")?,
        error_text: row.get("error_text")?,
        result: row.get("result")?,
        progress: Progress {
            planned: counted("planned")?,
            sending: 0,
            // Until `told_sending` has looked.
            accepted: counted("sent")?,
            settled: counted("settled")?,
            refused: counted("refused")?,
            waitlisted: counted("waitlisted")?,
            held: counted("held")?,
            cancelled: counted("cancelled")?,
        },
        created_at: time(row, "created_at")?,
        started_at: maybe_time(row, "started_at")?,
        ended_at: maybe_time(row, "ended_at")?,
        updated_at: time(row, "updated_at")?,
        line: row.get("line")?,
    })
}
