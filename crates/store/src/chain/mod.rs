//! Makes it seen when somebody alters the audit log or the history of licenses: their rows are sealed in blocks, each of which has a
//! hash of its rows and of the block before it.
//!
//! Whoever can write the database can also compute hashes anew from some block on to the end. So the newest hash belongs somewhere else
//! as well: it is logged with every block, and [`verify`] finds whether a hash that somebody kept is still in the chain.
//!
//! Rows are sealed a moment after they were written and not in their own transactions, which would have to wait for one another. A block
//! seals the rows of a range of numbers and writes nothing into them: a million licenses that move cost no second writing.

mod horizon;
mod rows;
mod verify;

pub use verify::{Verdict, verify};

use russet_domain::Timestamp;
use sha2::{Digest, Sha256};

use crate::codec::{count, int, json, time};
use crate::engine::{Db, Row, Sql, Tx, sql};
use crate::error::StoreError;
use rows::{AUDIT, Line, MOVEMENTS, Table};

/// The most rows of each table in one block: what bounds memory, and how closely a find is told.
const BLOCK_MAX: usize = 5_000;

/// Keeps two processes from sealing at once. Any number that nobody else uses will do.
const LOCK: Sql = Sql {
    sqlite: "SELECT 1 AS one",
    postgres: "SELECT 1 AS one FROM (SELECT pg_advisory_xact_lock(7822319457)) AS locked",
};

/// Rows of one table that a block seals: those whose numbers are above `from` and up to `to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The number below the first.
    pub from: i64,
    /// The number of the last.
    pub to: i64,
    /// How many rows there are.
    pub rows: u64,
}

/// A block of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number; the first is 1.
    pub id: i64,
    /// When it was sealed.
    pub at: Timestamp,
    /// Lines of the audit log in it.
    pub audit: Range,
    /// Movements of licenses in it.
    pub movements: Range,
    /// The hash of its rows and of the block before it, in hexadecimal.
    pub hash: String,
}

/// Seals the oldest rows that are not sealed yet into a new block, at most 5,000 of each table; nothing when there are none of which it is
/// sure that no transaction can add any below them. May be repeated, and by several processes at once.
///
/// # Errors
/// As any statement.
pub async fn seal(tx: &mut Tx, now: Timestamp) -> Result<Option<Block>, StoreError> {
    sql("waiting for others who seal", LOCK).run(tx).await?;
    let before = head(tx).await?;
    let (audit, movements) = before.as_ref().map_or((0, 0), |block| (block.audit.to, block.movements.to));
    // The second look is for a database of a single writer, where everything that is seen is sure at once.
    for _ in 0..2 {
        let horizon = horizon::sure(tx).await?.unwrap_or_default();
        let audit = rows::between(tx, &AUDIT, (audit, horizon.audit), BLOCK_MAX).await?;
        let movements = rows::between(tx, &MOVEMENTS, (movements, horizon.movements), BLOCK_MAX).await?;
        if !audit.is_empty() || !movements.is_empty() {
            return write(tx, before.as_ref(), &audit, &movements, now).await.map(Some);
        }
        if !horizon::move_on(tx, &horizon).await? {
            return Ok(None);
        }
    }
    Ok(None)
}

async fn write(
    tx: &mut Tx,
    before: Option<&Block>,
    audit: &[Line],
    movements: &[Line],
    now: Timestamp,
) -> Result<Block, StoreError> {
    let range = |before: Option<Range>, lines: &[Line]| {
        let from = before.map_or(0, |before| before.to);
        Range { from, to: lines.last().map_or(from, |line| line.0), rows: count(int(lines.len())) }
    };
    let mut block = Block {
        id: before.map_or(1, |before| before.id + 1),
        at: now,
        audit: range(before.map(|before| before.audit), audit),
        movements: range(before.map(|before| before.movements), movements),
        hash: String::new(),
    };
    block.hash = hash(before, &block, audit, movements)?;
    sql(
        "writing a block of the chain",
        "INSERT INTO chain_blocks
             (id, at, audit_from, audit_to, audit_rows, movements_from, movements_to, movements_rows, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(block.id)
    .bind(block.at.0)
    .bind(block.audit.from)
    .bind(block.audit.to)
    .bind(int(audit.len()))
    .bind(block.movements.from)
    .bind(block.movements.to)
    .bind(int(movements.len()))
    .bind(block.hash.as_str())
    .run(tx)
    .await?;
    Ok(block)
}

fn hash(
    before: Option<&Block>,
    block: &Block,
    audit: &[Line],
    movements: &[Line],
) -> Result<String, StoreError> {
    let mut hash = Sha256::new();
    hash.update(before.map_or("", |before| before.hash.as_str()));
    hash.update(format!("\n{} {}\n", block.id, block.at.0));
    for (table, range, lines) in [(&AUDIT, block.audit, audit), (&MOVEMENTS, block.movements, movements)] {
        hash.update(format!("{} {} {} {}\n", table.name, range.from, range.to, range.rows));
        for line in lines {
            hash.update(format!("{}\n", json(line)?));
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, at, audit_from, audit_to, audit_rows, movements_from, movements_to, movements_rows, hash
             FROM chain_blocks ",
            $rest
        )
    };
}

async fn head(db: &mut Db) -> Result<Option<Block>, StoreError> {
    sql("reading the newest block of the chain", select!("ORDER BY id DESC LIMIT 1")).maybe(db, read).await
}

async fn block(db: &mut Db, id: i64) -> Result<Option<Block>, StoreError> {
    sql("reading a block of the chain", select!("WHERE id = $1")).bind(id).maybe(db, read).await
}

fn read(row: &Row) -> Result<Block, StoreError> {
    let range = |from, to, rows| {
        Ok(Range { from: row.get(from)?, to: row.get(to)?, rows: row.get::<i64>(rows).map(count)? })
    };
    Ok(Block {
        id: row.get("id")?,
        at: time(row, "at")?,
        audit: range("audit_from", "audit_to", "audit_rows")?,
        movements: range("movements_from", "movements_to", "movements_rows")?,
        hash: row.get("hash")?,
    })
}
