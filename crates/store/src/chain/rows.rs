//! The rows that are sealed, as texts: everything of a row counts, and nothing else.

use serde::Serialize;

use crate::codec::{count, int};
use crate::engine::{Db, Row, sql};
use crate::error::StoreError;

/// A table whose rows are sealed in the order of their numbers.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// Rows between two numbers.
    between: &'static str,
    /// How many there are above a number.
    above: &'static str,
}

macro_rules! table {
    ($name:literal, $columns:literal) => {
        Table {
            name: $name,
            between: concat!(
                "SELECT id, ",
                $columns,
                " FROM ",
                $name,
                " WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3"
            ),
            above: concat!("SELECT count(*) AS found FROM ", $name, " WHERE id > $1"),
        }
    };
}

/// The audit log. Numbers are cast to text, so that every row is read the same way.
pub(super) const AUDIT: Table =
    table!("audit", "CAST(at AS TEXT), actor, action, subject, detail, NULL, NULL, NULL, NULL, NULL, NULL");
/// The history of licenses.
pub(super) const MOVEMENTS: Table = table!(
    "movements",
    "CAST(at AS TEXT), CAST(token_id AS TEXT), adam_id, pricing_param, holder_kind, holder_id,
     CASE WHEN gained THEN 'gained' ELSE 'lost' END, cause, CAST(change_id AS TEXT), CAST(job_id AS TEXT), event_id"
);

/// What of a row goes into the hash: its number, and its columns.
#[derive(Serialize)]
pub(super) struct Line(pub(super) i64, Vec<Option<String>>);

/// Columns after the number.
const COLUMNS: usize = 11;

/// The rows above one number and up to another, at most `limit`.
pub(super) async fn between(
    db: &mut Db,
    table: &Table,
    (from, to): (i64, i64),
    limit: usize,
) -> Result<Vec<Line>, StoreError> {
    sql("reading rows that are sealed", table.between)
        .bind(from)
        .bind(to)
        .bind(int(limit))
        .all(db, line)
        .await
}

/// How many rows there are above a number.
pub(super) async fn above(db: &mut Db, table: &Table, number: i64) -> Result<u64, StoreError> {
    sql("counting rows that are not sealed", table.above)
        .bind(number)
        .one(db, |row| row.get("found").map(count))
        .await
}

fn line(row: &Row) -> Result<Line, StoreError> {
    let columns = (1..=COLUMNS).map(|place| row.at::<Option<String>>(place)).collect::<Result<_, _>>()?;
    Ok(Line(row.at(0)?, columns))
}
