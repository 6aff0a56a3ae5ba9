//! Calls a KMFDDM of the test's own, and the MDM server beside it: what is asked byte for byte, and what is made of the answers.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use axum::Router;
use axum::http::{StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Seen, in_turn, listen, open};
use russet_domain::Secret;
use russet_domain::connector::ConnectorKind;
use russet_domain::install::InstallSettings;
use russet_mdm::{Act, Address, Command, Connector, ConnectorError, Declarations, DeclaredApp, LicenseOf};

/// A server that gives these answers one after the other, and 204 from then on; commands it takes whatever they are.
async fn server(kind: ConnectorKind, answers: &[(u16, &str)]) -> (Box<dyn Connector>, Seen) {
    let answers = in_turn(answers);
    let (url, seen) = listen(Router::new().fallback(async move |uri: Uri| {
        let next = answers.lock().unwrap().pop_front().unwrap_or((204, String::new()));
        let is_command = uri.path().contains("/enqueue/");
        let (status, body) = if is_command { (200, "{}".to_owned()) } else { next };
        let modified = [("last-modified", "Mon, 30 Nov 2026 12:00:00 GMT")];
        (StatusCode::from_u16(status).unwrap(), modified, body)
    }))
    .await;
    let declarations = match kind {
        ConnectorKind::Nanohub => Declarations::Within,
        _ => Declarations::Beside { url: format!("{url}/"), key: Secret::new("k2") },
    };
    let api_key = Secret::new("k1");
    (open(Address { kind, url, api_key, declarations: Some(declarations) }), seen)
}

/// What was asked, as method, path and query, whose key, and body.
fn lines(seen: &Seen) -> Vec<String> {
    let line = |[method, uri, authorization, body]: &[String; 4]| {
        let given = authorization.strip_prefix("Basic ").unwrap();
        let who = String::from_utf8(STANDARD.decode(given).unwrap()).unwrap();
        format!("{method} {uri} {who} {body}").trim_end().to_owned()
    };
    seen.lock().unwrap().iter().map(line).collect()
}

fn pages() -> Command {
    let app = DeclaredApp {
        adam_id: 361_309_726,
        license: LicenseOf::Device,
        version: Some(7),
        updates_itself: false,
        is_mac: false,
        settings: InstallSettings::default(),
    };
    Command { uuid: "u-1".to_owned(), act: Act::DeclareApp(app) }
}

const NAME: &str = "russet.app.361309726.a25513c7e0f6eaa80a3337ee18081b9e";
const SET: &str = "russet.device.a25513c7e0f6eaa80a3337ee18081b9e";

/// What is asked to declare, without whose key it is: of the server below this root.
fn declaring(root: &str) -> Vec<String> {
    let activation = |name: &str| {
        format!(
            r#"{{"Identifier":"{name}.activation","Type":"com.apple.activation.simple","Payload":{{"StandardConfigurations":["{name}"]}}}}"#
        )
    };
    let status = r#"{"Identifier":"russet.status","Type":"com.apple.configuration.management.status-subscriptions","Payload":{"StatusItems":[{"Name":"app.managed.list"}]}}"#;
    let app = format!(
        r#"{{"Identifier":"{NAME}","Type":"com.apple.configuration.app.managed","Payload":{{"AppStoreID":"361309726","InstallBehavior":{{"Install":"Required","License":{{"Assignment":"Device"}},"Version":7}},"UpdateBehavior":{{"AutomaticAppUpdates":"AlwaysOff"}}}}}}"#
    );
    [
        format!("PUT {root}/declarations?nonotify=1 WHO {status}"),
        format!("PUT {root}/declarations?nonotify=1 WHO {}", activation("russet.status")),
        format!("PUT {root}/set-declarations/russet.status?declaration=russet.status&nonotify=1 WHO"),
        format!(
            "PUT {root}/set-declarations/russet.status?declaration=russet.status.activation&nonotify=1 WHO"
        ),
        format!("PUT {root}/declarations?nonotify=1 WHO {app}"),
        format!("PUT {root}/declarations?nonotify=1 WHO {}", activation(NAME)),
        format!("PUT {root}/set-declarations/{SET}?declaration={NAME}&nonotify=1 WHO"),
        format!("PUT {root}/set-declarations/{SET}?declaration={NAME}.activation&nonotify=1 WHO"),
        format!("PUT {root}/enrollment-sets/U?set=russet.status&nonotify=1 WHO"),
        format!("PUT {root}/enrollment-sets/U?set={SET}&nonotify=1 WHO"),
    ]
    .to_vec()
}

#[tokio::test]
async fn an_app_is_declared_byte_for_byte_and_then_the_device_is_told() {
    for (kind, root, who, enqueue) in [
        (ConnectorKind::Nanomdm, "/v1", "kmfddm:k2", "PUT /v1/enqueue/U nanomdm:k1"),
        (ConnectorKind::Nanohub, "/api/v1/ddm", "nanohub:k1", "PUT /api/v1/nanomdm/enqueue/U nanohub:k1"),
    ] {
        let (connector, seen) = server(kind, &[]).await;
        assert_eq!(connector.send(&pages(), &["U".to_owned()]).await, Ok(vec![]));
        let seen = lines(&seen);
        let (last, before) = seen.split_last().unwrap();
        let wanted: Vec<String> = declaring(root).iter().map(|call| call.replace("WHO", who)).collect();
        assert_eq!(before, wanted);
        let plist = String::from_utf8(pages().plist()).unwrap();
        assert_eq!(*last, format!("{enqueue} {plist}").trim_end());
        assert!(plist.contains("<string>DeclarativeManagement</string>"));
    }
}

#[tokio::test]
async fn one_that_stands_as_it_is_is_touched_so_that_the_device_looks_anew() {
    let (connector, seen) = server(ConnectorKind::Nanomdm, &[(304, ""); 10]).await;
    assert_eq!(connector.send(&pages(), &["U".to_owned()]).await, Ok(vec![]));
    let touch = format!("POST /v1/declarations/{NAME}/touch?nonotify=1 kmfddm:k2");
    assert_eq!(lines(&seen)[5], touch);
}

#[tokio::test]
async fn an_app_is_withdrawn_and_a_declaration_that_others_hold_is_left_to_them() {
    let in_use = r#"{"error":"declaration is referenced by 1 sets"}"#;
    let (connector, seen) = server(ConnectorKind::Nanomdm, &[(204, ""), (500, in_use)]).await;
    let command = Command { uuid: "u-1".to_owned(), act: Act::WithdrawApp { adam_id: 361_309_726 } };
    assert_eq!(connector.send(&command, &["U".to_owned()]).await, Ok(vec![]));
    let seen = lines(&seen);
    let wanted = [
        format!("DELETE /v1/set-declarations/{SET}?declaration={NAME}.activation&nonotify=1 kmfddm:k2"),
        format!("DELETE /v1/declarations/{NAME}.activation?nonotify=1 kmfddm:k2"),
        format!("DELETE /v1/set-declarations/{SET}?declaration={NAME}&nonotify=1 kmfddm:k2"),
        format!("DELETE /v1/declarations/{NAME}?nonotify=1 kmfddm:k2"),
    ];
    assert_eq!(seen[..4], wanted);
    assert!(seen[4].starts_with("PUT /v1/enqueue/U nanomdm:k1"));
}

#[tokio::test]
async fn what_goes_wrong_says_which_of_the_two_servers_it_was() {
    let (connector, _) = server(ConnectorKind::Nanomdm, &[(401, "")]).await;
    let error = connector.send(&pages(), &["U".to_owned()]).await.unwrap_err();
    assert!(error.parks() && error.to_string().starts_with("KMFDDM at 127.0.0.1:"), "{error}");
    let (connector, _) = server(ConnectorKind::Nanomdm, &[(503, "")]).await;
    let error = connector.send(&pages(), &["U".to_owned()]).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Later { .. }), "{error}");
    // What is refused of one device keeps it alone from being told.
    let mut answers = vec![(204, ""); 4];
    answers.push((400, r#"{"error":"invalid declaration"}"#));
    let (connector, seen) = server(ConnectorKind::Nanomdm, &answers).await;
    let refused = connector.send(&pages(), &["U".to_owned()]).await.unwrap();
    assert_eq!((refused.len(), refused[0].why.as_str()), (1, "invalid declaration"));
    assert!(!lines(&seen).iter().any(|call| call.contains("enqueue")));
}

#[tokio::test]
async fn reports_are_read_from_the_last_full_one_on() {
    let newest = r#"{"StatusItems":{"app":{"managed":{"list":[{"identifier":"b","_removed":true}]}}}}"#;
    let other = r#"{"StatusItems":{"device":{}}}"#;
    let full = r#"{"FullReport":true,"StatusItems":{"app":{"managed":{"list":[{"identifier":"a","state":"failed","reasons":[{"code":"Error.LicenseNotFound"}]},{"identifier":"b","state":"managed"}]}}}}"#;
    let (connector, seen) = server(ConnectorKind::Nanomdm, &[(200, newest), (200, other), (200, full)]).await;
    let told = connector.declares().unwrap().reports(&["U".to_owned()]).await.unwrap();
    let (device, report) = &told[0];
    assert_eq!((device.as_str(), report.is_full), ("U", true));
    assert_eq!(report.removed, ["b"]);
    assert_eq!(report.apps.len(), 1);
    assert_eq!(report.apps[0].app.status, "Error.LicenseNotFound");
    assert_eq!(report.apps[0].told_at.unwrap().0, 1_796_040_000_000);
    assert_eq!(lines(&seen)[2], "GET /v1/status-report/U?index=2 kmfddm:k2");
    let none = r#"{"error":"index out of range: too high (0)"}"#;
    let (connector, _) = server(ConnectorKind::Nanomdm, &[(500, none)]).await;
    assert_eq!(connector.declares().unwrap().reports(&["U".to_owned()]).await, Ok(vec![]));
}
