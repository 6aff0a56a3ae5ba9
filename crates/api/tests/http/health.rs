//! What whoever runs Russet looks at.

use reqwest::Method;
use russet_store::{KeyRing, Store};
use serde_json::json;

use crate::harness::{Server, send};

#[tokio::test]
async fn health_needs_no_key() {
    let server = Server::start().await;
    assert_eq!(send(server.bare(Method::GET, "/healthz")).await.text, "ok\n");
    let ready = send(server.bare(Method::GET, "/readyz")).await;
    assert_eq!((ready.status, &ready.body["ready"]), (200, &json!(true)), "{}", ready.text);
    assert!(send(server.bare(Method::GET, "/")).await.text.contains("/api/openapi.json"));
}

#[tokio::test]
async fn it_is_not_ready_while_the_database_cannot_be_used_and_says_so() {
    let server = Server::start().await;
    server.store.close().await;
    let ready = send(server.bare(Method::GET, "/readyz")).await;
    assert_eq!((ready.status, &ready.body["ready"]), (503, &json!(false)), "{}", ready.text);
    assert_eq!(
        (&ready.body["checks"][0]["name"], &ready.body["checks"][0]["ok"]),
        (&json!("store"), &json!(false))
    );
    let reply = server.get("/api/v1/jobs").await;
    assert_eq!(reply.problem(), (503, "database_unreachable"));
    assert_eq!(reply.header("retry-after"), "5");
}

#[tokio::test]
async fn it_is_not_ready_on_a_database_without_tables() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("empty.db").display());
    let store = Store::open(&russet_store::Settings { url }, KeyRing::generate()).await.unwrap();
    let queue = russet_queue::Queue::open(&russet_queue::Settings::default()).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (settings, callbacks) = (russet_api::Settings::default(), russet_domain::callback::Rules::default());
    let router = russet_api::Api { store, queue, settings, callbacks, servers: callbacks }.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let ready = reqwest::get(format!("http://{address}/readyz")).await.unwrap();
    assert_eq!(ready.status(), 503);
    let text = ready.text().await.unwrap();
    assert!(text.contains("run `russet migrate`"), "{text}");
}

#[tokio::test]
async fn metrics_count_requests_jobs_changes_and_messages() {
    let server = Server::start().await;
    let token = server.location("Lab", 1).await;
    let body = json!({"kind":"assign_license","token":token.0,"assets":[{"adam_id":"500000000"}],"devices":["A","B"]});
    server.post("/api/v1/jobs", &body).await;
    server.get("/api/v1/jobs/1").await;
    let reply = send(server.bare(Method::GET, "/metrics")).await;
    assert!(reply.header("content-type").starts_with("text/plain"));
    for line in [
        "russet_http_requests_total{method=\"POST\",route=\"/api/v1/jobs\",status=\"202\"} 1",
        "russet_http_requests_total{method=\"GET\",route=\"/api/v1/jobs/{job}\",status=\"200\"} 1",
        "russet_queue_messages{kind=\"apply_changes\",place=\"due\"} 1",
        "russet_jobs_open{state=\"queued\"} 1",
        "russet_open_job_changes{state=\"planned\"} 2",
        "russet_queue_up 1",
    ] {
        assert!(reply.text.lines().any(|found| found == line), "{line}\n{}", reply.text);
    }
}
