//! Apple's JSON, spelled as Apple spells it, and its conversion by hand into our own types.
//!
//! Every field may be missing, unknown ones are passed over, and a field of an unexpected type costs no more than it must:
//! itself where it does not matter, its record where it names what the record is about, and the whole answer only where
//! reading on would lose something without a word. Each time it is named. See `object` for how.

pub(crate) mod asset;
pub(crate) mod assignment;
pub(crate) mod client_config;
pub(crate) mod error;
pub(crate) mod fault;
pub(crate) mod head;
pub(crate) mod notification;
pub(crate) mod object;
pub(crate) mod page;
pub(crate) mod scalar;
pub(crate) mod service_config;
pub(crate) mod status;
pub(crate) mod user;
pub(crate) mod write;

pub(crate) use fault::{Fault, Notes};
pub(crate) use object::Object;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

/// Reads a whole body as `T`.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault::Json {
        what: match error.classify() {
            Category::Eof => "it ends too early,",
            Category::Syntax => "it is not JSON,",
            Category::Data => "it is JSON, but not an object,",
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

/// Reads a body in a test; it must have no oddities.
#[cfg(test)]
pub(crate) fn read_plain<T>(body: &str, convert: impl FnOnce(&Object<'_>) -> Result<T, Fault>) -> T {
    let notes = Notes::default();
    let value = convert(&Object::read(body.as_bytes(), &notes).unwrap()).unwrap();
    assert_eq!(notes.into_oddities().fields, [""; 0], "{body}");
    value
}

/// Reads a body in a test; gives the value, if any, beside what was odd or wrong.
#[cfg(test)]
pub(crate) fn read_odd<T>(
    body: &str,
    convert: impl FnOnce(&Object<'_>) -> Result<T, Fault>,
) -> (Result<T, String>, Vec<String>) {
    let notes = Notes::default();
    let value = Object::read(body.as_bytes(), &notes).and_then(|object| convert(&object));
    (value.map_err(|fault| fault.to_string()), notes.into_oddities().fields)
}
