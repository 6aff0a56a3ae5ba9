//! What is sent, in which parts, and how often.

use crate::support::{Receiver, Sim, quick, until};
use reqwest::Method;
use serde_json::{Value, json};

async fn with_receiver() -> (Sim, Receiver) {
    let sim = Sim::start(quick()).await;
    let receiver = Receiver::start().await;
    sim.post("/_sim/locations/{uid}/assets", json!({ "assets": [{ "adam_id": "501", "total": 150 }] })).await;
    sim.subscribe(&receiver).await;
    (sim, receiver)
}

async fn associate(sim: &Sim, count: usize) -> String {
    let serials: Vec<String> = (0..count).map(|number| format!("S{number:04}")).collect();
    let body = json!({ "assets": [{ "adamId": "501" }], "serialNumbers": serials });
    sim.accepted("assets/associate", body).await
}

fn elements(body: &Value) -> usize {
    body["notification"]["assignments"].as_array().unwrap().len()
}

#[tokio::test]
async fn an_event_is_told_in_parts_of_a_hundred_success_and_failure_apart() {
    let (sim, receiver) = with_receiver().await;
    let event = associate(&sim, 260).await;
    let bodies = receiver.wait_for(5).await;
    let mut parts: Vec<(String, usize)> = bodies[1..]
        .iter()
        .map(|body| (body["notification"]["result"].as_str().unwrap().to_owned(), elements(body)))
        .collect();
    parts.sort();
    let parts: Vec<(&str, usize)> = parts.iter().map(|(result, size)| (result.as_str(), *size)).collect();
    assert_eq!(parts, [("FAILURE", 10), ("FAILURE", 100), ("SUCCESS", 50), ("SUCCESS", 100)]);
    for body in &bodies[1..] {
        assert_eq!(body["uId"], sim.uid);
        assert_eq!(body["notificationType"], "ASSET_MANAGEMENT");
        assert_eq!(body["notification"]["eventId"], event);
        assert_eq!(body["notification"]["type"], "ASSOCIATE");
        let is_failure = body["notification"]["result"] == "FAILURE";
        assert_eq!(body["notification"]["error"]["errorNumber"] == 9709, is_failure);
    }
    assert!(receiver.tokens().iter().all(|token| token == "Bearer secret-1"));
}

#[tokio::test]
async fn a_notification_is_tried_three_times_and_no_more() {
    let (sim, receiver) = with_receiver().await;
    receiver.refuse_next(2);
    associate(&sim, 1).await;
    let bodies = receiver.wait_for(4).await;
    assert_eq!(bodies[1]["notificationId"], bodies[3]["notificationId"]);
    until("the third attempt to count", || async { sim.ledger().await["notifications"]["delivered"] == 2 })
        .await;
    receiver.refuse_next(usize::MAX);
    associate(&sim, 1).await;
    until("it to be given up", || async { sim.ledger().await["notifications"]["failed"] == 1 }).await;
    assert_eq!(receiver.bodies().len(), 7);
}

#[tokio::test]
async fn purchases_and_refunds_are_told_as_differences() {
    let (sim, receiver) = with_receiver().await;
    sim.post("/_sim/locations/{uid}/assets/buy", json!({ "adam_id": "501", "delta": 10 })).await;
    sim.post("/_sim/locations/{uid}/assets/buy", json!({ "adam_id": "501", "delta": -30 })).await;
    let bodies = receiver.wait_for(3).await;
    let mut deltas: Vec<i64> =
        bodies[1..].iter().map(|body| body["notification"]["countDelta"].as_i64().unwrap()).collect();
    deltas.sort_unstable();
    assert_eq!(deltas, [-30, 10]);
    assert_eq!(bodies[1]["notification"]["pricingParam"], "STDQ");
    assert_eq!(sim.asset("501").await["total"], 130);
    let too_many = json!({ "adam_id": "501", "delta": -131 });
    let (status, _) = sim.try_control(Method::POST, "/_sim/locations/{uid}/assets/buy", Some(too_many)).await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn what_nobody_subscribed_to_is_not_sent() {
    let (sim, receiver) = with_receiver().await;
    let (status, _) = sim.write("client/config", json!({ "notificationTypes": ["ASSET_COUNT"] })).await;
    assert_eq!(status, 200);
    associate(&sim, 1).await;
    sim.post("/_sim/locations/{uid}/assets/buy", json!({ "adam_id": "501", "delta": 1 })).await;
    let bodies = receiver.wait_for(2).await;
    assert_eq!(bodies[1]["notificationType"], "ASSET_COUNT");
    assert_eq!(sim.ledger().await["notifications"]["sent"], 2);
}

#[tokio::test]
async fn notifications_wait_for_their_delay() {
    let (sim, receiver) = with_receiver().await;
    sim.patch_settings(json!({ "notification_delay_ms": 3_000 })).await;
    sim.post("/_sim/clock", json!({ "mode": "manual" })).await;
    let event = associate(&sim, 1).await;
    assert_eq!(sim.status(&event).await["eventStatus"], "COMPLETE");
    assert_eq!(sim.ledger().await["notifications"]["attempts"], 1, "only the test notification");
    sim.post("/_sim/clock", json!({ "advance_ms": 3_000 })).await;
    receiver.wait_for(2).await;
}
