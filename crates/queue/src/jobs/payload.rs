//! The JSON of a payload: a version, and ids under their own names.

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

/// A payload that names several ids.
pub(super) fn write_ids(ids: &[(&str, i64)]) -> String {
    let fields = ids.iter().map(|(field, id)| ((*field).to_owned(), json!(id)));
    Value::Object([("v".to_owned(), json!(VERSION))].into_iter().chain(fields).collect()).to_string()
}

/// A payload that names words.
pub(super) fn write_words(words: &[(&str, &str)]) -> String {
    let fields = words.iter().map(|(field, word)| ((*field).to_owned(), json!(word)));
    Value::Object([("v".to_owned(), json!(VERSION))].into_iter().chain(fields).collect()).to_string()
}

/// Reads the word that a payload names as `field`.
pub(super) fn read_word(payload: &str, field: &str) -> Result<String, Unreadable> {
    let word = object(payload)?.get(field).and_then(Value::as_str).map(str::to_owned);
    word.ok_or_else(|| unreadable(format!("it has no text called {field:?}")))
}

/// Reads a payload without an id.
pub(super) fn read(payload: &str) -> Result<(), Unreadable> {
    object(payload).map(drop)
}

/// Reads the id that a payload names as `field`.
pub(super) fn read_id(payload: &str, field: &str) -> Result<i64, Unreadable> {
    maybe_id(payload, field)?.ok_or_else(|| unreadable(format!("it has no number called {field:?}")))
}

/// Reads the id that a payload may name as `field`: one that was added later is missing in older messages.
pub(super) fn maybe_id(payload: &str, field: &str) -> Result<Option<i64>, Unreadable> {
    Ok(object(payload)?.get(field).and_then(Value::as_i64))
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
