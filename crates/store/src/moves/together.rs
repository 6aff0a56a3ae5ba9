//! The moves of one user's license of one asset, looked at together: the license goes when all the user's devices are ready.

use russet_domain::moving::{MoveState, Together};
use russet_domain::{AssetId, JobId, Timestamp};

use super::steps::count_steps;
use crate::codec::{count, int, json, word};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// The moves of one user's license of one asset, at least one of which is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The asset.
    pub asset: AssetId,
    /// The user.
    pub user: String,
    /// How they stand.
    pub together: Together,
}

/// A job's groups of moves with at least one that is ready, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn groups(db: &mut Db, job: JobId, limit: usize) -> Result<Vec<Group>, StoreError> {
    sql(
        "looking which users' licenses can be taken back",
        "SELECT m.asset_id, m.user_id,
                sum(CASE WHEN m.state IN ('planned', 'assigning', 'assigned', 'telling') THEN 1 ELSE 0 END),
                sum(CASE WHEN m.state IN ('refused', 'cancelled') THEN 1 ELSE 0 END),
                sum(CASE
                    WHEN m.state = 'told' AND NOT EXISTS (
                        SELECT 1
                        FROM licenses l
                        WHERE l.asset_id = m.asset_id AND l.holder_kind = 'd' AND l.holder_id = m.serial AND l.held)
                    THEN 1
                    ELSE 0
                END),
                sum(CASE
                    WHEN m.state = 'told' AND EXISTS (
                        SELECT 1
                        FROM moves o
                        WHERE o.asset_id = m.asset_id
                          AND o.user_id = m.user_id
                          AND o.job_id <> m.job_id
                          AND o.state IN ('planned', 'assigning', 'assigned', 'telling'))
                    THEN 1
                    ELSE 0
                END)
         FROM moves m
         WHERE m.job_id = $1
         GROUP BY m.asset_id, m.user_id
         HAVING sum(CASE WHEN m.state = 'told' THEN 1 ELSE 0 END) > 0
         LIMIT $2",
    )
    .bind(job.0)
    .bind(int(limit))
    .all(db, |row| {
        let counted = |place| row.at::<i64>(place).map(count);
        Ok(Group {
            asset: AssetId(row.at(0)?),
            user: row.at(1)?,
            together: Together { not_ready: counted(2)? + counted(5)?, failed: counted(3)?, lost: counted(4)? },
        })
    })
    .await
}

/// Takes the same step with all ready moves of groups, each with a code when it is refused. The caller holds the token's
/// lock. Tells how many moves it was.
///
/// # Errors
/// As any statement.
pub async fn shift_groups(
    tx: &mut Tx,
    job: JobId,
    groups: &[(&Group, MoveState, Option<&str>)],
    now: Timestamp,
) -> Result<u64, StoreError> {
    const SHIFT: Sql = bulk!(
        "UPDATE moves
         SET state = x.to_state,
             error_code = x.code,
             error_number = NULL,
             updated_at = $2,
             ended_at = CASE WHEN x.ends THEN $2 END
         FROM ",
        (0 asset_id BIGINT, 1 user_id TEXT, 2 to_state TEXT, 3 code TEXT, 4 ends BOOLEAN),
        " WHERE moves.job_id = $3
            AND moves.asset_id = x.asset_id
            AND moves.user_id = x.user_id
            AND moves.state = 'told'
          RETURNING state"
    );
    if groups.is_empty() {
        return Ok(0);
    }
    let rows: Vec<_> = groups
        .iter()
        .map(|(group, to, code)| (group.asset.0, &group.user, to.as_str(), code, to.has_ended()))
        .collect();
    let reached = sql("taking steps of users' moves", SHIFT)
        .bind(json(&rows)?)
        .bind(now.0)
        .bind(job.0)
        .all(tx, |row| word("moves.state", &row.get::<String>("state")?, MoveState::from_text))
        .await?;
    count_steps(tx, job, MoveState::Told, &reached, now).await
}
