//! Each kind of fault strikes as it says, and stops when it is called off.

use std::time::{Duration, Instant};

use crate::support::{Receiver, Sim, quick, until};
use reqwest::Method;
use serde_json::{Value, json};

async fn with_assets() -> Sim {
    let sim = Sim::start(quick()).await;
    sim.post("/_sim/locations/{uid}/assets", json!({ "assets": [{ "adam_id": "501", "total": 1000 }] }))
        .await;
    sim
}

fn associate(serials: &[&str]) -> Value {
    json!({ "assets": [{ "adamId": "501" }], "serialNumbers": serials })
}

async fn once(sim: &Sim, endpoint: &str, what: Value) -> u64 {
    sim.fault(json!({ "on": { "endpoint": endpoint }, "what": what, "times": 1 })).await
}

#[tokio::test]
async fn a_status_is_answered_so_many_times_and_nothing_is_done() {
    let sim = with_assets().await;
    let what = json!({ "kind": "status", "status": 500, "error_number": 9603, "retry_after": 2 });
    sim.fault(json!({ "on": { "endpoint": "associate" }, "what": what, "times": 2 })).await;
    for _ in 0..2 {
        let response = sim.apple_post("assets/associate", &associate(&["A"])).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()),
            (500, "2")
        );
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["errorNumber"], 9603);
    }
    assert!(sim.assignments().await.is_empty());
    sim.accepted("assets/associate", associate(&["A"])).await;
    let faults = sim.control(Method::GET, "/_sim/faults", None).await;
    assert_eq!(faults["faults"][0]["struck"], 2);
}

#[tokio::test]
async fn a_fault_strikes_only_its_endpoint_and_location() {
    let sim = with_assets().await;
    let elsewhere = json!({ "endpoint": "any", "uid": "1234" });
    sim.fault(json!({ "on": elsewhere, "what": { "kind": "status", "status": 500 } })).await;
    let writes = json!({ "endpoint": "any_write", "uid": sim.uid });
    sim.fault(json!({ "on": writes, "what": { "kind": "status", "status": 502 } })).await;
    assert_eq!(sim.client_status("assets").await, 200);
    assert_eq!(sim.client_status("client/config").await, 200);
    for (path, body) in [("client/config", json!({})), ("assets/revoke", json!({ "serialNumbers": ["A"] }))] {
        assert_eq!(sim.apple_post(path, &body).send().await.unwrap().status(), 502);
    }
    sim.clear_faults().await;
    assert_eq!(sim.write("client/config", json!({})).await.0, 200);
}

#[tokio::test]
async fn a_connection_cut_before_does_nothing_and_one_cut_after_has_done_it() {
    let sim = with_assets().await;
    once(&sim, "associate", json!({ "kind": "reset_before" })).await;
    assert!(sim.apple_post("assets/associate", &associate(&["A"])).send().await.is_err());
    assert!(sim.assignments().await.is_empty());
    once(&sim, "associate", json!({ "kind": "reset_after" })).await;
    assert!(sim.apple_post("assets/associate", &associate(&["A"])).send().await.is_err());
    assert_eq!(sim.assignments().await, ["501/A"]);
    assert_eq!(sim.ledger().await["answers"]["cut"], 2);
}

#[tokio::test]
async fn a_truncated_answer_breaks_off_in_its_body() {
    let sim = with_assets().await;
    once(&sim, "associate", json!({ "kind": "truncate" })).await;
    let mut response = sim.apple_post("assets/associate", &associate(&["A"])).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let promised = response.content_length().unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(!first.is_empty() && (first.len() as u64) < promised);
    assert!(response.chunk().await.is_err());
    assert_eq!(sim.assignments().await, ["501/A"]);
}

#[tokio::test]
async fn an_answer_can_be_html_or_an_error_in_a_200() {
    let sim = with_assets().await;
    once(&sim, "assets", json!({ "kind": "not_json", "status": 502 })).await;
    let response = sim.apple_get("assets").send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert!(response.text().await.unwrap().starts_with("<html>"));
    once(&sim, "assets", json!({ "kind": "error_in_200", "error_number": 9622 })).await;
    let (status, answer) = sim.get("assets").await;
    assert_eq!((status, &answer["errorNumber"]), (200, &json!(9622)));
}

#[tokio::test]
async fn a_timeout_gives_no_answer_whether_it_was_done_or_not() {
    let sim = with_assets().await;
    for (processed, serial) in [(false, "A"), (true, "B")] {
        once(&sim, "associate", json!({ "kind": "timeout", "ms": 60_000, "processed": processed })).await;
        let request = sim.apple_post("assets/associate", &associate(&[serial]));
        let error = request.timeout(Duration::from_millis(200)).send().await.unwrap_err();
        assert!(error.is_timeout());
    }
    assert_eq!(sim.assignments().await, ["501/B"]);
    once(&sim, "assets", json!({ "kind": "timeout", "ms": 10, "processed": false })).await;
    assert!(sim.apple_get("assets").send().await.is_err());
}

#[tokio::test]
async fn latency_is_added_to_whatever_else_happens() {
    let sim = with_assets().await;
    let slow = json!({ "on": { "endpoint": "assets" }, "what": { "kind": "latency", "ms": 150 } });
    sim.fault(slow).await;
    once(&sim, "assets", json!({ "kind": "status", "status": 500 })).await;
    let start = Instant::now();
    assert_eq!(sim.client_status("assets").await, 500);
    assert!(start.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn an_event_stays_pending_until_its_fault_is_removed() {
    let sim = with_assets().await;
    let fault = once(&sim, "associate", json!({ "kind": "event_pending" })).await;
    let held = sim.accepted("assets/associate", associate(&["A"])).await;
    let other = sim.accepted("assets/associate", associate(&["B"])).await;
    assert_eq!(sim.status(&held).await["eventStatus"], "PENDING");
    assert_eq!(sim.status(&other).await["eventStatus"], "COMPLETE");
    assert_eq!(sim.ledger().await["events"]["pending"], 1);
    sim.control(Method::DELETE, &format!("/_sim/faults/{fault}"), None).await;
    assert_eq!(sim.status(&held).await["eventStatus"], "COMPLETE");
    assert_eq!(sim.assignments().await, ["501/A", "501/B"]);
}

#[tokio::test]
async fn an_event_fails_in_the_part_that_was_ordered() {
    let sim = with_assets().await;
    let what = json!({ "kind": "event_fails_in_part", "fraction": 0.25, "error_number": 9603 });
    once(&sim, "associate", what).await;
    let serials: Vec<String> = (0..100).map(|number| format!("S{number}")).collect();
    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
    let event = sim.accepted("assets/associate", associate(&serials)).await;
    let status = sim.status(&event).await;
    assert_eq!((&status["eventStatus"], &status["numCompleted"]), (&json!("FAILED"), &json!(75)));
    assert_eq!(status["failures"][0]["errorNumber"], 9603);
    assert_eq!(sim.assignments().await.len(), 75);
    once(&sim, "any_write", json!({ "kind": "event_fails", "error_number": 9644 })).await;
    let event = sim.accepted("assets/associate", associate(&["T1", "T2"])).await;
    assert_eq!(sim.status(&event).await["numCompleted"], 0);
}

/// The serial numbers of the notifications, in the order they came.
fn serials_of(bodies: &[Value]) -> Vec<String> {
    let managed = bodies.iter().filter(|body| body["notificationType"] == "ASSET_MANAGEMENT");
    managed
        .map(|body| body["notification"]["assignments"][0]["serialNumber"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn notifications_get_lost_doubled_and_late() {
    let sim = with_assets().await;
    let receiver = Receiver::start().await;
    sim.subscribe(&receiver).await;
    sim.post("/_sim/clock", json!({ "mode": "manual" })).await;
    once(&sim, "notifications", json!({ "kind": "lost" })).await;
    sim.accepted("assets/associate", associate(&["LOST"])).await;
    once(&sim, "notifications", json!({ "kind": "doubled" })).await;
    sim.accepted("assets/associate", associate(&["TWICE"])).await;
    let bodies = receiver.wait_for(3).await;
    assert_eq!(serials_of(&bodies), ["TWICE", "TWICE"]);
    assert_eq!(bodies[1]["notificationId"], bodies[2]["notificationId"]);
    once(&sim, "notifications", json!({ "kind": "late", "ms": 5_000 })).await;
    sim.accepted("assets/associate", associate(&["LATE"])).await;
    sim.accepted("assets/associate", associate(&["NEXT"])).await;
    receiver.wait_for(4).await;
    sim.post("/_sim/clock", json!({ "advance_ms": 5_000 })).await;
    assert_eq!(serials_of(&receiver.wait_for(5).await), ["TWICE", "TWICE", "NEXT", "LATE"]);
    until("the ledger to know", || async { sim.ledger().await["notifications"]["delivered"] == 4 }).await;
    let counts = sim.ledger().await["notifications"].clone();
    assert_eq!(counts, json!({ "sent": 5, "attempts": 5, "delivered": 4, "failed": 0, "lost": 1 }));
}

#[tokio::test]
async fn notifications_that_are_reordered_come_in_reverse() {
    let sim = with_assets().await;
    let receiver = Receiver::start().await;
    sim.subscribe(&receiver).await;
    sim.post("/_sim/clock", json!({ "mode": "manual" })).await;
    let order = json!({ "on": { "endpoint": "notifications" }, "what": { "kind": "reordered" } });
    sim.fault(order).await;
    for serial in ["A", "B", "C"] {
        sim.accepted("assets/associate", associate(&[serial])).await;
    }
    sim.post("/_sim/clock", json!({ "advance_ms": 200 })).await;
    assert_eq!(serials_of(&receiver.wait_for(4).await), ["C", "B", "A"]);
}

#[tokio::test]
async fn stopping_waits_for_no_answer_that_hangs() {
    let sim = with_assets().await;
    once(&sim, "assets", json!({ "kind": "timeout", "ms": 60_000, "processed": false })).await;
    let hanging = tokio::spawn(sim.apple_get("assets").send());
    until("the request to hang", || async { sim.ledger().await["requests"]["assets"] == 1 }).await;
    let url = sim.simulator.url();
    let start = Instant::now();
    sim.simulator.stop().await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(hanging.await.unwrap().is_err());
    assert!(sim.client.get(url).send().await.is_err());
}
