//! Makes it seen when somebody alters the audit log or the history of licenses: their rows are sealed in blocks, each of which has a
//! hash of its rows and of the block before it.
//!
//! Whoever can write the database can also compute hashes anew from some block on to the end. So the newest hash belongs somewhere else
//! as well: it is logged with every block, and [`verify`] finds whether a hash that somebody kept is still in the chain.
//!
//! Rows are sealed a moment after they were written and not in their own transactions, which would have to wait for one another. Until
//! then a row is outside the chain; a transaction that comes late is sealed by a later block.

use russet_domain::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::codec::{count, int, json, time};
use crate::engine::{Db, Sql, Tx, sql};
use crate::error::StoreError;

/// The most rows of each table in one block: what bounds memory, and how closely a find is told.
const BLOCK_MAX: usize = 5_000;

/// Keeps two processes from sealing at once. Any number that nobody else uses will do.
const LOCK: Sql = Sql {
    sqlite: "SELECT 1 AS one",
    postgres: "SELECT 1 AS one FROM (SELECT pg_advisory_xact_lock(7822319457)) AS locked",
};

/// A block of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number; the first is 1.
    pub id: i64,
    /// When it was sealed.
    pub at: Timestamp,
    /// Lines of the audit log in it.
    pub audit: u64,
    /// Movements of licenses in it.
    pub movements: u64,
    /// The hash of its rows and of the block before it, in hexadecimal.
    pub hash: String,
}

/// What a look at the whole chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Blocks that are as they were sealed, up to the first that is not.
    pub blocks: u64,
    /// Lines of the audit log in them.
    pub audit: u64,
    /// Movements in them.
    pub movements: u64,
    /// Rows that are not sealed yet.
    pub unsealed: u64,
    /// The newest of those blocks.
    pub head: Option<Block>,
    /// What is wrong, in a sentence; nothing when all is well.
    pub broken: Option<String>,
    /// Whether the hash that was looked for is in the chain.
    pub found: bool,
}

/// The rows of a table in the order they are sealed in, as texts: one column, a JSON array that holds everything of a row.
struct Table {
    name: &'static str,
    unsealed: &'static str,
    sealed: &'static str,
    seal: Sql,
}

macro_rules! table {
    ($name:literal, $columns:literal) => {
        Table {
            name: $name,
            unsealed: concat!("SELECT id, ", $columns, " FROM ", $name, " WHERE block IS NULL ORDER BY id LIMIT $1"),
            sealed: concat!("SELECT id, ", $columns, " FROM ", $name, " WHERE block = $1 ORDER BY id LIMIT $2"),
            seal: crate::engine::bulk!(
                concat!("UPDATE ", $name, " SET block = $2 FROM "),
                (0 id BIGINT),
                concat!(" WHERE ", $name, ".id = x.id")
            ),
        }
    };
}

/// Numbers are cast to text, so that every row is read the same way.
const AUDIT: Table =
    table!("audit", "CAST(at AS TEXT), actor, action, subject, detail, NULL, NULL, NULL, NULL, NULL, NULL");
const MOVEMENTS: Table = table!(
    "movements",
    "CAST(at AS TEXT), CAST(token_id AS TEXT), adam_id, pricing_param, holder_kind, holder_id,
     CASE WHEN gained THEN 'gained' ELSE 'lost' END, cause, CAST(change_id AS TEXT), CAST(job_id AS TEXT), event_id"
);

/// What of a row goes into the hash.
#[derive(Serialize)]
struct Line(i64, Vec<Option<String>>);

/// Columns after the number.
const COLUMNS: usize = 11;

/// Seals the oldest rows that are not sealed yet into a new block, at most 5,000 of each table; nothing when there are none. May be
/// repeated, and by several processes at once.
///
/// # Errors
/// As any statement.
pub async fn seal(tx: &mut Tx, now: Timestamp) -> Result<Option<Block>, StoreError> {
    sql("waiting for others who seal", LOCK).run(tx).await?;
    let audit = unsealed(tx, &AUDIT).await?;
    let movements = unsealed(tx, &MOVEMENTS).await?;
    if audit.is_empty() && movements.is_empty() {
        return Ok(None);
    }
    let before = head(tx).await?;
    let mut block = Block {
        id: before.as_ref().map_or(1, |before| before.id + 1),
        at: now,
        audit: count(int(audit.len())),
        movements: count(int(movements.len())),
        hash: String::new(),
    };
    block.hash = hash(before.as_ref(), &block, &audit, &movements)?;
    for (table, lines) in [(&AUDIT, &audit), (&MOVEMENTS, &movements)] {
        if !lines.is_empty() {
            let ids: Vec<_> = lines.iter().map(|line| (line.0,)).collect();
            sql("sealing rows", table.seal).bind(json(&ids)?).bind(block.id).run(tx).await?;
        }
    }
    sql(
        "writing a block of the chain",
        "INSERT INTO chain_blocks (id, at, audit, movements, hash) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(block.id)
    .bind(block.at.0)
    .bind(int(audit.len()))
    .bind(int(movements.len()))
    .bind(block.hash.as_str())
    .run(tx)
    .await?;
    Ok(Some(block))
}

/// Computes the whole chain anew, and looks for a hash that somebody kept. Stops at the first block that is not as it was sealed. Costs
/// time by all rows ever written.
///
/// # Errors
/// As any statement.
pub async fn verify(db: &mut Db, kept: Option<&str>) -> Result<Verdict, StoreError> {
    let mut verdict = Verdict { found: kept.is_none(), ..Verdict::default() };
    for table in [&AUDIT, &MOVEMENTS] {
        verdict.unsealed += rows_without_block(db, table).await?;
    }
    loop {
        let next = verdict.head.as_ref().map_or(1, |head| head.id + 1);
        let Some(block) = block(db, next).await? else { break };
        let audit = sealed(db, &AUDIT, block.id).await?;
        let movements = sealed(db, &MOVEMENTS, block.id).await?;
        if let Some(broken) = judge(verdict.head.as_ref(), &block, &audit, &movements)? {
            verdict.broken = Some(broken);
            return Ok(verdict);
        }
        verdict.blocks += 1;
        verdict.audit += block.audit;
        verdict.movements += block.movements;
        verdict.found |= kept == Some(block.hash.as_str());
        verdict.head = Some(block);
    }
    verdict.broken = beyond(db, verdict.head.as_ref()).await?;
    Ok(verdict)
}

/// What is wrong with a block.
fn judge(
    before: Option<&Block>,
    block: &Block,
    audit: &[Line],
    movements: &[Line],
) -> Result<Option<String>, StoreError> {
    for (what, found, sealed) in [
        ("lines of the audit log", audit.len(), block.audit),
        ("movements of licenses", movements.len(), block.movements),
    ] {
        let found = count(int(found));
        if found != sealed {
            return Ok(Some(format!("block {} was sealed with {sealed} {what} and has {found}", block.id)));
        }
    }
    let is_so = hash(before, block, audit, movements)? == block.hash;
    Ok((!is_so).then(|| format!("a row of block {}, or the block itself, is not as it was sealed", block.id)))
}

/// Rows or blocks that claim a place after the chain's end: then its end was cut off.
async fn beyond(db: &mut Db, head: Option<&Block>) -> Result<Option<String>, StoreError> {
    let after = head.map_or(0, |head| head.id);
    for table in ["audit", "movements", "chain_blocks"] {
        let text = match table {
            "audit" => "SELECT coalesce(max(block), 0) AS newest FROM audit",
            "movements" => "SELECT coalesce(max(block), 0) AS newest FROM movements",
            _ => "SELECT coalesce(max(id), 0) AS newest FROM chain_blocks",
        };
        let newest = sql("looking for the chain's end", text).one(db, |row| row.get::<i64>("newest")).await?;
        if newest > after {
            return Ok(Some(format!(
                "block {} is missing, and `{table}` knows of block {newest}",
                after + 1
            )));
        }
    }
    Ok(None)
}

fn hash(
    before: Option<&Block>,
    block: &Block,
    audit: &[Line],
    movements: &[Line],
) -> Result<String, StoreError> {
    let mut hash = Sha256::new();
    hash.update(before.map_or("", |before| before.hash.as_str()));
    hash.update(format!("\n{} {} {} {}\n", block.id, block.at.0, block.audit, block.movements));
    for (name, lines) in [(AUDIT.name, audit), (MOVEMENTS.name, movements)] {
        for line in lines {
            hash.update(format!("{name} {}\n", json(line)?));
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

async fn unsealed(db: &mut Db, table: &Table) -> Result<Vec<Line>, StoreError> {
    sql("reading rows to be sealed", table.unsealed).bind(int(BLOCK_MAX)).all(db, line).await
}

/// One row more than a block can have is enough to see that it has too many.
async fn sealed(db: &mut Db, table: &Table, block: i64) -> Result<Vec<Line>, StoreError> {
    sql("reading sealed rows", table.sealed).bind(block).bind(int(BLOCK_MAX + 1)).all(db, line).await
}

async fn rows_without_block(db: &mut Db, table: &Table) -> Result<u64, StoreError> {
    let text = match table.name {
        "audit" => "SELECT count(*) AS found FROM audit WHERE block IS NULL",
        _ => "SELECT count(*) AS found FROM movements WHERE block IS NULL",
    };
    sql("counting rows that are not sealed", text).one(db, |row| row.get("found").map(count)).await
}

fn line(row: &crate::engine::Row) -> Result<Line, StoreError> {
    let columns = (1..=COLUMNS).map(|place| row.at::<Option<String>>(place)).collect::<Result<_, _>>()?;
    Ok(Line(row.at(0)?, columns))
}

async fn head(db: &mut Db) -> Result<Option<Block>, StoreError> {
    let text = "SELECT id, at, audit, movements, hash FROM chain_blocks ORDER BY id DESC LIMIT 1";
    sql("reading the newest block of the chain", text).maybe(db, read_block).await
}

async fn block(db: &mut Db, id: i64) -> Result<Option<Block>, StoreError> {
    let text = "SELECT id, at, audit, movements, hash FROM chain_blocks WHERE id = $1";
    sql("reading a block of the chain", text).bind(id).maybe(db, read_block).await
}

fn read_block(row: &crate::engine::Row) -> Result<Block, StoreError> {
    Ok(Block {
        id: row.get("id")?,
        at: time(row, "at")?,
        audit: row.get("audit").map(count)?,
        movements: row.get("movements").map(count)?,
        hash: row.get("hash")?,
    })
}
