//! Calls a Fleet of the test's own: what is asked byte for byte, and what is made of the answers.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Seen, devices, list, server};
use russet_domain::connector::ConnectorKind;
use russet_domain::install::Answer;
use russet_mdm::{Connector, ConnectorError};

async fn fleet(answers: &[(u16, &str)]) -> (Box<dyn Connector>, Seen) {
    server(ConnectorKind::Fleet, answers).await
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
