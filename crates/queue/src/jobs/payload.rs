//! The JSON of a payload: a version, and at most one id under its own name.

use serde_json::{Map, Value, json};

use crate::Unreadable;

/// What this program writes. It reads this version and all before it.
const VERSION: u64 = 1;

/// A payload without an id.
pub(super) fn write() -> String {
    json!({ "v": VERSION }).to_string()
}

/// A payload that names `id` as `field`.
pub(super) fn write_id(field: &str, id: i64) -> String {
    json!({ "v": VERSION, field: id }).to_string()
}

/// Reads a payload without an id.
pub(super) fn read(payload: &str) -> Result<(), Unreadable> {
    object(payload).map(drop)
}

/// Reads the id that a payload names as `field`.
pub(super) fn read_id(payload: &str, field: &str) -> Result<i64, Unreadable> {
    let object = object(payload)?;
    object
        .get(field)
        .and_then(Value::as_i64)
        .ok_or_else(|| unreadable(format!("it has no number called {field:?}")))
}

fn object(payload: &str) -> Result<Map<String, Value>, Unreadable> {
    let value: Value =
        serde_json::from_str(payload).map_err(|error| unreadable(format!("not JSON: {error}")))?;
    let Value::Object(object) = value else {
        return Err(unreadable("it is not an object".to_owned()));
    };
    match object.get("v").and_then(Value::as_u64) {
        Some(version) if version <= VERSION => Ok(object),
        Some(version) => {
            Err(unreadable(format!("it is of version {version} and this program reads up to {VERSION}")))
        }
        None => Err(unreadable("it has no version".to_owned())),
    }
}

fn unreadable(why: String) -> Unreadable {
    Unreadable { why }
}
