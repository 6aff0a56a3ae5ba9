//! An MDM server of the test's own.

#![allow(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]
#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use russet_domain::Secret;
use russet_domain::connector::ConnectorKind;
use russet_mdm::{Act, Address, Command, Connector, Connectors, Settings};

/// What was asked: method, path and query, `Authorization`, body.
pub(crate) type Seen = Arc<Mutex<Vec<[String; 4]>>>;

/// A server that gives these answers one after the other, and the connector to it.
pub(crate) async fn server(kind: ConnectorKind, answers: &[(u16, &str)]) -> (Box<dyn Connector>, Seen) {
    let answers = in_turn(answers);
    let (url, seen) = listen(Router::new().fallback(async move || {
        let (status, body) = answers.lock().unwrap().pop_front().unwrap();
        (StatusCode::from_u16(status).unwrap(), body)
    }))
    .await;
    let address = Address { kind, url, api_key: Secret::new("the-token"), declarations: None };
    (open(address), seen)
}

/// Answers that are given one after the other.
pub(crate) fn in_turn(answers: &[(u16, &str)]) -> Arc<Mutex<VecDeque<(u16, String)>>> {
    let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned()));
    Arc::new(Mutex::new(answers.collect()))
}

/// Serves this, and keeps what was asked.
pub(crate) async fn listen(router: Router) -> (String, Seen) {
    let seen = Seen::default();
    let router = router.layer(middleware::from_fn_with_state(Arc::clone(&seen), keep));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, seen)
}

async fn keep(State(seen): State<Seen>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1024 * 1024).await.unwrap();
    let authorization = parts.headers.get("authorization").map_or("", |value| value.to_str().unwrap());
    let text = String::from_utf8(body.to_vec()).unwrap();
    let asked = [parts.method.to_string(), parts.uri.to_string(), authorization.to_owned(), text];
    seen.lock().unwrap().push(asked);
    next.run(Request::from_parts(parts, body.into())).await
}

/// The connector to a server.
pub(crate) fn open(address: Address) -> Box<dyn Connector> {
    let settings = Settings { timeout_ms: 2_000, ..Settings::default() };
    Connectors::new(&settings).unwrap().open(address).unwrap()
}

pub(crate) fn devices() -> Vec<String> {
    vec!["A".to_owned(), "B".to_owned()]
}

pub(crate) fn list() -> Command {
    Command { uuid: "u-1".to_owned(), act: Act::ListApps }
}
