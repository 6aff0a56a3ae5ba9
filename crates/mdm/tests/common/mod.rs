//! An MDM server of the test's own.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]
#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use russet_domain::Secret;
use russet_domain::connector::ConnectorKind;
use russet_mdm::{Act, Address, Command, Connector, Connectors, Settings};

/// What was asked: method, path and query, `Authorization`, body.
pub(crate) type Seen = Arc<Mutex<Vec<[String; 4]>>>;

/// A server that gives these answers one after the other, and the connector to it.
pub(crate) async fn server(kind: ConnectorKind, answers: &[(u16, &str)]) -> (Box<dyn Connector>, Seen) {
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
    let address = Address { kind, url, api_key: Secret::new("the-token"), declarations: None };
    (Connectors::new(&settings).unwrap().open(address).unwrap(), seen)
}

pub(crate) fn devices() -> Vec<String> {
    vec!["A".to_owned(), "B".to_owned()]
}

pub(crate) fn list() -> Command {
    Command { uuid: "u-1".to_owned(), act: Act::ListApps }
}
