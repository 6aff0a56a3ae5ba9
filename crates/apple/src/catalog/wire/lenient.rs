//! Reads values of whatever kind they come in.

use serde_json::Value;

/// The first of these fields that is there and not null.
pub(super) fn named<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let object = value.as_object()?;
    names.iter().filter_map(|name| object.get(*name)).find(|value| !value.is_null())
}

/// A text without white space around it, or a number's digits. An empty text is none.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
            (!text.is_empty()).then_some(text)
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A whole number, in quotes or not.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            // Beyond this a float is no exact number any more.
            let is_whole = float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0;
            #[allow(clippy::cast_possible_truncation, reason = "checked just before")]
            is_whole.then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Yes or no, also as a word or number.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => number.as_i64().and_then(|number| match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The entries of a list; a single thing is a list of one.
pub(super) fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}

/// The texts of a list.
pub(super) fn texts(value: &Value) -> Vec<String> {
    items(value).into_iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn neighbors_are_read_and_strangers_are_not() {
        assert_eq!(text(&json!(" 353.0\n")), Some("353.0".to_owned()));
        assert_eq!(text(&json!(361309726)), Some("361309726".to_owned()));
        assert_eq!(text(&json!("  ")), None);
        assert_eq!(whole(&json!("861079254")), Some(861_079_254));
        assert_eq!((whole(&json!(7.0)), whole(&json!(7.5)), whole(&json!(1e300))), (Some(7), None, None));
        assert_eq!(
            (flag(&json!("True")), flag(&json!(0)), flag(&json!([]))),
            (Some(true), Some(false), None)
        );
        assert_eq!(texts(&json!(["a", null, 5, {}])), ["a", "5"]);
        assert_eq!(texts(&json!("a")), ["a"]);
    }
}
