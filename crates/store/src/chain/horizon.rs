//! Up to which numbers no row can come any more.
//!
//! PostgreSQL gives numbers out before it commits, so that a row may appear below one that was seen before. So what is seen is noted
//! together with the transactions that might still be under way, and is sure once all of them have ended. SQLite has one writer.

use crate::engine::{Db, Sql, Tx, sql};
use crate::error::StoreError;

/// The highest numbers of both tables that were seen at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Horizon {
    pub(super) audit: i64,
    pub(super) movements: i64,
}

/// The horizon that was noted last, if no transaction can add a row below it any more.
pub(super) async fn sure(db: &mut Db) -> Result<Option<Horizon>, StoreError> {
    const SURE: Sql = Sql {
        sqlite: "SELECT audit, movements FROM chain_horizon WHERE id = 1",
        postgres: "SELECT audit, movements
                   FROM chain_horizon
                   WHERE id = 1
                     AND transactions <= CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)",
    };
    sql("looking which rows can be sealed", SURE)
        .maybe(db, |row| Ok(Horizon { audit: row.at(0)?, movements: row.at(1)? }))
        .await
}

/// Notes what is seen now in place of a horizon up to which everything is sealed. Tells whether it is farther off; a horizon that is not
/// sure yet stays.
pub(super) async fn move_on(tx: &mut Tx, sealed: &Horizon) -> Result<bool, StoreError> {
    const NOTE: Sql = Sql {
        sqlite: "INSERT INTO chain_horizon (id, audit, movements, transactions)
                 SELECT 1, (SELECT coalesce(max(id), 0) FROM audit), (SELECT coalesce(max(id), 0) FROM movements), 0
                 WHERE true
                 ON CONFLICT (id) DO UPDATE
                 SET audit = excluded.audit, movements = excluded.movements, transactions = excluded.transactions
                 WHERE (excluded.audit > chain_horizon.audit OR excluded.movements > chain_horizon.movements)
                   AND chain_horizon.audit = $1 AND chain_horizon.movements = $2",
        postgres: "INSERT INTO chain_horizon (id, audit, movements, transactions)
                   SELECT 1, (SELECT coalesce(max(id), 0) FROM audit), (SELECT coalesce(max(id), 0) FROM movements),
                          CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)
                   ON CONFLICT (id) DO UPDATE
                   SET audit = excluded.audit, movements = excluded.movements, transactions = excluded.transactions
                   WHERE (excluded.audit > chain_horizon.audit OR excluded.movements > chain_horizon.movements)
                     AND chain_horizon.audit = $1 AND chain_horizon.movements = $2",
    };
    let noted = sql("noting which rows are to be sealed", NOTE)
        .bind(sealed.audit)
        .bind(sealed.movements)
        .run(tx)
        .await?;
    Ok(noted > 0)
}
