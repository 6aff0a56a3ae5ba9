//! Apple's JSON, spelled as Apple spells it, and its conversion by hand into our own types.
//!
//! Every field may be missing, unknown ones are passed over, and what is borrowed from the body is not copied before
//! it is kept.

pub(crate) mod asset;
pub(crate) mod assignment;
pub(crate) mod client_config;
pub(crate) mod error;
pub(crate) mod head;
pub(crate) mod notification;
pub(crate) mod page;
pub(crate) mod scalar;
pub(crate) mod service_config;
pub(crate) mod status;
pub(crate) mod write;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

/// Why a body is not what was asked for. Says where, never what stood there: a body may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It cannot be taken for the object at all.
    #[error("{what} at line {line}, column {column}")]
    Json {
        /// What is wrong.
        what: &'static str,
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// It is an object, but not a sensible one.
    #[error("{0}")]
    Sense(&'static str),
}

/// Reads a whole body as `T`.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault::Json {
        what: match error.classify() {
            Category::Eof => "it ends too early,",
            Category::Syntax => "it is not JSON,",
            Category::Data => "a field is not of the type expected,",
            Category::Io => "it could not be read,",
        },
        line: error.line(),
        column: error.column(),
    })
}

/// Writes the body of a request.
pub(crate) fn body<T: Serialize>(request: &T) -> Vec<u8> {
    // Texts and lists of texts always have a JSON form; an empty body would be refused by Apple and reported.
    serde_json::to_vec(request).unwrap_or_default()
}
