//! What content managers and others do in Apple's portal, and what a client sees of it.

use crate::support::{Receiver, Sim, quick, send};
use reqwest::Method;
use serde_json::{Value, json};

async fn with_receiver() -> (Sim, Receiver) {
    let sim = Sim::start(quick()).await;
    let receiver = Receiver::start().await;
    sim.post("/_sim/locations/{uid}/assets", json!({ "assets": [{ "adam_id": "501", "total": 10 }] })).await;
    let body = json!({
        "notificationUrl": receiver.url, "notificationAuthToken": "secret-1",
        "notificationTypes": ["ASSET_COUNT", "UNLIMITED_ASSET"],
    });
    assert_eq!(sim.write("client/config", body).await.0, 200);
    (sim, receiver)
}

async fn associate(sim: &Sim, serials: &[&str]) {
    let body = json!({ "assets": [{ "adamId": "501" }], "serialNumbers": serials });
    sim.accepted("assets/associate", body).await;
}

/// What a read and a write answer with a token: status and number of each.
async fn answers(sim: &Sim, token: &str) -> [(u16, Value); 2] {
    let base = sim.simulator.apple_url();
    let read = sim.client.get(format!("{base}/assets")).bearer_auth(token);
    let body = json!({ "serialNumbers": ["A"] });
    let write = sim.client.post(format!("{base}/assets/revoke")).bearer_auth(token).json(&body);
    let number = |(status, answer): (u16, Value)| (status, answer["errorNumber"].clone());
    [number(send(read).await), number(send(write).await)]
}

const GOOD: [(u16, Value); 2] = [(200, Value::Null), (200, Value::Null)];

async fn new_token(sim: &Sim, owner: &str) -> String {
    let made = sim.post("/_sim/locations/{uid}/tokens", json!({ "owner": owner })).await;
    made["content"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refund_takes_free_licenses_first_and_held_ones_only_when_that_is_said() {
    let (sim, receiver) = with_receiver().await;
    associate(&sim, &["A", "B", "C"]).await;
    let refund = async |body: Value| {
        sim.try_control(Method::POST, "/_sim/locations/{uid}/assets/refund", Some(body)).await
    };
    let (status, answer) = refund(json!({ "adam_id": "501", "count": 4 })).await;
    assert_eq!((status, &answer["taken_from_holders"]), (200, &json!(0)));
    assert_eq!(refund(json!({ "adam_id": "501", "count": 5 })).await.0, 409);
    let (status, answer) = refund(json!({ "adam_id": "501", "count": 5, "assigned_too": true })).await;
    assert_eq!((status, &answer["taken_from_holders"]), (200, &json!(2)));
    let asset = sim.asset("501").await;
    assert_eq!((&asset["total"], &asset["assigned"], &asset["available"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(sim.assignments().await.len(), 1);
    let bodies = receiver.wait_for(3).await;
    let mut deltas: Vec<i64> =
        bodies[1..].iter().map(|body| body["notification"]["countDelta"].as_i64().unwrap()).collect();
    deltas.sort_unstable();
    assert_eq!(deltas, [-5, -4]);
    assert_eq!(refund(json!({ "adam_id": "501", "count": 2, "assigned_too": true })).await.0, 409);
    assert_eq!(refund(json!({ "adam_id": "502", "count": 1 })).await.0, 404);
    assert_eq!(refund(json!({ "adam_id": "501", "count": 0 })).await.0, 400);
}

#[tokio::test]
async fn a_transfer_moves_free_licenses_and_both_locations_are_told() {
    let (sim, receiver) = with_receiver().await;
    associate(&sim, &["A", "B", "C"]).await;
    let other = sim.post("/_sim/locations", json!({ "name": "Other School" })).await;
    let (other_uid, other_token) =
        (other["uid"].as_str().unwrap(), other["token"]["content"].as_str().unwrap());
    let there = json!({ "url": receiver.url, "auth_token": "secret-2", "types": ["ASSET_COUNT"] });
    sim.control(Method::PUT, &format!("/_sim/locations/{other_uid}/receiver"), Some(there)).await;
    let transfer = async |count: u32, to: &str| {
        let body = json!({ "adam_id": "501", "count": count, "to": to });
        sim.try_control(Method::POST, "/_sim/locations/{uid}/assets/transfer", Some(body)).await.0
    };
    assert_eq!(transfer(8, other_uid).await, 409, "only seven are free");
    assert_eq!(transfer(7, "1").await, 404);
    assert_eq!(transfer(7, &sim.uid).await, 400);
    assert_eq!(transfer(7, other_uid).await, 200);
    let bodies = receiver.wait_for(3).await;
    let mut told: Vec<(bool, i64)> = bodies[1..]
        .iter()
        .map(|body| (body["uId"] == sim.uid, body["notification"]["countDelta"].as_i64().unwrap()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [(false, 7), (true, -7)]);
    assert_eq!(sim.asset("501").await["total"], 3);
    let url = format!("{}/assets", sim.simulator.apple_url());
    let (_, page) = send(sim.client.get(url).bearer_auth(other_token)).await;
    assert_eq!((&page["assets"][0]["adamId"], &page["assets"][0]["totalCount"]), (&json!("501"), &json!(7)));
}

#[tokio::test]
async fn an_asset_becomes_unlimited_and_is_counted_again() {
    let (sim, receiver) = with_receiver().await;
    associate(&sim, &["A", "B"]).await;
    let set = async |body: Value| {
        sim.try_control(Method::POST, "/_sim/locations/{uid}/assets/unlimited", Some(body)).await.0
    };
    assert_eq!(set(json!({ "adam_id": "501", "unlimited": true })).await, 200);
    assert_eq!(sim.get("assets").await.1["assets"][0]["totalCount"], 2_147_483_647);
    assert_eq!(sim.get("assets?unlimited=true").await.1["unlimitedAssets"][0]["assignedCount"], 2);
    assert_eq!(set(json!({ "adam_id": "501", "unlimited": false, "total": 1 })).await, 409);
    assert_eq!(set(json!({ "adam_id": "501", "unlimited": true, "total": 1 })).await, 400);
    assert_eq!(set(json!({ "adam_id": "501", "unlimited": false })).await, 200);
    assert_eq!(sim.get("assets").await.1["assets"][0]["totalCount"], 2);
    assert_eq!(sim.get("assets?unlimited=true").await.1.get("unlimitedAssets"), None);
    let bodies = receiver.wait_for(3).await;
    for body in &bodies[1..] {
        assert_eq!(body["notificationType"], "UNLIMITED_ASSET");
        assert_eq!(body["notification"]["adamId"], "501");
    }
}

#[tokio::test]
async fn a_password_that_changes_ends_every_token_of_its_owner_and_no_other() {
    let (sim, _) = with_receiver().await;
    let (anns, bobs) =
        (new_token(&sim, "ann@school.example").await, new_token(&sim, "bob@school.example").await);
    let change = async |body: Value| sim.try_control(Method::POST, "/_sim/owners/password", Some(body)).await;
    let (_, answer) = change(json!({ "owner": "ann@school.example" })).await;
    assert_eq!(answer["tokens"], 1);
    assert_eq!(answers(&sim, &anns).await, [(401, json!(9622)), (401, json!(9622))]);
    assert_eq!(answers(&sim, &bobs).await, GOOD);
    let again = new_token(&sim, "ann@school.example").await;
    assert_eq!(answers(&sim, &again).await, GOOD, "a new token opens the same location");
    let (_, answer) = change(json!({ "owner": "bob@school.example", "error_number": 9601 })).await;
    assert_eq!(answer["tokens"], 1);
    assert_eq!(answers(&sim, &bobs).await[0], (401, json!(9601)));
    assert_eq!(change(json!({ "owner": "bob@school.example", "error_number": 9709 })).await.0, 400);
}

#[tokio::test]
async fn an_owner_who_leaves_takes_the_tokens_along_and_downloads_no_more() {
    let (sim, _) = with_receiver().await;
    let token = new_token(&sim, "ann@school.example").await;
    sim.post("/_sim/owners/leave", json!({ "owner": "ann@school.example" })).await;
    assert_eq!(answers(&sim, &token).await[0], (401, json!(9622)));
    let body = json!({ "owner": "ann@school.example" });
    let (status, _) = sim.try_control(Method::POST, "/_sim/locations/{uid}/tokens", Some(body)).await;
    assert_eq!(status, 409);
    assert_eq!(answers(&sim, &sim.token).await, GOOD);
}

#[tokio::test]
async fn a_new_token_has_the_same_library_and_ends_the_old_one_only_when_the_settings_say_so() {
    let (sim, _) = with_receiver().await;
    let second = new_token(&sim, "ann@school.example").await;
    assert_eq!(answers(&sim, &sim.token).await, GOOD);
    let url = format!("{}/assets", sim.simulator.apple_url());
    assert_eq!(send(sim.client.get(url).bearer_auth(&second)).await.1["uId"], sim.uid);
    sim.patch_settings(json!({ "new_token_ends_old": true })).await;
    let third = new_token(&sim, "ann@school.example").await;
    assert_eq!(answers(&sim, &sim.token).await[0].0, 401);
    assert_eq!(answers(&sim, &second).await[0].0, 401);
    assert_eq!(answers(&sim, &third).await, GOOD);
}

#[tokio::test]
async fn each_state_of_a_token_answers_reads_and_writes_in_its_way() {
    let (sim, _) = with_receiver().await;
    let both = |status: u16, number: u16| [(status, json!(number)), (status, json!(number))];
    let cases = [
        ("valid", GOOD),
        ("expired", both(401, 9621)),
        ("revoked", both(401, 9625)),
        ("invalid", both(401, 9622)),
        ("legacy", both(403, 9647)),
        ("read_only", [(200, Value::Null), (403, json!(9999))]),
    ];
    for (state, wanted) in cases {
        sim.post("/_sim/tokens/state", json!({ "content": sim.token, "state": state })).await;
        assert_eq!(answers(&sim, &sim.token).await, wanted, "{state}");
    }
    let bad = json!({ "content": sim.token, "state": "revoked", "error_number": 9601 });
    assert_eq!(sim.try_control(Method::POST, "/_sim/tokens/state", Some(bad)).await.0, 400);
    let (_, config) = sim.get("service/config").await;
    let codes = config["errorCodes"].as_array().unwrap();
    assert!(codes.iter().all(|code| code["errorNumber"] != 9999), "it is none of Apple's numbers");
}

#[tokio::test]
async fn a_location_that_apples_own_mdm_has_can_only_be_read() {
    let (sim, _) = with_receiver().await;
    let path = "/_sim/locations/{uid}/managed-by-apple";
    sim.control(Method::PUT, path, Some(json!({ "managed": true }))).await;
    assert_eq!(answers(&sim, &sim.token).await, [(200, Value::Null), (403, json!(9645))]);
    let shown = sim.control(Method::GET, "/_sim/locations", None).await;
    assert_eq!(shown["locations"][0]["managed_by_apple"], true);
    assert_eq!(shown["locations"][0]["tokens"][0]["owner"], "content-manager@school.example");
    sim.control(Method::PUT, path, Some(json!({ "managed": false }))).await;
    assert_eq!(answers(&sim, &sim.token).await, GOOD);
}

#[tokio::test]
async fn books_are_made_up_for_users_alone_and_look_like_apps_for_the_mac() {
    let (sim, _) = with_receiver().await;
    let books =
        json!({ "generate": { "count": 2, "total": 5, "product_type": "Book", "pricing_param": "PLUS" } });
    sim.post("/_sim/locations/{uid}/assets", books).await;
    let (_, page) = sim.get("assets?productType=Book").await;
    assert_eq!(page["size"], 2);
    let book = &page["assets"][0];
    assert_eq!((&book["deviceAssignable"], &book["revocable"]), (&json!(false), &json!(false)));
    assert_eq!(
        (&book["supportedPlatforms"], &book["pricingParam"]),
        (&json!(["iOS", "macOS"]), &json!("PLUS"))
    );
    let body =
        json!({ "assets": [{ "adamId": book["adamId"], "pricingParam": "PLUS" }], "serialNumbers": ["A"] });
    assert_eq!(sim.write("assets/associate", body).await.1["errorNumber"], 9707);
}

#[tokio::test]
async fn the_notification_url_can_be_set_and_taken_away_by_somebody_else() {
    let (sim, receiver) = with_receiver().await;
    let path = "/_sim/locations/{uid}/receiver";
    sim.control(Method::PUT, path, Some(Value::Null)).await;
    let (_, config) = sim.get("client/config").await;
    assert_eq!((config.get("notificationUrl"), &config["subscribedNotificationTypes"]), (None, &json!([])));
    let none = json!({ "type": "NEWS", "notification": {} });
    let (status, _) = sim.try_control(Method::POST, "/_sim/locations/{uid}/notifications", Some(none)).await;
    assert_eq!(status, 409);
    let other = json!({ "url": receiver.url, "auth_token": "theirs", "types": ["ASSET_COUNT"] });
    sim.control(Method::PUT, path, Some(other)).await;
    assert_eq!(sim.get("client/config").await.1["notificationAuthToken"], "theirs");
}

#[tokio::test]
async fn a_notification_of_any_kind_is_sent_as_it_is() {
    let (sim, receiver) = with_receiver().await;
    let payload = json!({ "parentAdamId": 7, "counts": { "total": { "renewing": 3, "expiring": 0 } } });
    let body = json!({ "type": "SUBSCRIPTION_COUNT", "notification": payload });
    let sent = sim.post("/_sim/locations/{uid}/notifications", body).await;
    let bodies = receiver.wait_for(2).await;
    assert_eq!(bodies[1]["notificationId"], sent["notification_id"]);
    assert_eq!(bodies[1]["notificationType"], "SUBSCRIPTION_COUNT");
    assert_eq!((&bodies[1]["notification"], &bodies[1]["uId"]), (&payload, &json!(sim.uid)));
}
