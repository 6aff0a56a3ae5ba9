//! What devices say, as property lists inside the server's JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat};
use plist::{Dictionary, Value};
use serde_json::json;

use super::device::Device;
use super::webhook::Form;

/// An answer to a command.
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) fields: Dictionary,
}

impl Answer {
    pub(crate) fn acknowledged(fields: Dictionary) -> Self {
        Self { status: "Acknowledged", fields }
    }

    pub(crate) fn not_now() -> Self {
        Self { status: "NotNow", fields: Dictionary::new() }
    }

    /// An error with its chain: number, domain and words of each.
    pub(crate) fn error(chain: &[(i64, &str, &str)]) -> Self {
        let one = |(number, domain, words): &(i64, &str, &str)| {
            let mut error = Dictionary::new();
            error.insert("ErrorCode".to_owned(), Value::Integer((*number).into()));
            error.insert("ErrorDomain".to_owned(), (*domain).into());
            error.insert("LocalizedDescription".to_owned(), (*words).into());
            error.insert("USEnglishDescription".to_owned(), (*words).into());
            Value::Dictionary(error)
        };
        let mut fields = Dictionary::new();
        fields.insert("ErrorChain".to_owned(), Value::Array(chain.iter().map(one).collect()));
        Self { status: "Error", fields }
    }
}

/// Something that the server tells.
pub(crate) struct Event {
    topic: &'static str,
    /// Status and command, of an answer.
    answer: Option<(&'static str, Option<String>)>,
    tally: Option<u64>,
    payload: Dictionary,
}

/// The product that a command is about.
pub(crate) fn adam_id(fields: &Dictionary) -> Option<String> {
    fields.get("iTunesStoreID")?.as_signed_integer().map(|number| number.to_string())
}

/// What an install says of how the app is to stand on the device, under Apple's names.
pub(crate) fn settings(fields: &Dictionary) -> Dictionary {
    ["ManagementFlags", "Attributes", "Configuration"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), fields.get(name)?.clone())))
        .collect()
}

pub(crate) fn idle(udid: &str) -> Event {
    let mut payload = Dictionary::new();
    payload.insert("UDID".to_owned(), udid.into());
    payload.insert("Status".to_owned(), "Idle".into());
    Event { topic: "mdm.Connect", answer: Some(("Idle", None)), tally: None, payload }
}

pub(crate) fn answered(udid: &str, uuid: &str, answer: Answer) -> Event {
    let mut payload = Dictionary::new();
    payload.insert("CommandUUID".to_owned(), uuid.into());
    payload.insert("Status".to_owned(), answer.status.into());
    payload.insert("UDID".to_owned(), udid.into());
    for (key, value) in answer.fields {
        payload.insert(key, value);
    }
    Event { topic: "mdm.Connect", answer: Some((answer.status, Some(uuid.to_owned()))), tally: None, payload }
}

pub(crate) fn authenticate(device: &Device) -> Event {
    let mut payload = check_in("Authenticate", device);
    for (key, value) in [
        ("SerialNumber", device.serial.as_str()),
        ("Model", device.model.as_str()),
        ("OSVersion", device.os_version.as_str()),
        ("ProductName", device.model.as_str()),
    ] {
        payload.insert(key.to_owned(), value.into());
    }
    Event { topic: "mdm.Authenticate", answer: None, tally: None, payload }
}

pub(crate) fn token_update(device: &Device) -> Event {
    Event { topic: "mdm.TokenUpdate", answer: None, tally: Some(1), payload: check_in("TokenUpdate", device) }
}

pub(crate) fn check_out(device: &Device) -> Event {
    Event { topic: "mdm.CheckOut", answer: None, tally: None, payload: check_in("CheckOut", device) }
}

/// What a device asks of its declarations, or tells of them.
pub(crate) fn declarative(udid: &str, endpoint: &str, data: Option<Vec<u8>>) -> Event {
    let mut payload = Dictionary::new();
    payload.insert("MessageType".to_owned(), "DeclarativeManagement".into());
    payload.insert("UDID".to_owned(), udid.into());
    payload.insert("Endpoint".to_owned(), endpoint.into());
    if let Some(data) = data {
        payload.insert("Data".to_owned(), Value::Data(data));
    }
    Event { topic: "mdm.DeclarativeManagement", answer: None, tally: None, payload }
}

fn check_in(kind: &str, device: &Device) -> Dictionary {
    let mut payload = Dictionary::new();
    payload.insert("MessageType".to_owned(), kind.into());
    payload.insert("UDID".to_owned(), (*device.udid).into());
    payload.insert("Topic".to_owned(), "com.apple.mgmt.External.simulated".into());
    payload
}

fn spelled(payload: Dictionary) -> Vec<u8> {
    let mut raw = Vec::new();
    if let Err(error) = Value::Dictionary(payload).to_writer_xml(&mut raw) {
        tracing::error!(%error, "a device's words cannot be spelled");
    }
    raw
}

impl Event {
    /// What the device said.
    pub(crate) fn into_plist(self) -> Vec<u8> {
        spelled(self.payload)
    }

    /// The body of the webhook.
    pub(crate) fn into_json(self, udid: &str, number: u64, now_ms: i64, form: Form) -> Vec<u8> {
        let created = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
        let mut said = json!({ "udid": udid, "raw_payload": STANDARD.encode(spelled(self.payload)) });
        match form {
            Form::Nanomdm => said["ids"] = json!({ "id": udid, "type": "Device" }),
            Form::Micromdm => {}
        }
        let name = match self.answer {
            Some((status, uuid)) => {
                said["status"] = status.into();
                if let Some(uuid) = uuid {
                    said["command_uuid"] = uuid.into();
                }
                "acknowledge_event"
            }
            None => {
                if let Some(tally) = self.tally {
                    said["token_update_tally"] = tally.into();
                }
                "checkin_event"
            }
        };
        let body = json!({
            "topic": self.topic,
            "event_id": format!("{number:016x}"),
            "created_at": created.to_rfc3339_opts(SecondsFormat::Nanos, true),
            name: said,
        });
        body.to_string().into_bytes()
    }
}
