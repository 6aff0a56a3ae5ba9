//! Why a chore could not be done.

use std::io;

use russet_services::ServicesError;

/// Why a chore could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XtaskError {
    /// A program ran and failed.
    #[error("{command} ended with code {code}")]
    Ended {
        /// What was run.
        command: String,
        /// Its exit code; 128 and the signal's number for one that a signal ended.
        code: u8,
    },
    /// A program did not run.
    #[error("cannot run {command}: {source}")]
    NotRun {
        /// What was to be run.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// No server to test against.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// The build went well and yet there is no program.
    #[error("cargo built the package russet and named no program; has its [[bin]] another name now?")]
    NoProgram,
}
