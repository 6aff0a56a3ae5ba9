//! What can go wrong with the database, in words that say what was being done.

use std::error::Error;

/// The driver's own error, kept for the log's chain and never matched on outside this crate.
pub(crate) type Source = Box<dyn Error + Send + Sync>;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The setting cannot be used.
    #[error("store.url {0}")]
    Setting(String),
    /// Connection trouble. Nothing is known about what was attempted, except that a transaction that was not
    /// committed has changed nothing.
    #[error("the database could not be reached while {doing}")]
    Unreachable {
        /// What was attempted.
        doing: &'static str,
        /// What the driver said.
        source: Source,
    },
    /// Others were in the way: a deadlock, a lock or a connection not had in time. Do the whole transaction again.
    #[error("the database was busy while {doing}; trying again will help")]
    Busy {
        /// What was attempted.
        doing: &'static str,
        /// What the driver said.
        source: Source,
    },
    /// What the transaction had read was no longer so when it wrote. Read again, then do the whole transaction again.
    #[error("what was read had changed meanwhile while {doing}; reading again will help")]
    Stale {
        /// What was attempted.
        doing: &'static str,
    },
    /// A row of that name is there already.
    #[error("there is one already, while {doing}")]
    Exists {
        /// What was attempted.
        doing: &'static str,
        /// What the driver said.
        source: Source,
    },
    /// A row that was taken for granted is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// The database refused a statement: a mistake of ours, a full disk, missing rights.
    #[error("the database refused {doing}: {source}")]
    Refused {
        /// What was attempted.
        doing: &'static str,
        /// What the driver said.
        source: Source,
    },
    /// A row holds what this program cannot read.
    #[error("{what} in the database cannot be read: {why}")]
    Unreadable {
        /// Table and column.
        what: &'static str,
        /// What is wrong with it; never a secret.
        why: String,
    },
    /// The tables are older than this program.
    #[error(
        "the database has schema {found} and this program needs {needed}: run `russet migrate`, then start again"
    )]
    SchemaBehind {
        /// What the database has; 0 is an empty one.
        found: i64,
        /// What this program was built for.
        needed: i64,
    },
    /// The tables are newer than this program.
    #[error(
        "the database has schema {found}, made by a newer russet; this program knows {known}: install the newer one"
    )]
    SchemaAhead {
        /// What the database has.
        found: i64,
        /// What this program was built for.
        known: i64,
    },
    /// The encryption keys cannot be had, or do not open what is sealed.
    #[error("encryption keys: {0}")]
    Keys(String),
}

impl StoreError {
    /// Whether doing the whole transaction again, a moment later, may well succeed.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Stale { .. } => true,
            Self::Setting(_)
            | Self::Exists { .. }
            | Self::Missing(_)
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::SchemaBehind { .. }
            | Self::SchemaAhead { .. }
            | Self::Keys(_) => false,
        }
    }
}
