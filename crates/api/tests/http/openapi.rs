//! The OpenAPI file: kept as a snapshot, true to the addresses served.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Server, send};

fn description() -> Value {
    serde_json::to_value(russet_api::openapi()).unwrap()
}

#[test]
fn the_openapi_file_is_as_it_was_read_and_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let now = serde_json::to_string_pretty(&description()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOT").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == now,
        "crates/api/openapi.json differs; run with UPDATE_SNAPSHOT=1 and read the difference"
    );
}

#[tokio::test]
async fn it_is_served_without_a_key_as_version_3_1() {
    let server = Server::start().await;
    let reply = send(server.bare(Method::GET, "/api/openapi.json")).await;
    assert_eq!((reply.status, reply.body == description()), (200, true));
    assert!(reply.body["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[tokio::test]
async fn every_address_described_is_served_and_needs_the_key_it_says() {
    let server = Server::start().await;
    let mut known = 0;
    let mut names = std::collections::HashSet::new();
    for (path, item) in description()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            known += 1;
            assert!(
                names.insert(operation["operationId"].to_string()),
                "{} stands twice",
                operation["operationId"]
            );
            let address = path
                .replace("{token}", "1")
                .replace("{job}", "1")
                .replace("{kind}", "sweep")
                .replace("{notification}", "1")
                .replace("{user}", "u1")
                .replace("{adam_id}", "1");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let reply = send(server.bare(method.clone(), &address)).await;
            let open = operation["security"] == json!([{}]);
            let wanted = if open { 200 } else { 401 };
            assert_eq!(reply.status, wanted, "{method} {address}: {}", reply.text);
        }
    }
    // What is served and not described would be missing from this number.
    let table = include_str!("../../src/routes/mod.rs");
    let served =
        ["get(", "post(", ".patch(", ".delete(", "put("].iter().map(|word| table.matches(word).count());
    assert_eq!(known, served.sum::<usize>() - ["home::home", "openapi::serve"].len());
}
