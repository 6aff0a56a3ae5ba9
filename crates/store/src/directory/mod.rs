//! Devices, people and their groups, as other systems tell of them.
//!
//! Whatever can move a license leaves a mark ([`crate::marks`]) in the same transaction.

mod cases;
pub mod devices;
pub mod enrollments;
pub mod groups;
pub mod members;
pub mod people;

pub use cases::{cases, platforms};

use crate::engine::{Sql, Tx, sql};
use crate::error::StoreError;

/// Rows written by one statement: what bounds the size of one JSON text.
const BATCH: usize = 20_000;

/// What became of rows that were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Those that were not known.
    pub new: u64,
    /// All of them.
    pub all: u64,
}

/// Any number that nobody else uses will do.
const LOCK: Sql = Sql {
    // The write transaction is lock enough.
    sqlite: "SELECT 1 AS one",
    postgres: "SELECT 1 AS one FROM (SELECT pg_advisory_xact_lock(7822319456)) AS locked",
};

/// Keeps two writers of the directory from waiting for each other's rows for ever. Held until the transaction ends.
async fn lock(tx: &mut Tx) -> Result<(), StoreError> {
    sql("waiting for other writers of the directory", LOCK).run(tx).await?;
    Ok(())
}
