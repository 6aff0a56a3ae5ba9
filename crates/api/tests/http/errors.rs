//! What bad input gets: a clear problem, and nothing changed.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Server, send, upload};

#[tokio::test]
async fn an_unknown_field_is_named() {
    let server = Server::start().await;
    let mut body = upload("Lab");
    body["contry"] = json!("NL");
    let reply = server.post("/api/v1/tokens", &body).await;
    assert_eq!(reply.problem(), (422, "unknown_field"));
    assert_eq!(reply.body["errors"][0]["field"], "contry");
    assert!(reply.body["detail"].as_str().unwrap().contains("`country`"), "{}", reply.text);
    assert_eq!(server.get("/api/v1/tokens").await.body["items"], json!([]));
}

#[tokio::test]
async fn a_wrong_type_is_named_with_its_place_and_its_value_is_not_repeated() {
    let server = Server::start().await;
    let body = json!({"kind":"assign_license","token":1,"pairs":[{"adam_id":"1","serial":"A"},{"adam_id":4711,"serial":"A"}]});
    let reply = server.post("/api/v1/jobs", &body).await;
    assert_eq!(reply.problem(), (422, "invalid_field"));
    assert_eq!(reply.body["errors"][0]["field"], "pairs[1].adam_id");
    assert!(!reply.text.contains("4711"), "{}", reply.text);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_so() {
    let server = Server::start().await;
    let request = server.request(Method::POST, "/api/v1/jobs").header("content-type", "application/json");
    assert_eq!(send(request.body("{\"kind\":")).await.problem(), (400, "body_not_json"));
    let request = server.request(Method::POST, "/api/v1/jobs").header("content-type", "text/html");
    assert_eq!(send(request.body("{}")).await.problem(), (415, "wrong_content_type"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_the_limit() {
    let server = Server::start_with(|settings| settings.body_max_bytes = 2_000).await;
    let body = json!({"kind":"sync_token","token":1,"mode":"x".repeat(3_000)});
    let reply = server.post("/api/v1/jobs", &body).await;
    assert_eq!(reply.problem(), (413, "body_too_large"));
    assert!(reply.text.contains("2000 bytes"), "{}", reply.text);
    // A body that does not tell its length is cut off as it arrives.
    let chunks = futures::stream::iter((0..30).map(|_| Ok::<_, std::io::Error>("x".repeat(100))));
    let request = server.request(Method::POST, "/api/v1/jobs").header("content-type", "application/json");
    assert_eq!(
        send(request.body(reqwest::Body::wrap_stream(chunks))).await.problem(),
        (413, "body_too_large")
    );
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let server = Server::start().await;
    assert_eq!(server.get("/api/v1/nothing").await.problem(), (404, "no_such_route"));
    assert_eq!(server.get("/nothing").await.problem(), (404, "no_such_route"));
    let reply = send(server.request(Method::PUT, "/api/v1/jobs")).await;
    assert_eq!(reply.problem(), (405, "method_not_allowed"));
    assert!(reply.header("allow").contains("POST"), "{:?}", reply.headers);
    assert_eq!(server.get("/api/v1/tokens/7").await.problem(), (404, "no_such_token"));
    assert_eq!(server.get("/api/v1/tokens/seven").await.problem(), (404, "no_such_token"));
    assert_eq!(server.get("/api/v1/jobs/7").await.problem(), (404, "no_such_job"));
}

#[tokio::test]
async fn a_wrong_query_says_what_it_should_be() {
    let server = Server::start().await;
    for (path, says) in [
        ("/api/v1/jobs?limit=0", "`limit` should be from 1 to 1000"),
        ("/api/v1/jobs?limit=1001", "`limit` should be from 1 to 1000"),
        ("/api/v1/jobs?limit=many", "limit: should be a whole number"),
        ("/api/v1/jobs?state=done", "`state` should be one of queued, running"),
        ("/api/v1/jobs?colour=red", "unknown field `colour`"),
        ("/api/v1/assets", "missing field `token`"),
    ] {
        let reply = server.get(path).await;
        assert_eq!(reply.problem(), (400, "invalid_query"), "{path}");
        assert!(reply.body["detail"].as_str().unwrap().contains(says), "{path}: {}", reply.text);
    }
    assert_eq!(server.get("/api/v1/jobs?cursor=abc").await.problem(), (400, "invalid_cursor"));
}

#[tokio::test]
async fn every_answer_carries_the_number_of_its_request() {
    let server = Server::start().await;
    let reply = send(server.request(Method::GET, "/api/v1/jobs/7").header("x-request-id", "mine-1")).await;
    assert_eq!((reply.header("x-request-id"), reply.body["request_id"].as_str()), ("mine-1", Some("mine-1")));
    let reply = send(server.request(Method::GET, "/healthz").header("x-request-id", "not fit")).await;
    assert_eq!(reply.header("x-request-id").len(), 36);
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let server = Server::start_with(|settings| settings.request_timeout_ms = 100).await;
    let request = server.request(Method::POST, "/api/v1/jobs").header("content-type", "application/json");
    let endless = futures::stream::pending::<Result<String, std::io::Error>>();
    let reply = send(request.body(reqwest::Body::wrap_stream(endless))).await;
    assert_eq!(reply.problem(), (503, "timed_out"));
}
