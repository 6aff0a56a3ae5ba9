//! Associate, disassociate and revoke, over HTTP as a device-management server would use them.

use crate::support::{Sim, quick};
use serde_json::{Value, json};

fn serials(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("SER{number:04}")).collect()
}

async fn with_assets(total: usize) -> Sim {
    let sim = Sim::start(quick()).await;
    let assets = json!({ "assets": [
        { "adam_id": "501", "total": total }, { "adam_id": "502", "total": total },
        { "adam_id": "601", "product_type": "Book", "total": total },
    ] });
    sim.post("/_sim/locations/{uid}/assets", assets).await;
    sim.post("/_sim/locations/{uid}/users", json!({ "generate": { "count": 3 } })).await;
    sim
}

fn two_assets() -> Value {
    json!([{ "adamId": "501", "pricingParam": "STDQ" }, { "adamId": "502", "pricingParam": "STDQ" }])
}

#[tokio::test]
async fn an_associate_gives_every_asset_to_every_device_and_user() {
    let sim = with_assets(100).await;
    let body =
        json!({ "assets": two_assets(), "serialNumbers": serials(4), "clientUserIds": ["user-1", "user-2"] });
    let event = sim.accepted("assets/associate", body).await;
    let status = sim.status(&event).await;
    assert_eq!(status["eventStatus"], "COMPLETE");
    assert_eq!(status["eventType"], "ASSOCIATE");
    assert_eq!((&status["numRequested"], &status["numCompleted"]), (&json!(12), &json!(12)));
    assert_eq!(sim.assignments().await.len(), 12);
    let asset = sim.asset("501").await;
    assert_eq!(
        (&asset["assigned"], &asset["available"], &asset["total"]),
        (&json!(6), &json!(94), &json!(100))
    );
}

#[tokio::test]
async fn only_the_pairs_beyond_the_available_licenses_fail() {
    let sim = with_assets(3).await;
    let event = sim
        .accepted("assets/associate", json!({ "assets": two_assets(), "serialNumbers": serials(5) }))
        .await;
    let status = sim.status(&event).await;
    assert_eq!(status["eventStatus"], "FAILED");
    assert_eq!((&status["numRequested"], &status["numCompleted"]), (&json!(10), &json!(6)));
    let failures = status["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 2);
    assert_eq!(failures[0]["errorNumber"], 9709);
    assert_eq!(failures[0]["errorInfo"]["serialNumbers"], json!(["SER0004", "SER0005"]));
    assert_eq!(failures[0]["errorInfo"]["assets"], json!([{ "adamId": "501", "pricingParam": "STDQ" }]));
    assert_eq!(sim.ledger().await["elements_refused"], 4);
}

#[tokio::test]
async fn a_pair_that_is_associated_already_succeeds_without_a_second_license() {
    let sim = with_assets(100).await;
    let body = json!({ "assets": two_assets(), "serialNumbers": serials(2) });
    for _ in 0..2 {
        let event = sim.accepted("assets/associate", body.clone()).await;
        assert_eq!(sim.status(&event).await["numCompleted"], 4);
    }
    assert_eq!(sim.asset("501").await["assigned"], 2);
    assert_eq!(sim.ledger().await["licenses_moved"]["associated"], 4);
}

#[tokio::test]
async fn an_unknown_or_retired_user_fails_for_every_asset_and_the_others_do_not() {
    let sim = with_assets(100).await;
    let retired = json!({ "users": [{ "client_user_id": "user-3", "status": "Retired" }] });
    sim.post("/_sim/locations/{uid}/users", retired).await;
    let body = json!({ "assets": two_assets(), "clientUserIds": ["user-1", "nobody", "user-3"] });
    let event = sim.accepted("assets/associate", body).await;
    let status = sim.status(&event).await;
    assert_eq!((&status["eventStatus"], &status["numCompleted"]), (&json!("FAILED"), &json!(2)));
    let failures = status["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0]["errorNumber"], 9609);
    assert_eq!(failures[0]["errorInfo"].get("assets"), None);
    assert_eq!(failures[0]["errorInfo"]["clientUserIds"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn taking_back_what_nobody_has_fails_and_the_rest_comes_free() {
    let sim = with_assets(100).await;
    let body = json!({ "assets": [{ "adamId": "501" }], "serialNumbers": serials(2) });
    sim.accepted("assets/associate", body).await;
    let event = sim
        .accepted("assets/disassociate", json!({ "assets": two_assets(), "serialNumbers": serials(2) }))
        .await;
    let status = sim.status(&event).await;
    assert_eq!((&status["eventStatus"], &status["numCompleted"]), (&json!("FAILED"), &json!(2)));
    assert_eq!(status["failures"][0]["errorNumber"], 9619);
    assert!(sim.assignments().await.is_empty());
    assert_eq!(sim.asset("501").await["available"], 100);
}

#[tokio::test]
async fn a_revoke_takes_every_app_and_leaves_the_books() {
    let sim = with_assets(100).await;
    let body = json!({ "assets": [{ "adamId": "501" }, { "adamId": "502" }, { "adamId": "601" }], "clientUserIds": ["user-1"] });
    sim.accepted("assets/associate", body).await;
    let event = sim.accepted("assets/revoke", json!({ "clientUserIds": ["user-1"] })).await;
    let status = sim.status(&event).await;
    assert_eq!((&status["eventType"], &status["numRequested"]), (&json!("REVOKE"), &json!(2)));
    assert_eq!(sim.assignments().await, ["601/user-1"]);
    assert_eq!(sim.ledger().await["licenses_moved"]["disassociated"], 2);
}

#[tokio::test]
async fn retiring_a_user_frees_apps_and_counts_books_as_retired() {
    let sim = with_assets(100).await;
    let body = json!({ "assets": [{ "adamId": "501" }, { "adamId": "601" }], "clientUserIds": ["user-1"] });
    sim.accepted("assets/associate", body).await;
    let retired = json!({ "users": [{ "client_user_id": "user-1", "status": "Retired" }] });
    sim.post("/_sim/locations/{uid}/users", retired).await;
    let book = sim.asset("601").await;
    assert_eq!((&book["assigned"], &book["retired"], &book["available"]), (&json!(0), &json!(1), &json!(99)));
    assert_eq!(sim.asset("501").await["available"], 100);
    let (_, all) = sim.get("assignments?includeUserState=true").await;
    assert_eq!(all["assignments"][0]["userStatus"], "Retired");
    let (_, active) = sim.get("assignments?excludeInactiveUsers=true").await;
    assert_eq!(active["size"], 0);
}

#[tokio::test]
async fn bad_lists_are_refused_whole_with_their_number_and_counted() {
    let sim = with_assets(100).await;
    sim.patch_settings(
        json!({ "limits": { "max_assets": 2, "max_serial_numbers": 3, "max_client_user_ids": 1 } }),
    )
    .await;
    let one = json!([{ "adamId": "501" }]);
    let cases = [
        (9718, json!({ "assets": [], "serialNumbers": ["A"] })),
        (9719, json!({ "assets": one, "serialNumbers": [] })),
        (
            9700,
            json!({ "assets": [{ "adamId": "1" }, { "adamId": "2" }, { "adamId": "3" }], "serialNumbers": ["A"] }),
        ),
        (9701, json!({ "assets": one, "clientUserIds": ["A", "B"] })),
        (9702, json!({ "assets": one, "serialNumbers": ["A", "B", "C", "D"] })),
        (
            9703,
            json!({ "assets": [{ "adamId": "1" }, { "adamId": "1", "pricingParam": "STDQ" }], "serialNumbers": ["A"] }),
        ),
        (9705, json!({ "assets": one, "serialNumbers": ["A", "A"] })),
        (9707, json!({ "assets": [{ "adamId": "601" }], "serialNumbers": ["A"] })),
        (9602, json!({ "assets": [{ "adamId": "501", "pricingParam": "CHEAP" }], "serialNumbers": ["A"] })),
    ];
    for (number, body) in cases {
        let (status, answer) = sim.write("assets/associate", body).await;
        assert_eq!((status, &answer["errorNumber"]), (400, &json!(number)), "{answer}");
    }
    let book = json!({ "assets": [{ "adamId": "601" }], "clientUserIds": ["user-1"] });
    let (_, answer) = sim.write("assets/disassociate", book).await;
    assert_eq!(answer["errorNumber"], 9706);
    assert_eq!(answer["errorInfo"]["assets"][0]["adamId"], "601");
    let violations = sim.ledger().await["violations"].clone();
    assert_eq!((&violations["list_too_long"], &violations["duplicates"]), (&json!(3), &json!(2)));
    assert!(sim.assignments().await.is_empty());
}

#[tokio::test]
async fn an_event_waits_for_its_time_on_the_clock_that_is_moved() {
    let sim = with_assets(100).await;
    sim.patch_settings(json!({ "event_delay_ms": 60_000 })).await;
    sim.post("/_sim/clock", json!({ "mode": "manual" })).await;
    let event =
        sim.accepted("assets/associate", json!({ "assets": two_assets(), "serialNumbers": ["A"] })).await;
    assert_eq!(sim.status(&event).await["eventStatus"], "PENDING");
    sim.post("/_sim/clock", json!({ "advance_ms": 59_999 })).await;
    assert_eq!(sim.status(&event).await["eventStatus"], "PENDING");
    assert_eq!(sim.ledger().await["events"]["pending"], 1);
    sim.post("/_sim/clock", json!({ "advance_ms": 1 })).await;
    assert_eq!(sim.status(&event).await["eventStatus"], "COMPLETE");
    assert_eq!(sim.ledger().await["events"]["complete"], 1);
}

#[tokio::test]
async fn a_pending_event_that_is_asked_about_too_soon_is_counted() {
    let sim = with_assets(100).await;
    sim.patch_settings(json!({ "event_delay_ms": 60_000, "status_min_interval_ms": 30_000 })).await;
    sim.post("/_sim/clock", json!({ "mode": "manual" })).await;
    let event =
        sim.accepted("assets/associate", json!({ "assets": two_assets(), "serialNumbers": ["A"] })).await;
    sim.status(&event).await;
    sim.post("/_sim/clock", json!({ "advance_ms": 29_999 })).await;
    sim.status(&event).await;
    assert_eq!(sim.ledger().await["violations"]["status_too_soon"], 1);
}

#[tokio::test]
async fn an_unknown_event_is_9708() {
    let sim = with_assets(1).await;
    let (status, answer) = sim.get("status?eventId=nothing").await;
    assert_eq!((status, &answer["errorNumber"]), (400, &json!(9708)));
}
