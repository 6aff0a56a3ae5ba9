//! Whatever a server or a device sends in place of what it should, reading it ends in an answer: each field is left out, null, of every
//! other type, in the envelope and in what the device said.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plist::{Dictionary, Value as Plist};
use russet_domain::connector::ConnectorKind;
use russet_mdm::inbound::{self, What};
use serde_json::{Value, json};

fn dictionary(fields: Vec<(&str, Plist)>) -> Plist {
    Plist::Dictionary(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// What devices say: everything that is read anywhere, at once.
fn said() -> Plist {
    let error = dictionary(vec![
        ("ErrorCode", 12_064.into()),
        ("ErrorDomain", "MCMDMErrorDomain".into()),
        ("USEnglishDescription", "License not found".into()),
    ]);
    let app = dictionary(vec![("Status", "Managed".into()), ("ExternalVersionIdentifier", 7.into())]);
    let installed = dictionary(vec![("Identifier", "com.b".into()), ("ShortVersion", "1".into())]);
    dictionary(vec![
        ("SerialNumber", "C02".into()),
        ("Model", "iPad13,1".into()),
        ("OSVersion", "18.2".into()),
        ("Identifier", "com.a".into()),
        ("RejectionReason", "Other".into()),
        ("ErrorChain", Plist::Array(vec![error])),
        ("ManagedApplicationList", dictionary(vec![("com.a", app)])),
        ("InstalledApplicationList", Plist::Array(vec![installed])),
        ("QueryResponses", dictionary(vec![("SerialNumber", "C02".into()), ("IsSupervised", true.into())])),
    ])
}

fn bytes(value: &Plist) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.to_writer_xml(&mut bytes).expect("it can be spelled");
    bytes
}

fn envelopes(payload: &[u8]) -> Vec<Value> {
    let who = json!({ "udid": "U", "enrollment_id": "E", "ids": { "id": "U", "type": "Device" }, "url_params": {} });
    let with = |more: Value| {
        let mut said = who.clone();
        let (Some(fields), Some(more)) = (said.as_object_mut(), more.as_object()) else { return said };
        fields.extend(more.clone());
        said
    };
    let payload = STANDARD.encode(payload);
    let answer =
        |status: &str| with(json!({ "status": status, "command_uuid": "c", "raw_payload": payload }));
    let topics = ["mdm.Authenticate", "mdm.TokenUpdate", "mdm.CheckOut", "mdm.GetToken"];
    let check_in =
        |topic: &str| json!({ "topic": topic, "checkin_event": with(json!({ "raw_payload": payload })) });
    let connect = |status: &str| json!({ "topic": "mdm.Connect", "acknowledge_event": answer(status) });
    let statuses = ["Acknowledged", "Error", "CommandFormatError", "NotNow", "Idle"];
    topics.into_iter().map(check_in).chain(statuses.into_iter().map(connect)).collect()
}

/// The value with each of its places changed in each way, one at a time.
fn changed(value: &Value) -> Vec<Value> {
    let others =
        [Value::Null, json!(7), json!("word"), json!(true), json!([]), json!({}), json!([[]]), json!(-1.5)];
    let mut all: Vec<Value> = others.to_vec();
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let mut without = fields.clone();
                without.remove(name);
                all.push(Value::Object(without));
                for other in changed(field) {
                    let mut with = fields.clone();
                    with.insert(name.clone(), other);
                    all.push(Value::Object(with));
                }
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                for other in changed(item) {
                    let mut with = items.clone();
                    with[place] = other;
                    all.push(Value::Array(with));
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    all
}

fn changed_plist(value: &Plist) -> Vec<Plist> {
    let mut all = vec![
        7.into(),
        "".into(),
        "word".into(),
        true.into(),
        Plist::Array(vec![]),
        Plist::Dictionary(Dictionary::new()),
        Plist::Real(1.5),
        Plist::Data(vec![0, 255]),
    ];
    match value {
        Plist::Dictionary(fields) => {
            for (name, field) in fields {
                let mut without = fields.clone();
                without.remove(name);
                all.push(Plist::Dictionary(without));
                for other in changed_plist(field) {
                    let mut with = fields.clone();
                    with.insert(name.clone(), other);
                    all.push(Plist::Dictionary(with));
                }
            }
        }
        Plist::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                for other in changed_plist(item) {
                    let mut with = items.clone();
                    with[place] = other;
                    all.push(Plist::Array(with));
                }
            }
        }
        _ => {}
    }
    all
}

/// An error says something; an event names its device.
fn is_sound(body: &[u8], kind: ConnectorKind) {
    match inbound::read(kind, body) {
        Ok(events) => assert!(events.iter().all(|event| !event.enrollment_id.is_empty())),
        Err(error) => assert!(error.to_string().len() > 10, "{error}"),
    }
}

#[test]
fn envelopes_with_any_field_missing_or_of_another_type_are_read_or_refused_in_words() {
    for envelope in envelopes(&bytes(&said())) {
        assert!(inbound::read(ConnectorKind::Nanomdm, envelope.to_string().as_bytes()).is_ok(), "{envelope}");
        for wrong in changed(&envelope) {
            is_sound(wrong.to_string().as_bytes(), ConnectorKind::Nanomdm);
        }
    }
}

#[test]
fn what_devices_say_may_have_any_field_missing_or_of_another_type() {
    for wrong in changed_plist(&said()) {
        for envelope in envelopes(&bytes(&wrong)) {
            is_sound(envelope.to_string().as_bytes(), ConnectorKind::Nanomdm);
        }
    }
}

#[test]
fn what_devices_report_of_declared_apps_may_have_any_field_missing_or_of_another_type() {
    let app = json!({
        "identifier": "com.a", "declaration-identifier": "russet.app.1.a", "state": "failed", "update-state": "failed",
        "external-version-id": 7, "version": "1", "short-version": "1.0", "name": "A",
        "reasons": [{ "code": "Error.LicenseNotFound", "description": "x", "details": {} }],
    });
    let list = json!([app, { "identifier": "com.b", "_removed": true }]);
    let report = json!({ "FullReport": true, "Errors": [], "StatusItems": { "app": { "managed": { "list": list } } } });
    let said = |report: &[u8]| {
        let data = Plist::Data(report.to_vec());
        let payload = bytes(&dictionary(vec![("Endpoint", "status".into()), ("Data", data)]));
        json!({
            "topic": "mdm.DeclarativeManagement",
            "checkin_event": { "udid": "U", "raw_payload": STANDARD.encode(payload) },
        })
        .to_string()
    };
    let events = inbound::read(ConnectorKind::Nanomdm, said(report.to_string().as_bytes()).as_bytes());
    let What::Declared(told) = &events.as_ref().unwrap()[0].what else { panic!("{events:?}") };
    assert_eq!((told.apps.len(), told.removed.len(), told.is_full), (1, 1, true));
    for wrong in changed(&report) {
        is_sound(said(wrong.to_string().as_bytes()).as_bytes(), ConnectorKind::Nanomdm);
    }
    for rubbish in [&b""[..], b"\xff\xfe", b"[[[[[[", b"{\"StatusItems\":"] {
        is_sound(said(rubbish).as_bytes(), ConnectorKind::Nanomdm);
    }
}

#[test]
fn one_odd_app_does_not_cost_the_others() {
    let app = dictionary(vec![("Status", 5.into()), ("ExternalVersionIdentifier", "8".into())]);
    let fine = dictionary(vec![("Status", "Managed".into()), ("ExternalVersionIdentifier", 7.into())]);
    let list = dictionary(vec![("com.odd", app), ("com.none", 3.into()), ("com.fine", fine)]);
    let said = dictionary(vec![("ManagedApplicationList", list)]);
    let envelope = &envelopes(&bytes(&said))[4];
    let events = inbound::read(ConnectorKind::Nanomdm, envelope.to_string().as_bytes()).unwrap();
    let What::Answered(answered) = &events[0].what else { panic!("{events:?}") };
    let apps = answered.apps.as_ref().unwrap();
    let known: Vec<(&str, Option<i64>)> =
        apps.iter().map(|app| (app.bundle_id.as_str(), app.version)).collect();
    assert_eq!(known, [("com.odd", Some(8)), ("com.fine", Some(7))]);
}

#[test]
fn events_of_any_other_server_are_read_or_refused_in_words() {
    let body = json!({ "events": [
        { "event": "enrolled", "enrollment_id": "E", "serial": "S", "platform": "ios", "time_zone": "UTC", "supervised": true },
        { "event": "result", "enrollment_id": "E", "command_uuid": "c", "status": "error", "error_numbers": [1], "detail": "x" },
        { "event": "apps", "enrollment_id": "E", "apps": [{ "bundle_id": "b", "external_version": 1, "status": "Managed" }] },
        { "event": "unenrolled", "enrollment_id": "E" },
    ]});
    assert_eq!(inbound::read(ConnectorKind::Webhook, body.to_string().as_bytes()).unwrap().len(), 4);
    for wrong in changed(&body) {
        is_sound(wrong.to_string().as_bytes(), ConnectorKind::Webhook);
    }
    for rubbish in [&b""[..], b"\xff\xfe", b"[[[[[[", b"{\"events\":"] {
        is_sound(rubbish, ConnectorKind::Webhook);
        is_sound(rubbish, ConnectorKind::Micromdm);
    }
}
