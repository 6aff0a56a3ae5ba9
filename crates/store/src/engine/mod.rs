//! Names both database drivers, and is the only module that does.

mod connect;
mod db;
mod failure;
mod statement;

pub use connect::Store;
pub use db::{Db, Reader, Snapshot, Tx};
pub(crate) use statement::{Row, Sql, Statement, bulk, sql};

/// Which of the two databases is on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A file on this machine.
    Sqlite,
    /// A server.
    Postgres,
}
