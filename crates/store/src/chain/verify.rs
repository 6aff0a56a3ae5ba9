//! Computes the chain anew.

use super::rows::{AUDIT, Line, MOVEMENTS, above, between};
use super::{BLOCK_MAX, Block, Range, Table, block, hash, head};
use crate::codec::{count, int};
use crate::engine::Db;
use crate::error::StoreError;

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

/// Computes the whole chain anew, and looks for a hash that somebody kept. Stops at the first block that is not as it was sealed. Costs
/// time by all rows ever written.
///
/// # Errors
/// As any statement.
pub async fn verify(db: &mut Db, kept: Option<&str>) -> Result<Verdict, StoreError> {
    let mut verdict = Verdict { found: kept.is_none(), ..Verdict::default() };
    let last = head(db).await?.map_or(0, |head| head.id);
    while let Some(next) =
        Some(verdict.head.as_ref().map_or(1, |head| head.id + 1)).filter(|next| *next <= last)
    {
        let Some(block) = block(db, next).await? else {
            verdict.broken = Some(format!("block {next} is missing, and there is a block {last}"));
            return Ok(verdict);
        };
        let audit = sealed(db, &AUDIT, block.audit).await?;
        let movements = sealed(db, &MOVEMENTS, block.movements).await?;
        if let Some(broken) = judge(verdict.head.as_ref(), &block, &audit, &movements)? {
            verdict.broken = Some(broken);
            return Ok(verdict);
        }
        verdict.blocks += 1;
        verdict.audit += block.audit.rows;
        verdict.movements += block.movements.rows;
        verdict.found |= kept == Some(block.hash.as_str());
        verdict.head = Some(block);
    }
    let (audit, movements) =
        verdict.head.as_ref().map_or((0, 0), |block| (block.audit.to, block.movements.to));
    verdict.unsealed = above(db, &AUDIT, audit).await? + above(db, &MOVEMENTS, movements).await?;
    Ok(verdict)
}

/// One row more than a block can have is enough to see that it has too many.
async fn sealed(db: &mut Db, table: &Table, range: Range) -> Result<Vec<Line>, StoreError> {
    between(db, table, (range.from, range.to), BLOCK_MAX + 1).await
}

/// What is wrong with a block.
fn judge(
    before: Option<&Block>,
    block: &Block,
    audit: &[Line],
    movements: &[Line],
) -> Result<Option<String>, StoreError> {
    for (what, found, sealed) in [
        ("lines of the audit log", audit.len(), block.audit.rows),
        ("movements of licenses", movements.len(), block.movements.rows),
    ] {
        let found = count(int(found));
        if found != sealed {
            return Ok(Some(format!("block {} was sealed with {sealed} {what} and has {found}", block.id)));
        }
    }
    let ends = before.map_or((0, 0), |before| (before.audit.to, before.movements.to));
    let follows = (block.audit.from, block.movements.from) == ends;
    let is_so = follows && hash(before, block, audit, movements)? == block.hash;
    Ok((!is_so).then(|| format!("a row of block {}, or the block itself, is not as it was sealed", block.id)))
}
