//! The rate, the pages at the same time, and the waits that a client was told.

use crate::support::{Sim, quick, until};
use russet_simulator::Rules;
use serde_json::{Value, json};

fn limited() -> Rules {
    Rules { rate_limit: true, ..quick() }
}

/// A simulator whose time stands still, at a full second.
async fn at_a_full_second(rules: Rules) -> Sim {
    let sim = Sim::start(rules).await;
    let now_ms = sim.post("/_sim/clock", json!({ "mode": "manual" })).await["now_ms"].as_i64().unwrap();
    sim.post("/_sim/clock", json!({ "now_ms": now_ms / 1000 * 1000 })).await;
    sim
}

async fn advance(sim: &Sim, ms: i64) {
    sim.post("/_sim/clock", json!({ "advance_ms": ms })).await;
}

#[tokio::test]
async fn the_sixteenth_request_of_any_second_is_refused_and_counted() {
    let sim = at_a_full_second(limited()).await;
    // Seven late in one second and eight early in the next are fifteen in one sliding second.
    advance(&sim, 900).await;
    for _ in 0..7 {
        assert_eq!(sim.client_status("assets").await, 200);
    }
    advance(&sim, 200).await;
    for _ in 0..8 {
        assert_eq!(sim.client_status("assets").await, 200);
    }
    let (status, answer) = sim.get("assets").await;
    assert_eq!((status, &answer["errorNumber"]), (429, &json!(9646)));
    // The first seven leave the window exactly a second after they came.
    advance(&sim, 800).await;
    assert_eq!(sim.client_status("assets").await, 200);
    let ledger = sim.ledger().await;
    assert_eq!(ledger["violations"]["rate"], 1);
    assert_eq!(ledger["max_in_any_second"][&sim.uid], 16);
    assert_eq!(ledger["answers"], json!({ "200": 16, "429": 1 }));
    assert_eq!(ledger["by_location"][&sim.uid]["requests"]["assets"], 17);
}

#[tokio::test]
async fn the_ledger_says_when_the_first_and_the_last_write_of_a_location_came() {
    let sim = at_a_full_second(quick()).await;
    let begin = sim.control(reqwest::Method::GET, "/_sim/clock", None).await["now_ms"].as_i64().unwrap();
    sim.client_status("assets").await;
    for serial in ["A", "B"] {
        advance(&sim, 100).await;
        let body = json!({ "assets": [{ "adamId": "500000001" }], "serialNumbers": [serial] });
        sim.accepted("assets/associate", body).await;
    }
    advance(&sim, 100).await;
    sim.client_status("assets").await;
    let arrivals = sim.ledger().await["by_location"][&sim.uid]["arrivals"].clone();
    let wanted = json!({
        "first_ms": begin, "last_ms": begin + 300,
        "writes": 2, "first_write_ms": begin + 100, "last_write_ms": begin + 200,
    });
    assert_eq!(arrivals, wanted);
    sim.post("/_sim/ledger/reset", json!({})).await;
    assert_eq!(sim.ledger().await["arrivals"]["writes"], 0);
}

#[tokio::test]
async fn a_rate_that_is_not_enforced_is_counted_all_the_same() {
    let sim = at_a_full_second(Rules { enforce_rate: false, ..limited() }).await;
    for _ in 0..18 {
        assert_eq!(sim.client_status("assets").await, 200);
    }
    assert_eq!(sim.ledger().await["violations"]["rate"], 3);
    sim.post("/_sim/ledger/reset", json!({})).await;
    let ledger = sim.ledger().await;
    assert_eq!((&ledger["violations"]["total"], &ledger["requests"]["total"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn without_a_rate_limit_nothing_is_counted() {
    let sim = at_a_full_second(quick()).await;
    for _ in 0..40 {
        assert_eq!(sim.client_status("assets").await, 200);
    }
    assert_eq!(sim.ledger().await["violations"]["total"], 0);
}

#[tokio::test]
async fn every_location_has_a_rate_of_its_own() {
    let sim = at_a_full_second(limited()).await;
    let other = sim.post("/_sim/locations", json!({ "name": "Other" })).await;
    let token = other["token"]["content"].as_str().unwrap();
    for _ in 0..15 {
        sim.client_status("assets").await;
        let url = format!("{}/assets", sim.simulator.apple_url());
        assert_eq!(sim.client.get(url).bearer_auth(token).send().await.unwrap().status(), 200);
    }
    assert_eq!(sim.ledger().await["violations"]["rate"], 0);
}

#[tokio::test]
async fn a_sixth_page_at_the_same_time_is_counted() {
    let sim = Sim::start(Rules { latency_ms: 300, ..quick() }).await;
    for (pages, violations) in [(5, 0), (6, 1)] {
        let all = (0..pages).map(|_| sim.client_status("assignments"));
        futures::future::join_all(all).await;
        assert_eq!(sim.ledger().await["violations"]["parallel_pages"], violations);
    }
}

#[tokio::test]
async fn asking_before_the_time_that_was_told_is_counted() {
    for retry_after in [json!(5), json!({ "date_in_s": 5 })] {
        let sim = at_a_full_second(quick()).await;
        let what =
            json!({ "kind": "status", "status": 503, "error_number": 9729, "retry_after": retry_after });
        sim.fault(json!({ "on": { "endpoint": "assets" }, "what": what, "times": 1 })).await;
        let response = sim.apple_get("assets").send().await.unwrap();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        advance(&sim, 100).await;
        sim.get("assignments").await;
        let before = |ledger: &Value| ledger["violations"]["before_retry_after"].clone();
        assert_eq!(before(&sim.ledger().await), 0, "what was under way already is forgiven");
        advance(&sim, 1_000).await;
        sim.get("assignments").await;
        assert_eq!(before(&sim.ledger().await), 1, "{retry_after}");
        advance(&sim, 3_900).await;
        sim.get("assignments").await;
        assert_eq!(before(&sim.ledger().await), 1);
    }
}

#[tokio::test]
async fn a_page_that_the_client_gave_up_counts_no_longer() {
    let sim = Sim::start(Rules { latency_ms: 60_000, ..quick() }).await;
    for _ in 0..5 {
        let given_up =
            sim.apple_get("assignments").timeout(std::time::Duration::from_millis(50)).send().await;
        assert!(given_up.is_err());
    }
    sim.patch_settings(json!({ "latency_ms": 0 })).await;
    until("the requests that were given up to end", || async {
        sim.post("/_sim/ledger/reset", json!({})).await;
        sim.client_status("assignments").await;
        sim.ledger().await["violations"]["parallel_pages"] == 0
    })
    .await;
}
