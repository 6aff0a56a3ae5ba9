//! What an app is told, from JSON to Apple's property lists.

use plist::{Dictionary, Value};
use russet_domain::Secret;
use serde_json::Value as Json;

/// A configuration as a property list has it. What a property list cannot say, null, is left out; whoever takes configurations in
/// refuses it. A text that is no object is nothing.
pub(crate) fn dictionary(told: &Secret) -> Dictionary {
    match serde_json::from_str(told.reveal()) {
        Ok(Json::Object(fields)) => object(fields),
        Ok(_) | Err(_) => Dictionary::new(),
    }
}

fn object(fields: serde_json::Map<String, Json>) -> Dictionary {
    fields.into_iter().filter_map(|(key, value)| Some((key, value_of(value)?))).collect()
}

fn value_of(json: Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(is_so) => is_so.into(),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => number.as_f64()?.into(),
        },
        Json::String(text) => text.into(),
        Json::Array(values) => Value::Array(values.into_iter().filter_map(value_of).collect()),
        Json::Object(fields) => Value::Dictionary(object(fields)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_nothing_and_null_is_left_out() {
        assert!(dictionary(&Secret::new("[1]")).is_empty());
        assert!(dictionary(&Secret::new("{")).is_empty());
        assert_eq!(dictionary(&Secret::new(r#"{"a":null,"b":[null,18446744073709551615]}"#)).len(), 1);
    }
}
