//! Small servers on this machine, each with one thing to say.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use russet_apple::{Apple, Settings};
use russet_domain::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What has arrived so far.
pub(crate) type Ledger = Arc<Mutex<Vec<Seen>>>;

/// A token whose text must never be seen anywhere.
pub(crate) fn token() -> Secret {
    Secret::new("\n  eyJ0b2tlbiI6Im9wYXF1ZSJ9== \n")
}

/// The text that a server has to get.
pub(crate) const BEARER: &str = "Bearer eyJ0b2tlbiI6Im9wYXF1ZSJ9==";

/// A client of the server at `port`, under a path prefix.
pub(crate) fn client(port: u16) -> Apple {
    client_with(port, |_| {})
}

/// The same with other settings.
pub(crate) fn client_with(port: u16, change: impl FnOnce(&mut Settings)) -> Apple {
    let mut settings = Settings {
        base_url: format!("http://127.0.0.1:{port}/some/where/mdm/v2/"),
        allow_http: true,
        ..Settings::default()
    };
    change(&mut settings);
    Apple::new(&settings).unwrap()
}

/// Answers everything in one way.
pub(crate) async fn answering<R>(answer: R) -> (Apple, Ledger)
where
    R: IntoResponse + Clone + Send + Sync + 'static,
{
    let ledger = Ledger::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().fallback(record::<R>).with_state((ledger.clone(), answer));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (client(port), ledger)
}

async fn record<R: IntoResponse>(
    State((ledger, answer)): State<(Ledger, R)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8_lossy(&body).into_owned();
    ledger.lock().unwrap().push(Seen { method, uri, headers, body });
    answer.into_response()
}

/// Answers with JSON and status 200.
pub(crate) async fn answering_json(body: &'static str) -> (Apple, Ledger) {
    answering((StatusCode::OK, [("content-type", "application/json")], body)).await
}

/// Reads the head of one request, says `raw`, and hangs up; so for each connection.
pub(crate) async fn saying(raw: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            let mut chunk = [0; 4096];
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => head.extend_from_slice(&chunk[..count]),
                }
            }
            let _ = stream.write_all(raw).await;
        }
    });
    port
}

/// A port that nobody listens on.
pub(crate) async fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// Takes each connection, says something that is no TLS, and hangs up.
pub(crate) async fn hanging_up() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    port
}
