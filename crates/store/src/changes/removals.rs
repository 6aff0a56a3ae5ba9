//! Apps that go from devices together with their licenses: once Apple has taken those back, and not while the brakes hold them.

use std::collections::HashSet;

use russet_domain::{AssetId, JobId, Timestamp, TokenId};

use crate::codec::json;
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::installs;

/// What bounds the size of one JSON text.
const BATCH: usize = 50_000;

/// Has apps removed from devices, by asset and serial number, whose licenses were just asked back: with the change that takes the license
/// back, or at once where the device holds none. A license that will not come back keeps its app. The caller holds the token's lock.
/// May be repeated.
///
/// # Errors
/// As any statement.
pub async fn remove_apps(
    tx: &mut Tx,
    token: TokenId,
    pairs: &[(AssetId, String)],
    now: Timestamp,
) -> Result<(), StoreError> {
    const WITH_LICENSE: Sql = bulk!(
        "UPDATE changes SET removes_app = true FROM ",
        (0 asset_id BIGINT, 1 serial TEXT),
        " WHERE changes.asset_id = x.asset_id
            AND changes.holder_kind = 'd'
            AND changes.holder_id = x.serial
            AND changes.slot IS NOT NULL
            AND changes.action || '' = 'revoke'
          RETURNING changes.asset_id, changes.holder_id"
    );
    const HOLDING: Sql = bulk!(
        "SELECT l.asset_id, l.holder_id
         FROM ",
        (0 asset_id BIGINT, 1 serial TEXT),
        " CROSS JOIN licenses l
          WHERE l.asset_id = x.asset_id AND l.holder_kind = 'd' AND l.holder_id = x.serial AND l.held"
    );
    for batch in pairs.chunks(BATCH) {
        let rows: Vec<_> = batch.iter().map(|(asset, serial)| (asset.0, serial)).collect();
        let rows = json(&rows)?;
        let mut later: HashSet<(AssetId, String)> = HashSet::new();
        for (what, statement) in
            [("having apps go with their licenses", WITH_LICENSE), ("looking who holds licenses", HOLDING)]
        {
            let some = sql(what, statement)
                .bind(rows.as_str())
                .all(tx, |row| Ok((AssetId(row.at(0)?), row.at::<String>(1)?)))
                .await?;
            later.extend(some);
        }
        let at_once: Vec<_> = batch.iter().filter(|pair| !later.contains(pair)).cloned().collect();
        installs::want_removed(tx, token, &at_once, now).await?;
    }
    Ok(())
}

/// A job's licenses that were refused to come back and whose apps were to go with them.
pub(crate) async fn refused_with_apps(tx: &mut Tx, job: JobId) -> Result<Vec<(AssetId, String)>, StoreError> {
    sql(
        "reading which apps were to go with refused licenses",
        "SELECT c.asset_id, c.holder_id
         FROM job_changes l
         JOIN changes c ON c.id = l.change_id
         WHERE l.job_id = $1 AND NOT l.withdrawn AND c.state = 'refused' AND c.removes_app",
    )
    .bind(job.0)
    .all(tx, |row| Ok((AssetId(row.at(0)?), row.at(1)?)))
    .await
}
