//! Lists and single things as tables of fields that the server names.

use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::client::Client;
use crate::error::CliError;
use crate::print;

/// Prints a list: for people a table with these columns, each a heading and a field.
///
/// # Errors
/// When the server cannot be asked or refuses.
pub(super) async fn list<const N: usize>(
    client: &Client,
    access: &AccessArgs,
    (path, query): (&str, &[(&str, String)]),
    limit: u32,
    columns: [(&str, &str); N],
) -> Result<(), CliError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let items = client.list(path, query, limit).await?;
    if access.json {
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    let rows = items.iter().map(|item| columns.map(|(_, field)| text(item.get(field))));
    print::table(columns.map(|(heading, _)| heading), rows);
    Ok(())
}

/// Prints one thing: for people its fields, one a line.
pub(super) fn one(access: &AccessArgs, value: &Value) {
    if access.json {
        print::json(value);
        return;
    }
    let fields = value.as_object().into_iter().flatten();
    let facts: Vec<(&str, String)> = fields
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.as_str(), text(Some(value))))
        .collect();
    print::facts(&facts);
}

/// A value as a person reads it.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::Array(items)) => items.iter().map(|item| text(Some(item))).collect::<Vec<_>>().join(", "),
        Some(Value::Object(fields)) => {
            let facts = fields.iter().filter(|(_, value)| !value.is_null());
            facts.map(|(name, value)| format!("{name} {}", text(Some(value)))).collect::<Vec<_>>().join(", ")
        }
        Some(other @ Value::Number(_)) => other.to_string(),
    }
}

/// The fields that are set, as a body.
pub(super) fn body<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let set = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(set.collect())
}
