//! Calls a NanoMDM of the test's own: what is asked byte for byte.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{devices, list, server};
use russet_domain::connector::ConnectorKind;
use russet_mdm::{ConnectorError, Refused};

fn basic(user: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:the-token")))
}

#[tokio::test]
async fn a_command_is_sent_to_all_devices_in_one_call() {
    let answer = r#"{"status":{"A":{"push_result":"p"},"B":{"push_result":"p"}},"command_uuid":"u-1"}"#;
    for (kind, user, prefix) in
        [(ConnectorKind::Nanomdm, "nanomdm", "/v1"), (ConnectorKind::Nanohub, "nanohub", "/api/v1/nanomdm")]
    {
        let (server, seen) = server(kind, &[(200, answer)]).await;
        assert_eq!(server.send(&list(), &devices()).await, Ok(vec![]));
        let body = String::from_utf8(list().plist()).unwrap();
        let asked = ["PUT".to_owned(), format!("{prefix}/enqueue/A,B"), basic(user), body];
        assert_eq!(*seen.lock().unwrap(), [asked]);
    }
}

#[tokio::test]
async fn commands_are_queued_without_a_push_and_one_push_wakes_for_all_of_them() {
    let queued = r#"{"no_push":true,"command_uuid":"u-1","request_type":"ManagedApplicationList"}"#;
    let refused = r#"{"status":{"B":{"command_error":"no such id"}},"no_push":true,"command_uuid":"u-1"}"#;
    let pushed = r#"{"status":{"A":{"push_result":"p"},"B":{"push_error":"bad token"}}}"#;
    let answers = [(200, queued), (207, refused), (207, pushed)];
    let (server, seen) = server(ConnectorKind::Nanomdm, &answers).await;
    assert_eq!(server.queue(&list(), &devices()).await, Ok(vec![]));
    let why = Refused { enrollment_id: "B".to_owned(), why: "no such id".to_owned() };
    assert_eq!(server.queue(&list(), &devices()).await, Ok(vec![why]));
    // Whom Apple could not wake does not matter: his commands stand.
    assert_eq!(server.wake(&devices()).await, Ok(()));
    let seen = seen.lock().unwrap();
    let asked: Vec<_> = seen.iter().map(|[method, path, ..]| (method.as_str(), path.as_str())).collect();
    let enqueue = ("PUT", "/v1/enqueue/A,B?nopush=1");
    assert_eq!(asked, [enqueue, enqueue, ("GET", "/v1/push/A,B")]);
    assert_eq!((seen[2][2].as_str(), seen[2][3].as_str()), (basic("nanomdm").as_str(), ""));
}

#[tokio::test]
async fn a_wrong_key_is_told_from_a_server_that_is_busy() {
    let (server, _) = server(ConnectorKind::Nanomdm, &[(401, ""), (401, ""), (503, "")]).await;
    assert!(matches!(server.queue(&list(), &devices()).await, Err(ConnectorError::Unauthorized { .. })));
    assert!(matches!(server.wake(&devices()).await, Err(ConnectorError::Unauthorized { .. })));
    assert!(matches!(server.wake(&devices()).await, Err(ConnectorError::Later { .. })));
}
