//! Why a command did not do what was asked, and the exit code that says so.

use russet_config::ConfigError;
use serde_json::{Value, json};

use crate::answers::Problem;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// What was asked for makes no sense, or a file it names cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// Nobody answered, or not as a Russet does.
    #[error("the server at {url} cannot be reached: {why}")]
    Unreachable { url: String, why: String },
    /// The server answered, and said no.
    #[error("{0}")]
    Refused(Problem),
    /// A job, or a part of it, failed. What there is to say has been said.
    #[error("{0}")]
    Job(String),
    /// A server or a check of this process failed.
    #[error("{0}")]
    Failed(String),
}

impl CliError {
    /// The exit code. Scripts rely on these; they never change.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Job(_) | Self::Failed(_) => 1,
            Self::Usage(_) | Self::Settings(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::Refused(_) => 4,
        }
    }

    /// The error for programs.
    pub(crate) fn json(&self) -> Value {
        let code = match self {
            Self::Usage(_) => "usage",
            Self::Settings(_) => "settings",
            Self::Unreachable { .. } => "unreachable",
            Self::Refused(problem) => &problem.code,
            Self::Job(_) => "job_failed",
            Self::Failed(_) => "failed",
        };
        let mut error = json!({ "code": code, "detail": self.to_string() });
        if let Self::Refused(problem) = self {
            error["status"] = json!(problem.status);
            error["detail"] = json!(problem.detail);
            error["errors"] = json!(problem.errors);
        }
        json!({ "error": error })
    }
}

/// An error and all that it came from, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    // Ten are enough for any chain that ends.
    for _ in 0..10 {
        let Some(inner) = source else { break };
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

/// A server's own error, for `map_err`.
pub(crate) fn failed(error: impl std::error::Error) -> CliError {
    CliError::Failed(chain(&error))
}
