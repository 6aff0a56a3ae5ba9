//! Takes back what a job did, as a job of its own.

use russet_domain::change::Action;
use russet_domain::{AssetId, Holder, JobId};

use super::Wish;
use crate::codec::{action, holder, int};
use crate::engine::{Db, sql};
use crate::error::StoreError;

/// The licenses that a job moved and that are still as it left them, at most `limit`, with the way they went. What was wished of a
/// license since then is newer than the job and stays.
///
/// # Errors
/// As any statement.
pub async fn undoable(db: &mut Db, job: JobId, limit: usize) -> Result<Vec<(Action, Wish)>, StoreError> {
    sql(
        "looking for what of a job can be undone",
        "SELECT c.action, c.asset_id, c.holder_kind, c.holder_id
         FROM job_changes j
         JOIN changes c ON c.id = j.change_id
         LEFT JOIN licenses l
           ON l.asset_id = c.asset_id AND l.holder_kind = c.holder_kind AND l.holder_id = c.holder_id
         WHERE j.job_id = $1
           AND NOT j.withdrawn
           AND c.state = 'settled'
           AND c.error_code IS NULL
           AND coalesce(l.held, false) = (c.action = 'assign')
           AND NOT EXISTS (
               SELECT 1
               FROM changes n
               WHERE n.holder_id = c.holder_id AND n.asset_id = c.asset_id AND n.holder_kind = c.holder_kind
                 AND n.id > c.id AND n.state NOT IN ('cancelled', 'refused'))
         ORDER BY c.id
         LIMIT $2",
    )
    .bind(job.0)
    .bind(int(limit))
    .all(db, |row| {
        let wish = Wish { asset: AssetId(row.at(1)?), holder: holder(&row.at::<String>(2)?, row.at(3)?)? };
        Ok((action(&row.at::<String>(0)?)?, wish))
    })
    .await
}

/// What a job is still to move: which way, which license, and whether it waits for an approval. At most `limit`.
///
/// # Errors
/// As any statement.
pub async fn still_to_move(
    db: &mut Db,
    job: JobId,
    limit: usize,
) -> Result<Vec<(Action, (AssetId, Holder), bool)>, StoreError> {
    sql(
        "looking for what a job is to move",
        "SELECT c.action, c.asset_id, c.holder_kind, c.holder_id, c.state = 'held'
         FROM job_changes j
         JOIN changes c ON c.id = j.change_id
         WHERE j.job_id = $1 AND NOT j.withdrawn AND c.slot IS NOT NULL
         ORDER BY c.id
         LIMIT $2",
    )
    .bind(job.0)
    .bind(int(limit))
    .all(db, |row| {
        let pair = (AssetId(row.at(1)?), holder(&row.at::<String>(2)?, row.at(3)?)?);
        Ok((action(&row.at::<String>(0)?)?, pair, row.at(4)?))
    })
    .await
}
