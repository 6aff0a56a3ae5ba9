//! Writes and reads jobs that were submitted at the same moment.

use russet_domain::job::JobState;
use russet_domain::{JobId, Timestamp, TokenId};

use super::{Job, NewJob, job, told_sending};
use crate::codec::json;
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// Writes jobs of a token in one statement, each as [`insert`](super::insert) does. Answers their numbers in the order given.
///
/// # Errors
/// As any statement.
pub(crate) async fn insert_many(
    tx: &mut Tx,
    token: TokenId,
    new: &[&NewJob],
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    // Rows get their numbers in the order of their places, so that the smallest number is the first one's.
    const INSERT: Sql = bulk!(
        "INSERT INTO jobs (kind, token_id, state, priority, origin, key_id, args, notes, line, created_at, updated_at)
         SELECT x.kind, $2, $3, x.priority, x.origin, x.key_id, x.args, x.notes, x.line, $4, $4
         FROM ",
        (0 place BIGINT, 1 kind TEXT, 2 priority TEXT, 3 origin TEXT, 4 key_id BIGINT, 5 args TEXT, 6 notes TEXT, 7 line BIGINT),
        " WHERE true
          ORDER BY x.place
          RETURNING id"
    );
    let rows: Vec<_> = new
        .iter()
        .enumerate()
        .map(|(place, new)| {
            let (kind, priority, origin) = (new.kind.as_str(), new.priority.as_str(), new.origin.as_str());
            (place, kind, priority, origin, new.key.map(|key| key.0), &new.args, &new.notes, new.line)
        })
        .collect();
    let mut ids = sql("writing jobs", INSERT)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(JobState::Queued.as_str())
        .bind(now.0)
        .all(tx, |row| row.at(0).map(JobId))
        .await?;
    ids.sort_unstable();
    Ok(ids)
}

/// Jobs by their numbers, in the order of these; those that are not there are left out.
///
/// # Errors
/// As any statement.
pub async fn find_many(db: &mut Db, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
    const FIND: Sql = bulk!(
        "SELECT j.id, j.kind, j.token_id, j.state, j.priority, j.origin, j.key_id, j.args, j.notes, j.error_code, j.error_text,
                j.result, j.planned, j.sent, j.settled, j.refused, j.waitlisted, j.held, j.cancelled, j.created_at,
                j.started_at, j.ended_at, j.updated_at, j.line
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN jobs j WHERE j.id = x.id ORDER BY j.id"
    );
    let rows: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    let found = sql("reading jobs", FIND).bind(json(&rows)?).all(db, job).await?;
    told_sending(db, found).await
}
