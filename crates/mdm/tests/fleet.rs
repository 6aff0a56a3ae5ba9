//! Calls a Fleet of the test's own: what is asked byte for byte, and what is made of the answers.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russet_domain::Secret;
use russet_domain::connector::ConnectorKind;
use russet_domain::install::Answer;
use russet_mdm::{Act, Address, Command, Connector, ConnectorError, Connectors, Settings};

/// What was asked: method, path and query, `Authorization`, body.
type Seen = Arc<Mutex<Vec<[String; 4]>>>;

/// A server that gives these answers one after the other.
async fn fleet(answers: &[(u16, &str)]) -> (Box<dyn Connector>, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let answers: VecDeque<(u16, String)> =
        answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
    let answers = Arc::new(Mutex::new(answers));
    let answer = async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body: Bytes = axum::body::to_bytes(body, 1024 * 1024).await.unwrap();
        let authorization = parts.headers.get("authorization").map_or("", |value| value.to_str().unwrap());
        let body = String::from_utf8(body.to_vec()).unwrap();
        let asked = [parts.method.to_string(), parts.uri.to_string(), authorization.to_owned(), body];
        kept.lock().unwrap().push(asked);
        let (status, body) = answers.lock().unwrap().pop_front().unwrap();
        (StatusCode::from_u16(status).unwrap(), body)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    let settings = Settings { timeout_ms: 2_000, ..Settings::default() };
    let address = Address { kind: ConnectorKind::Fleet, url, api_key: Secret::new("the-token") };
    (Connectors::new(&settings).unwrap().open(address).unwrap(), seen)
}

fn devices() -> Vec<String> {
    vec!["A".to_owned(), "B".to_owned()]
}

fn list() -> Command {
    Command { uuid: "u-1".to_owned(), act: Act::ListApps }
}

#[tokio::test]
async fn a_command_is_sent_byte_for_byte_as_fleet_wants_it() {
    let (server, seen) = fleet(&[(200, r#"{"command_uuid":"u-1","failed_uuids":["B"]}"#)]).await;
    assert_eq!(server.send(&list(), &devices()).await, Ok(vec![]));
    let command = STANDARD.encode(list().plist());
    let body = format!(r#"{{"command":"{command}","host_uuids":["A","B"]}}"#);
    let wanted = ["POST", "/api/v1/fleet/commands/run", "Bearer the-token", &body].map(str::to_owned);
    assert_eq!(*seen.lock().unwrap(), [wanted]);
}

#[tokio::test]
async fn a_command_whose_fate_is_unclear_is_looked_for() {
    // Every push failed, and the command stands.
    let (server, seen) = fleet(&[(502, r#"{"message":"push"}"#), (200, "{}")]).await;
    assert_eq!(server.send(&list(), &devices()).await, Ok(vec![]));
    let asked = seen.lock().unwrap()[1].clone();
    let path = "/api/v1/fleet/commands/results?command_uuid=u-1";
    assert_eq!(asked, ["GET", path, "Bearer the-token", ""].map(str::to_owned));
    let unknown = r#"{"message":"Resource Not Found","errors":[]}"#;
    let (server, _) = fleet(&[(500, "{}"), (404, unknown)]).await;
    assert!(matches!(server.send(&list(), &devices()).await, Err(ConnectorError::Later { .. })));
}

#[tokio::test]
async fn answers_are_read_and_none_is_no_error() {
    let plist = "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Status</key><string>Acknowledged</string></dict></plist>";
    let body = format!(
        r#"{{"results":[{{"host_uuid":"A","command_uuid":"u-1","status":"Acknowledged","updated_at":"2026-01-01T00:00:00Z",
            "request_type":"ManagedApplicationList","hostname":"a","payload":"","result":"{}"}}, 5]}}"#,
        STANDARD.encode(plist)
    );
    let unknown = r#"{"message":"Resource Not Found","errors":[]}"#;
    let (server, _) =
        fleet(&[(200, &body), (200, "{}"), (404, unknown), (200, "<html>"), (404, "<html>")]).await;
    let asked = server.asked().unwrap();
    let said = asked.answers("u-1").await.unwrap();
    assert_eq!((said.len(), said[0].enrollment_id.as_str()), (1, "A"));
    let answered = said[0].answered.clone().unwrap();
    assert_eq!(answered.command_uuid, "u-1");
    assert_eq!(answered.answer, Answer::Acknowledged { rejection: None });
    for _ in 0..2 {
        assert_eq!(asked.answers("u-1").await, Ok(vec![]));
    }
    assert!(matches!(asked.answers("u-1").await, Err(ConnectorError::Refused { .. })));
    assert!(matches!(asked.answers("u-1").await, Err(ConnectorError::Wrong { .. })));
}

#[tokio::test]
async fn hosts_are_asked_for_page_by_page() {
    let body = r#"{"hosts":[{"uuid":"A","hardware_serial":"S","platform":"ipados","mdm":{"enrollment_status":"On (manual)","name":"Fleet"}},
        {"uuid":null}, {"uuid":"C","hardware_serial":"T","platform":"windows"}]}"#;
    let (server, seen) = fleet(&[(200, body)]).await;
    let page = server.asked().unwrap().devices(3).await.unwrap();
    assert!(page.is_last && page.devices.len() == 1 && page.devices[0].is_managed, "{page:?}");
    let path = "/api/v1/fleet/hosts?page=3&per_page=200&order_key=h.id&order_direction=asc&disable_failing_policies=true";
    assert_eq!(seen.lock().unwrap()[0], ["GET", path, "Bearer the-token", ""].map(str::to_owned));
}

#[tokio::test]
async fn its_version_proves_address_and_token() {
    let answers = [(200, r#"{"version":"4.60.0","branch":"x"}"#), (401, "{}"), (200, "<html>"), (503, "")];
    let (server, seen) = fleet(&answers).await;
    assert_eq!(server.check().await, Ok(Some("4.60.0".to_owned())));
    assert_eq!(seen.lock().unwrap()[0][1], "/api/v1/fleet/version");
    let refused = server.check().await.unwrap_err();
    assert!(matches!(refused, ConnectorError::Unauthorized { status: 401, .. }));
    assert!(!refused.to_string().contains("the-token"));
    assert!(matches!(server.check().await, Err(ConnectorError::Wrong { .. })));
    assert!(matches!(server.check().await, Err(ConnectorError::Later { .. })));
}
