//! Which ticks of the schedule have fired.

use russet_domain::Timestamp;

use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;

/// The latest tick of a kind of work that has fired.
///
/// # Errors
/// As any statement.
pub async fn last_tick(db: &mut Db, kind: &str) -> Result<Option<Timestamp>, StoreError> {
    sql("reading the last tick", "SELECT max(tick) AS tick FROM schedule_ticks WHERE kind = $1")
        .bind(kind)
        .one(db, |row| Ok(row.get::<Option<i64>>("tick")?.map(Timestamp)))
        .await
}

/// Claims a tick, in the transaction of what it sets off. Tells whether it is ours: no tick is given out twice, whoever
/// asks. Older ticks of the kind are forgotten, all but the last few.
///
/// # Errors
/// As any statement.
pub async fn fire(tx: &mut Tx, kind: &str, tick: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
    let written = sql(
        "claiming a tick",
        "INSERT INTO schedule_ticks (kind, tick, fired_at)
         VALUES ($1, $2, $3)
         ON CONFLICT (kind, tick) DO NOTHING",
    )
    .bind(kind)
    .bind(tick.0)
    .bind(now.0)
    .run(tx)
    .await?;
    if written == 0 {
        return Ok(false);
    }
    sql(
        "forgetting old ticks",
        "DELETE FROM schedule_ticks
         WHERE kind = $1
           AND tick < (
               SELECT min(tick)
               FROM (SELECT tick FROM schedule_ticks WHERE kind = $1 ORDER BY tick DESC LIMIT 100) AS latest)",
    )
    .bind(kind)
    .run(tx)
    .await?;
    Ok(true)
}
