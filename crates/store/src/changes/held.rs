//! Changes that wait for an approval, since more licenses would be taken back than the token's brakes allow.

use russet_domain::brake::{PATIENCE, Standing, WINDOW};
use russet_domain::change::State;
use russet_domain::{ChangeId, JobId, Timestamp, TokenId};

use super::refuse;
use crate::codec::{count, int};
use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;
use crate::jobs::{Shift, shift};
use crate::{tokens, users};

/// Changes approved, or refused, at once.
const BATCH: usize = 50_000;

/// What was taken back of a token's licenses within the last hour, by us or by Apple for users who were retired, as its brakes count, and what is held as far as Apple has told.
/// What this very moment holds counts as well: a decision that is written as several jobs is one decision.
///
/// # Errors
/// As any statement.
pub(crate) async fn standing(db: &mut Db, token: TokenId, now: Timestamp) -> Result<Standing, StoreError> {
    let (recent, back) = sql(
        "counting what was taken back within the hour",
        "SELECT count(*), count(CASE WHEN state = 'settled' THEN 1 END)
         FROM changes
         WHERE token_id = $1
           AND action = 'revoke'
           AND NOT excused
           AND created_at > $2
           AND (state IN ('planned', 'sent') OR (state = 'held' AND created_at = $3)
             OR (state = 'settled' AND coalesce(error_code, '') <> 'already_gone'))",
    )
    .bind(token.0)
    .bind(now.minus(WINDOW).0)
    .bind(now.0)
    .one(db, |row| Ok((count(row.at(0)?), count(row.at(1)?))))
    .await?;
    let held = sql(
        "counting a token's licenses that are held",
        "SELECT CAST(coalesce(sum(assigned), 0) AS BIGINT) FROM assets WHERE token_id = $1",
    )
    .bind(token.0)
    .one(db, |row| row.at::<i64>(0).map(count))
    .await?;
    let retired = users::held::standing(db, token, now).await?;
    Ok(Standing {
        recent: recent.saturating_add(retired.recent),
        back: back.saturating_add(retired.back),
        held,
    })
}

/// Lets everything of a job that waits for an approval be sent, and counts it for no brake any more. Tells how many changes, or
/// users who are retired. May be repeated.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn approve(tx: &mut Tx, token: TokenId, job: JobId, now: Timestamp) -> Result<usize, StoreError> {
    tokens::lock(tx, token).await?;
    let ids = sql(
        "approving what a job wants to take back",
        "UPDATE changes
         SET state = 'planned', excused = true
         WHERE state = 'held'
           AND id IN (SELECT change_id FROM job_changes WHERE job_id = $1 AND NOT withdrawn)
         RETURNING id",
    )
    .bind(job.0)
    .all(tx, |row| row.get("id").map(ChangeId))
    .await?;
    for batch in ids.chunks(BATCH) {
        let moved: Vec<Shift> =
            batch.iter().map(|id| Shift { change: *id, from: State::Held, to: State::Planned }).collect();
        shift(tx, &moved, now).await?;
    }
    Ok(ids.len() + users::held::approve(tx, job, now).await?)
}

/// Tokens of which something has waited longer for an approval than anybody should wait, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn overdue(db: &mut Db, now: Timestamp, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for what nobody approved",
        "SELECT token_id FROM changes WHERE state = 'held' AND created_at < $1
         UNION
         SELECT token_id FROM users WHERE work = 'held' AND wished_at < $1
         ORDER BY token_id
         LIMIT $2",
    )
    .bind(now.minus(PATIENCE).0)
    .bind(int(limit))
    .all(db, |row| row.get("token_id").map(TokenId))
    .await
}

/// Refuses what nobody approved in time, at most 50,000 changes and as many users of a token. Answers the jobs that ended by it.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn expire(tx: &mut Tx, token: TokenId, now: Timestamp) -> Result<Vec<JobId>, StoreError> {
    tokens::lock(tx, token).await?;
    let ids = sql(
        "looking for what nobody approved in time",
        "SELECT id FROM changes WHERE state = 'held' AND created_at < $1 AND +token_id = $2 LIMIT $3",
    )
    .bind(now.minus(PATIENCE).0)
    .bind(token.0)
    .bind(int(BATCH))
    .all(tx, |row| row.get("id").map(ChangeId))
    .await?;
    let refused: Vec<_> = ids.into_iter().map(|id| (id, "not_approved")).collect();
    let mut ended = refuse(tx, token, &refused, now).await?;
    ended.extend(users::held::expire(tx, token, now).await?);
    Ok(ended)
}
