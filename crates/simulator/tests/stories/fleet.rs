//! The virtual devices as through Fleet's API: what it takes, what it refuses as a whole, and what it keeps for whoever asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Sim, quick, send};

const KEY: &str = "nanomdm";

async fn call(sim: &Sim, method: Method, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let url = format!("{}/api/v1/fleet/{path}", sim.simulator.mdm_url_as("fleet"));
    let request = sim.client.request(method.clone(), url).bearer_auth(key);
    send(if method == Method::GET { request } else { request.json(body) }).await
}

async fn run(sim: &Sim, uuid: &str, hosts: &[&str]) -> (u16, Value) {
    let plist = format!(
        "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>CommandUUID</key><string>{uuid}</string><key>Command</key><dict><key>RequestType</key><string>ManagedApplicationList</string></dict></dict></plist>"
    );
    let body = json!({ "command": STANDARD.encode(plist), "host_uuids": hosts });
    call(sim, Method::POST, "commands/run", KEY, &body).await
}

async fn results(sim: &Sim, uuid: &str) -> (u16, Value) {
    call(sim, Method::GET, &format!("commands/results?command_uuid={uuid}"), KEY, &Value::Null).await
}

async fn with_devices() -> Sim {
    let sim = Sim::start(quick()).await;
    let asleep = json!({ "asleep": true });
    sim.post("/_sim/mdm/devices", json!({ "serials": ["A"] })).await;
    sim.post("/_sim/mdm/devices", json!({ "serials": ["B"], "behavior": asleep })).await;
    sim.post("/_sim/mdm/devices", json!({ "serials": ["M"], "model": "Mac14,2" })).await;
    sim
}

#[tokio::test]
async fn answers_are_kept_for_whoever_asks() {
    let sim = with_devices().await;
    let (status, said) = run(&sim, "u-1", &["UDID-A", "UDID-B"]).await;
    assert_eq!((status, &said["command_uuid"]), (200, &json!("u-1")));
    let (status, said) = results(&sim, "u-1").await;
    let kept = said["results"].as_array().unwrap();
    assert_eq!((status, kept.len()), (200, 1), "the other one sleeps: {said}");
    assert_eq!((&kept[0]["host_uuid"], &kept[0]["status"]), (&json!("UDID-A"), &json!("Acknowledged")));
    let result = STANDARD.decode(kept[0]["result"].as_str().unwrap()).unwrap();
    assert!(String::from_utf8(result).unwrap().contains("ManagedApplicationList"));
    // Asked again, it says the same; of a command that nobody answered, nothing.
    assert_eq!(results(&sim, "u-1").await.1, said);
    assert_eq!(run(&sim, "u-2", &["UDID-B"]).await.0, 200);
    assert_eq!(results(&sim, "u-2").await, (200, json!({})));
    assert_eq!(results(&sim, "u-3").await.0, 404);
}

#[tokio::test]
async fn one_host_is_enough_to_refuse_the_whole() {
    let sim = with_devices().await;
    assert_eq!(run(&sim, "u-1", &["UDID-X"]).await.0, 404);
    assert_eq!(run(&sim, "u-1", &["UDID-A", "UDID-X"]).await.0, 400);
    assert_eq!(run(&sim, "u-1", &["UDID-A", "UDID-M"]).await.0, 422);
    assert_eq!(run(&sim, "u-1", &["UDID-A"]).await.0, 200);
    assert_eq!(run(&sim, "u-1", &["UDID-A"]).await.0, 409);
    sim.post("/_sim/mdm/leave", json!({ "serials": ["A"] })).await;
    assert_eq!(run(&sim, "u-2", &["UDID-A", "UDID-B"]).await.0, 412);
    let body = json!({ "command": "?", "host_uuids": ["UDID-B"] });
    assert_eq!(call(&sim, Method::POST, "commands/run", KEY, &body).await.0, 400);
    let body = json!({ "command": STANDARD.encode("no plist"), "host_uuids": ["UDID-B"] });
    assert_eq!(call(&sim, Method::POST, "commands/run", KEY, &body).await.0, 415);
}

#[tokio::test]
async fn hosts_come_page_by_page_to_whoever_has_the_token() {
    let sim = with_devices().await;
    let page = async |path: &str| call(&sim, Method::GET, path, KEY, &Value::Null).await.1;
    let first = page("hosts?page=0&per_page=2&order_key=h.id").await;
    assert_eq!(first["hosts"].as_array().unwrap().len(), 2);
    let mac = &page("hosts?page=1&per_page=2&order_key=h.id").await["hosts"][0];
    assert_eq!((&mac["platform"], &mac["os_version"]), (&json!("darwin"), &json!("macOS 18.2")));
    assert_eq!(mac["mdm"]["enrollment_status"], "On (automatic)");
    assert_eq!(call(&sim, Method::GET, "version", "wrong", &Value::Null).await.0, 401);
    assert_eq!(call(&sim, Method::GET, "version", KEY, &Value::Null).await.0, 200);
}
