//! Why a look at a store ended early, and what that means for the rest of it.

use std::time::Duration;

use russet_apple::catalog::CatalogError;
use russet_store::StoreError;

use crate::error::JobError;

/// Why a look ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Something of ours did not answer, or it is not our turn: the message ends as that says.
    Job(JobError),
    /// The developer key is not taken: the legacy lookup is left.
    Key(String),
    /// The location's token is not taken: another one may be.
    Token(String),
    /// Apple does not answer, or was asked too often.
    Later {
        /// What happened.
        why: String,
        /// How long Apple wants to be left alone.
        wait: Option<Duration>,
    },
    /// It will not work before somebody changes something.
    Never(String),
}

impl From<JobError> for Stop {
    fn from(error: JobError) -> Self {
        Self::Job(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Job(error.into())
    }
}

impl From<CatalogError> for Stop {
    fn from(error: CatalogError) -> Self {
        let why = error.to_string();
        match error {
            CatalogError::Key { .. } => Self::Key(why),
            // Single products that are refused are dealt with where they are asked for.
            CatalogError::Token { .. } | CatalogError::Ids { .. } => Self::Token(why),
            CatalogError::TooFast { retry_after } | CatalogError::Later { retry_after, .. } => {
                Self::Later { why, wait: retry_after }
            }
            CatalogError::Address { .. } => Self::Never(why),
        }
    }
}
