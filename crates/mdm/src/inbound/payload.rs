//! What devices say, as property lists.

use plist::{Dictionary, Value};
use russet_domain::install::{Answer, Rejection};

use super::{Answered, App, DeviceFacts, Unreadable, platform};

/// The longest error that is kept in words.
const DETAIL_MAX: usize = 500;
/// The most errors of a chain that are read.
const CHAIN_MAX: usize = 10;
/// The most apps of one device that are kept.
const APPS_MAX: usize = 5_000;

fn dictionary(body: &[u8]) -> Result<Dictionary, Unreadable> {
    let unreadable =
        |why: String| Unreadable::new(format!("what the device said is no property list: {why}"));
    let value = Value::from_reader_xml(body).map_err(|error| unreadable(error.to_string()))?;
    value.into_dictionary().ok_or_else(|| unreadable("it is not a dictionary".to_owned()))
}

fn text(fields: &Dictionary, key: &str) -> Option<String> {
    fields.get(key)?.as_string().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A number, also one that is spelled as a text.
fn number(fields: &Dictionary, key: &str) -> Option<i64> {
    match fields.get(key)? {
        Value::Integer(number) => number.as_signed(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// What a device says of itself: at the top level when it enrolls, under `QueryResponses` when it was asked.
pub(super) fn facts(body: &[u8]) -> Result<DeviceFacts, Unreadable> {
    Ok(facts_in(&dictionary(body)?))
}

fn facts_in(fields: &Dictionary) -> DeviceFacts {
    let model = ["ProductName", "Model", "ModelName"].into_iter().find_map(|key| text(fields, key));
    DeviceFacts {
        serial: text(fields, "SerialNumber"),
        platform: model.as_deref().and_then(platform),
        os_version: text(fields, "OSVersion"),
        time_zone: text(fields, "TimeZone"),
        supervised: fields.get("IsSupervised").and_then(Value::as_boolean),
    }
}

/// The report that a device sends with `DeclarativeManagement`, as JSON; nothing when it fetches something instead
/// (<https://developer.apple.com/documentation/devicemanagement/declarativemanagementrequest>).
pub(super) fn status_report(body: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
    let mut fields = dictionary(body)?;
    if text(&fields, "Endpoint").as_deref() != Some("status") {
        return Ok(None);
    }
    Ok(fields.remove("Data").and_then(Value::into_data))
}

/// Reads an answer; its command is named by whoever asks.
pub(super) fn answer(status: &str, body: &[u8]) -> Result<Answered, Unreadable> {
    let fields = dictionary(body)?;
    let chain = chain(&fields);
    let answer = match status {
        "Acknowledged" => Answer::Acknowledged {
            rejection: text(&fields, "RejectionReason").map(|word| Rejection::from_text(&word)),
        },
        "NotNow" => Answer::NotNow,
        // `CommandFormatError`, and what Apple may add.
        _ => Answer::Error { numbers: chain.iter().map(|(number, _, _)| *number).collect() },
    };
    Ok(Answered {
        command_uuid: String::new(),
        answer,
        detail: detail(&chain).or_else(|| text(&fields, "RejectionReason")),
        bundle_id: text(&fields, "Identifier"),
        apps: apps(&fields),
        facts: fields.get("QueryResponses").and_then(Value::as_dictionary).map(facts_in),
    })
}

/// Number, domain and words of each error, the outermost first.
fn chain(fields: &Dictionary) -> Vec<(i64, String, Option<String>)> {
    let Some(chain) = fields.get("ErrorChain").and_then(Value::as_array) else { return Vec::new() };
    let one = |error: &Value| {
        let error = error.as_dictionary()?;
        let words = text(error, "USEnglishDescription").or_else(|| text(error, "LocalizedDescription"));
        Some((number(error, "ErrorCode")?, text(error, "ErrorDomain").unwrap_or_default(), words))
    };
    chain.iter().take(CHAIN_MAX).filter_map(one).collect()
}

fn detail(chain: &[(i64, String, Option<String>)]) -> Option<String> {
    let words = chain.iter().find_map(|(_, _, words)| words.as_deref()).unwrap_or("Error");
    let numbers: Vec<String> =
        chain.iter().map(|(number, domain, _)| format!("{domain} {number}").trim().to_owned()).collect();
    let text = format!("{words} ({})", numbers.join("; "));
    (!chain.is_empty()).then(|| text.chars().filter(|c| !c.is_control()).take(DETAIL_MAX).collect())
}

/// Apps from either of the two lists that devices make.
fn apps(fields: &Dictionary) -> Option<Vec<App>> {
    if let Some(managed) = fields.get("ManagedApplicationList").and_then(Value::as_dictionary) {
        let app = |(bundle_id, app): (&String, &Value)| {
            let app = app.as_dictionary()?;
            let status = text(app, "Status").unwrap_or_else(|| "Unknown".to_owned());
            Some(app_of(bundle_id.clone(), status, app))
        };
        return Some(managed.iter().take(APPS_MAX).filter_map(app).collect());
    }
    let installed = fields.get("InstalledApplicationList").and_then(Value::as_array)?;
    let app = |app: &Value| {
        let app = app.as_dictionary()?;
        // This list says nothing of managing; asked for managed apps only, it holds no others.
        Some(app_of(text(app, "Identifier")?, "Managed".to_owned(), app))
    };
    Some(installed.iter().take(APPS_MAX).filter_map(app).collect())
}

fn app_of(bundle_id: String, status: String, fields: &Dictionary) -> App {
    // Zero is what systems say of an app that is not from the store.
    let version = number(fields, "ExternalVersionIdentifier").filter(|version| *version > 0);
    App {
        bundle_id,
        status,
        version,
        shown: text(fields, "ShortVersion").or_else(|| text(fields, "Version")),
    }
}
