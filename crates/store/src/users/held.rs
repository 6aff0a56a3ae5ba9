//! Retirements that wait for an approval, since Apple would take back more licenses for them than the token's brakes allow.

use russet_domain::brake::{Brakes, PATIENCE, Standing, WINDOW};
use russet_domain::change::State;
use russet_domain::{JobId, Timestamp, TokenId, UserId};

use super::entries::{self, Move};
use crate::changes::held;
use crate::codec::{count, int, json};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::policies;

/// Users whose retirement is refused at once.
const BATCH: usize = 50_000;

/// What retirements took back of a token's licenses within the last hour, or are about to, that nobody approved; `held` is not told.
/// Those that wait for an approval, or were cancelled, take back nothing.
pub(crate) async fn standing(db: &mut Db, token: TokenId, now: Timestamp) -> Result<Standing, StoreError> {
    sql(
        "counting what retired users gave back within the hour",
        "SELECT CAST(coalesce(sum(r.licenses), 0) AS BIGINT),
                CAST(coalesce(sum(CASE WHEN j.state = 'succeeded' THEN r.licenses END), 0) AS BIGINT)
         FROM retirements r
         JOIN jobs j ON j.id = r.job_id
         WHERE r.token_id = $1
           AND r.at > $2
           AND NOT r.excused
           AND j.held = 0
           AND j.state NOT IN ('cancelled', 'failed')",
    )
    .bind(token.0)
    .bind(now.minus(WINDOW).0)
    .one(db, |row| Ok(Standing { recent: row.at(0).map(count)?, back: row.at(1).map(count)?, held: 0 }))
    .await
}

/// Notes what the retirement of these users takes back, and tells in a sentence why that may not be without an approval; nothing when it
/// may. Licenses that Apple never takes back do not count: they are lost with the user, whoever agrees.
pub(super) async fn brake(
    tx: &mut Tx,
    (token, job): (TokenId, JobId),
    users: &[&str],
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let licenses = revocable(tx, token, users).await?;
    if licenses == 0 {
        return Ok(None);
    }
    let brakes = Brakes::of(&policies::read(tx, token).await?);
    let why = match brakes.are_off() {
        true => None,
        false => brakes.trip(&held::standing(tx, token, now).await?, licenses),
    };
    note(tx, (token, job), licenses, now).await?;
    Ok(why)
}

async fn note(
    tx: &mut Tx,
    (token, job): (TokenId, JobId),
    licenses: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql("forgetting old retirements", "DELETE FROM retirements WHERE token_id = $1 AND at <= $2")
        .bind(token.0)
        .bind(now.minus(WINDOW).0)
        .run(tx)
        .await?;
    sql(
        "noting what a retirement takes back",
        "INSERT INTO retirements (job_id, token_id, at, licenses)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (job_id) DO UPDATE SET at = excluded.at, licenses = excluded.licenses, excused = false",
    )
    .bind(job.0)
    .bind(token.0)
    .bind(now.0)
    .bind(i64::try_from(licenses).unwrap_or(i64::MAX))
    .run(tx)
    .await?;
    Ok(())
}

/// How many licenses Apple takes back when these users are retired.
async fn revocable(tx: &mut Tx, token: TokenId, users: &[&str]) -> Result<u64, StoreError> {
    const HELD: Sql = bulk!(
        "SELECT count(*)
         FROM ",
        (0 holder_id TEXT),
        " CROSS JOIN licenses l
          CROSS JOIN assets a
          WHERE l.holder_id = x.holder_id
            AND l.holder_kind = 'u'
            AND l.held
            AND a.id = l.asset_id
            AND a.revocable
            AND a.token_id = $2"
    );
    let mut all = 0_u64;
    for batch in users.chunks(BATCH) {
        let rows: Vec<_> = batch.iter().map(|id| (id,)).collect();
        all += sql("counting what users hold who are to go", HELD)
            .bind(json(&rows)?)
            .bind(token.0)
            .one(tx, |row| row.at(0).map(count))
            .await?;
    }
    Ok(all)
}

/// Lets every user of a job who waits for an approval be retired, and counts it for no brake any more. Tells how many users. May be
/// repeated. The caller holds the token's lock.
pub(crate) async fn approve(tx: &mut Tx, job: JobId, now: Timestamp) -> Result<usize, StoreError> {
    let ids = sql(
        "looking for who waits for an approval",
        "SELECT user_id FROM job_users WHERE job_id = $1 AND state = 'held'",
    )
    .bind(job.0)
    .all(tx, |row| row.get("user_id").map(UserId))
    .await?;
    // Whose older wish is in flight comes after that.
    sql(
        "approving that a job's users are retired",
        "UPDATE users
         SET work = 'planned', not_before = 0, updated_at = $2
         WHERE work = 'held' AND id IN (SELECT user_id FROM job_users WHERE job_id = $1 AND state = 'held')",
    )
    .bind(job.0)
    .bind(now.0)
    .run(tx)
    .await?;
    sql("excusing a retirement", "UPDATE retirements SET excused = true WHERE job_id = $1")
        .bind(job.0)
        .run(tx)
        .await?;
    let moves: Vec<Move> =
        ids.iter().map(|id| Move::new(*id, State::Held, State::Planned, None, None)).collect();
    entries::shift(tx, &moves, now).await?;
    Ok(ids.len())
}

/// Refuses what nobody approved in time, at most 50,000 users of a token; they stay in the program. Answers the jobs that ended by it.
/// The caller holds the token's lock.
pub(crate) async fn expire(tx: &mut Tx, token: TokenId, now: Timestamp) -> Result<Vec<JobId>, StoreError> {
    let ids = sql(
        "giving up on retirements that nobody approved",
        "UPDATE users
         SET work = 'none',
             wish = CASE WHEN status IS NULL OR status IN ('Retired', 'Deleted') THEN 'none' ELSE 'active' END,
             email = apple_email,
             managed_apple_id = apple_managed_id,
             updated_at = $3
         WHERE id IN (
             SELECT id FROM users WHERE work = 'held' AND wished_at < $1 AND +token_id = $2 LIMIT $4)
         RETURNING id",
    )
    .bind(now.minus(PATIENCE).0)
    .bind(token.0)
    .bind(now.0)
    .bind(int(BATCH))
    .all(tx, |row| row.get("id").map(UserId))
    .await?;
    let moves: Vec<Move> = ids
        .iter()
        .map(|id| Move::new(*id, State::Held, State::Refused, Some("not_approved"), None))
        .collect();
    Ok(entries::shift(tx, &moves, now).await?.ended_jobs)
}
