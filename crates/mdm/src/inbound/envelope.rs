//! The webhooks of NanoMDM, NanoHUB and MicroMDM: one JSON envelope around what the device said
//! (<https://github.com/micromdm/nanomdm/blob/main/service/webhook/event.json>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Answered, Event, Unreadable, What, payload, status};

#[derive(Deserialize)]
struct Envelope {
    topic: String,
    #[serde(default)]
    acknowledge_event: Option<Acknowledged>,
    #[serde(default)]
    checkin_event: Option<CheckedIn>,
}

#[derive(Deserialize)]
struct Acknowledged {
    #[serde(flatten)]
    who: Who,
    #[serde(default)]
    status: String,
    #[serde(default)]
    command_uuid: Option<String>,
    #[serde(default)]
    raw_payload: Option<String>,
}

#[derive(Deserialize)]
struct CheckedIn {
    #[serde(flatten)]
    who: Who,
    #[serde(default)]
    raw_payload: Option<String>,
}

#[derive(Deserialize)]
struct Who {
    #[serde(default)]
    udid: Option<String>,
    #[serde(default)]
    enrollment_id: Option<String>,
    /// MicroMDM tells none.
    #[serde(default)]
    ids: Option<Ids>,
}

#[derive(Deserialize)]
struct Ids {
    id: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

impl Who {
    /// What the server calls whoever spoke.
    fn id(&self) -> Result<String, Unreadable> {
        let ids = self.ids.as_ref().map(|ids| ids.id.clone());
        // A device under User Enrollment has an enrollment id and no udid.
        ids.or_else(|| self.enrollment_id.clone())
            .or_else(|| self.udid.clone())
            .filter(|id| !id.is_empty())
            .ok_or_else(|| Unreadable::new("it names no device: neither ids.id, enrollment_id nor udid"))
    }

    /// Whether a person on a device spoke, over that person's own channel.
    fn is_person(&self) -> bool {
        let kind = self.ids.as_ref().and_then(|ids| ids.kind.as_deref()).unwrap_or("Device");
        // “User Enrollment (Device)” is a device.
        !kind.contains("Device")
    }
}

pub(super) fn read(body: &[u8]) -> Result<Event, Unreadable> {
    let envelope: Envelope = serde_json::from_slice(body)
        .map_err(|error| Unreadable::new(format!("it is not the JSON of a webhook: {error}")))?;
    match (envelope.acknowledge_event, envelope.checkin_event) {
        (Some(said), _) => answered(said),
        (None, Some(said)) => checked_in(&envelope.topic, said),
        (None, None) => Err(Unreadable::new("it holds neither acknowledge_event nor checkin_event")),
    }
}

fn checked_in(topic: &str, said: CheckedIn) -> Result<Event, Unreadable> {
    let enrollment_id = said.who.id()?;
    let what = match topic {
        _ if said.who.is_person() => What::Other(format!("{topic} of a person")),
        "mdm.Authenticate" => What::Enrolling(payload::facts(&raw(said.raw_payload)?)?),
        "mdm.TokenUpdate" => What::Enrolled,
        "mdm.CheckOut" => What::Unenrolled,
        "mdm.DeclarativeManagement" => match payload::status_report(&raw(said.raw_payload)?)? {
            Some(report) => status::declared(&report, None)?.map_or(What::Seen, What::Declared),
            None => What::Seen,
        },
        other => What::Other(other.to_owned()),
    };
    Ok(Event { enrollment_id, what })
}

fn answered(said: Acknowledged) -> Result<Event, Unreadable> {
    let enrollment_id = said.who.id()?;
    let what = match (said.status.as_str(), said.command_uuid.filter(|uuid| !uuid.is_empty())) {
        ("Idle", _) | (_, None) => What::Seen,
        (status, Some(command_uuid)) => {
            let read = payload::answer(status, &raw(said.raw_payload)?)?;
            What::Answered(Box::new(Answered { command_uuid, ..read }))
        }
    };
    Ok(Event { enrollment_id, what })
}

fn raw(text: Option<String>) -> Result<Vec<u8>, Unreadable> {
    let text = text.ok_or_else(|| Unreadable::new("it has no raw_payload"))?;
    decoded("raw_payload", &text)
}

/// What stands in a field in base64.
pub(super) fn decoded(field: &str, text: &str) -> Result<Vec<u8>, Unreadable> {
    STANDARD.decode(text.trim()).map_err(|_| Unreadable::new(format!("its {field} is not base64")))
}

#[cfg(test)]
mod tests {
    use russet_domain::directory::Platform;
    use russet_domain::install::{Answer, Rejection};

    use super::*;

    fn plist(inner: &str) -> String {
        STANDARD.encode(format!("<?xml version=\"1.0\"?><plist version=\"1.0\"><dict>{inner}</dict></plist>"))
    }

    fn answer(status: &str, inner: &str) -> Event {
        let body = format!(
            r#"{{"topic":"mdm.Connect","event_id":"e","created_at":"2026-01-01T00:00:00Z","acknowledge_event":
               {{"udid":"U","ids":{{"id":"U","type":"Device"}},"status":"{status}","command_uuid":"c","raw_payload":"{}"}}}}"#,
            plist(inner)
        );
        read(body.as_bytes()).unwrap()
    }

    fn said(event: Event) -> Answered {
        match event.what {
            What::Answered(answered) => *answered,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_device_says_which_it_is_when_it_enrolls() {
        let inner = "<key>SerialNumber</key><string>C02</string><key>UDID</key><string>U</string><key>OSVersion</key><string>17.4</string><key>Model</key><string>iPad13,1</string>";
        let body = format!(
            r#"{{"topic":"mdm.Authenticate","checkin_event":{{"udid":"U","raw_payload":"{}"}}}}"#,
            plist(inner)
        );
        let event = read(body.as_bytes()).unwrap();
        let What::Enrolling(facts) = event.what else { panic!("{event:?}") };
        assert_eq!(event.enrollment_id, "U");
        assert_eq!((facts.serial.as_deref(), facts.os_version.as_deref()), (Some("C02"), Some("17.4")));
        assert_eq!(facts.platform, Some(Platform::Ipados));
    }

    #[test]
    fn errors_keep_their_numbers_and_their_words() {
        let chain = "<key>ErrorChain</key><array><dict><key>ErrorCode</key><integer>12064</integer><key>ErrorDomain</key><string>MCMDMErrorDomain</string><key>USEnglishDescription</key><string>License not found</string></dict><dict><key>ErrorCode</key><integer>9610</integer><key>ErrorDomain</key><string>ASD</string></dict></array>";
        let said = said(answer("Error", chain));
        assert_eq!(said.answer, Answer::Error { numbers: vec![12_064, 9_610] });
        assert_eq!(said.detail.as_deref(), Some("License not found (MCMDMErrorDomain 12064; ASD 9610)"));
    }

    #[test]
    fn what_was_acknowledged_can_be_rejected_all_the_same() {
        let inner = "<key>Identifier</key><string>com.a</string><key>RejectionReason</key><string>AppStoreDisabled</string>";
        let said = said(answer("Acknowledged", inner));
        assert_eq!(said.answer, Answer::Acknowledged { rejection: Some(Rejection::StoreDisabled) });
        assert_eq!(said.bundle_id.as_deref(), Some("com.a"));
    }

    #[test]
    fn a_list_of_apps_is_read_whole() {
        let inner = "<key>ManagedApplicationList</key><dict><key>com.a</key><dict><key>Status</key><string>Managed</string><key>ExternalVersionIdentifier</key><integer>855</integer></dict><key>com.b</key><dict><key>Status</key><string>Failed</string></dict></dict>";
        let apps = said(answer("Acknowledged", inner)).apps.unwrap();
        assert_eq!(apps.len(), 2);
        assert_eq!((apps[0].bundle_id.as_str(), apps[0].version), ("com.a", Some(855)));
        assert_eq!((apps[1].status.as_str(), apps[1].version), ("Failed", None));
        let empty = said(answer("Acknowledged", "<key>ManagedApplicationList</key><dict/>"));
        assert_eq!(empty.apps, Some(vec![]));
    }

    #[test]
    fn an_idle_device_was_seen_and_a_busy_one_said_so() {
        assert_eq!(answer("Idle", "").what, What::Seen);
        assert_eq!(said(answer("NotNow", "")).answer, Answer::NotNow);
    }

    #[test]
    fn a_person_who_leaves_a_device_unenrolls_nobody() {
        let body = r#"{"topic":"mdm.CheckOut","checkin_event":{"udid":"U","ids":{"id":"U:P","type":"User","parent_id":"U"},"raw_payload":""}}"#;
        assert!(matches!(read(body.as_bytes()).unwrap().what, What::Other(_)));
        let body = r#"{"topic":"mdm.CheckOut","checkin_event":{"ids":{"id":"E","type":"User Enrollment (Device)"},"raw_payload":""}}"#;
        assert_eq!(read(body.as_bytes()).unwrap().what, What::Unenrolled);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let why = |body: &str| read(body.as_bytes()).unwrap_err().to_string();
        assert!(why("<plist/>").contains("not the JSON"));
        assert!(why(r#"{"topic":"mdm.Connect"}"#).contains("neither"));
        assert!(why(r#"{"topic":"mdm.CheckOut","checkin_event":{}}"#).contains("names no device"));
        let body = r#"{"topic":"mdm.Connect","acknowledge_event":{"udid":"U","status":"Acknowledged","command_uuid":"c","raw_payload":"??"}}"#;
        assert!(why(body).contains("base64"));
        let not_plist = STANDARD.encode("not a plist");
        let body = format!(
            r#"{{"topic":"mdm.Connect","acknowledge_event":{{"udid":"U","status":"Acknowledged","command_uuid":"c","raw_payload":"{not_plist}"}}}}"#
        );
        assert!(why(&body).contains("property list"));
    }
}
