//! Tokens, methods, client configuration, service configuration and the control side's manners.

use crate::support::{Receiver, Sim, quick, send};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

async fn error_with(sim: &Sim, authorization: Option<&str>) -> (u16, Value) {
    let mut request = sim.client.get(format!("{}/assets", sim.simulator.apple_url()));
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    let (status, answer) = send(request).await;
    (status, answer["errorNumber"].clone())
}

async fn set_state(sim: &Sim, state: &str) {
    sim.post("/_sim/tokens/state", json!({ "content": sim.token, "state": state })).await;
}

#[tokio::test]
async fn a_token_is_the_base64_of_three_fields_with_a_date_without_colon() {
    let sim = Sim::start(quick()).await;
    let inside: Value = serde_json::from_slice(&STANDARD.decode(&sim.token).unwrap()).unwrap();
    assert_eq!(inside["orgName"], "Test School");
    assert!(inside["token"].is_string());
    let date = inside["expDate"].as_str().unwrap();
    assert!(date.ends_with("+0000") && date.len() == 24, "{date}");
}

#[tokio::test]
async fn every_way_to_be_without_a_good_token_has_its_number() {
    let sim = Sim::start(quick()).await;
    assert_eq!(error_with(&sim, None).await, (401, json!(9601)));
    assert_eq!(error_with(&sim, Some("Basic abc")).await, (401, json!(9722)));
    assert_eq!(error_with(&sim, Some("Bearer ")).await, (401, json!(9722)));
    assert_eq!(error_with(&sim, Some("Bearer unknown")).await, (401, json!(9622)));
    let good = format!("Bearer {}", sim.token);
    for (state, number) in [("expired", 9621), ("revoked", 9625), ("invalid", 9622)] {
        set_state(&sim, state).await;
        assert_eq!(error_with(&sim, Some(&good)).await, (401, json!(number)), "{state}");
    }
    set_state(&sim, "valid").await;
    assert_eq!(error_with(&sim, Some(&good)).await.0, 200);
}

#[tokio::test]
async fn a_token_ends_when_its_time_has_come() {
    let sim = Sim::start(quick()).await;
    let body = json!({ "expires_in_s": 20 * 86_400, "org_name": "Other" });
    let token = sim.post("/_sim/locations/{uid}/tokens", body).await["content"].as_str().unwrap().to_owned();
    let get = async || {
        send(sim.client.get(format!("{}/assets", sim.simulator.apple_url())).bearer_auth(&token)).await
    };
    let (status, answer) = get().await;
    assert_eq!((status, &answer["uId"]), (200, &json!(sim.uid)));
    assert_eq!(answer.get("tokenExpirationDate"), None);
    sim.post("/_sim/clock", json!({ "advance_ms": 6 * 86_400_000 })).await;
    assert!(get().await.1["tokenExpirationDate"].is_string());
    sim.post("/_sim/clock", json!({ "advance_ms": 15 * 86_400_000_i64 })).await;
    assert_eq!(get().await.1["errorNumber"], 9621);
}

#[tokio::test]
async fn a_token_that_may_only_read_is_refused_to_write() {
    let sim = Sim::start(quick()).await;
    set_state(&sim, "read_only").await;
    assert_eq!(sim.get("assignments").await.0, 200);
    let (status, _) = sim.write("assets/revoke", json!({ "serialNumbers": ["A"] })).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn wrong_methods_and_content_types_are_refused() {
    let sim = Sim::start(quick()).await;
    let (status, answer) = sim.write("assets", json!({})).await;
    assert_eq!((status, &answer["errorNumber"]), (405, &json!(9726)));
    let (status, answer) = sim.get("assets/associate").await;
    assert_eq!((status, &answer["errorNumber"]), (405, &json!(9726)));
    let url = format!("{}/assets/associate", sim.simulator.apple_url());
    let plain = sim.client.post(url).bearer_auth(&sim.token).header("content-type", "text/plain").body("{}");
    let (status, answer) = send(plain).await;
    assert_eq!((status, &answer["errorNumber"]), (415, &json!(9727)));
    let url = format!("{}/assets/associate", sim.simulator.apple_url());
    let broken =
        sim.client.post(url).bearer_auth(&sim.token).header("content-type", "application/json").body("{");
    assert_eq!(send(broken).await.1["errorNumber"], 9602);
}

#[tokio::test]
async fn service_config_needs_no_token_and_follows_the_settings() {
    let sim = Sim::start(quick()).await;
    sim.patch_settings(json!({ "limits": { "max_assets": 7 }, "rate_limit": true })).await;
    let url = format!("{}/service/config", sim.simulator.apple_url());
    let (status, answer) = send(sim.client.get(&url)).await;
    assert_eq!(status, 200);
    assert_eq!(answer["limits"]["maxAssets"], 7);
    assert_eq!(answer["limits"]["maxRequestPerSecond"], 15);
    assert_eq!(answer["urls"]["getAssets"], format!("{}/assets", sim.simulator.apple_url()));
    assert!(answer.get("uId").is_none());
    sim.patch_settings(json!({ "rate_limit": false })).await;
    assert_eq!(send(sim.client.get(&url)).await.1["limits"]["maxRequestPerSecond"], 1_000_000);
}

#[tokio::test]
async fn client_config_keeps_what_it_is_given_and_shows_all_of_it() {
    let sim = Sim::start(quick()).await;
    let receiver = Receiver::start().await;
    let mdm = json!({ "id": "m-1", "name": "Test", "metadata": "here" });
    let body = json!({
        "mdmInfo": mdm, "notificationUrl": receiver.url, "notificationAuthToken": "secret-1",
        "notificationTypes": ["TEST_NOTIFICATION", "ASSET_COUNT"],
    });
    assert_eq!(sim.write("client/config", body).await.0, 200);
    assert_eq!(receiver.bodies()[0]["notificationType"], "TEST_NOTIFICATION");
    assert_eq!(receiver.tokens()[0], "Bearer secret-1");
    let (_, config) = sim.get("client/config").await;
    assert_eq!(config["mdmInfo"], mdm);
    assert_eq!(config["locationName"], "Test School");
    assert_eq!(config["countryISO2ACode"], "DE");
    assert_eq!(config["defaultPlatform"], "enterprisestore");
    assert_eq!(config["websiteURL"], "https://business.apple.com");
    assert_eq!(config["notificationUrl"], receiver.url);
    assert_eq!(config["subscribedNotificationTypes"], json!(["ASSET_COUNT"]));
    assert!(config["tokenExpirationDate"].as_str().unwrap().ends_with("+0000"));
    assert_eq!(sim.get("assets").await.1["mdmInfo"], mdm);
}

#[tokio::test]
async fn a_bad_client_config_is_refused_and_changes_nothing() {
    let sim = Sim::start(quick()).await;
    sim.patch_settings(json!({ "allow_http": false, "limits": { "max_mdm_name_length": 5 } })).await;
    let long = "x".repeat(600);
    let token = "secret";
    let cases = [
        (9723, json!({ "mdmInfo": { "id": "a", "name": "b" } })),
        (9724, json!({ "mdmInfo": { "id": long, "name": "b", "metadata": "c" } })),
        (9725, json!({ "mdmInfo": { "id": "a", "name": "too long", "metadata": "c" } })),
        (9713, json!({ "mdmInfo": { "id": "a", "name": "b", "metadata": long } })),
        (9710, json!({ "notificationUrl": "https://example.org/n" })),
        (9710, json!({ "notificationAuthToken": token })),
        (
            9711,
            json!({ "notificationUrl": format!("https://example.org/{long}"), "notificationAuthToken": token }),
        ),
        (9712, json!({ "notificationUrl": "http://127.0.0.1/n", "notificationAuthToken": token })),
        (9712, json!({ "notificationUrl": "https://example.org/n?a=b", "notificationAuthToken": token })),
        (9712, json!({ "notificationUrl": "https://a:b@example.org/n", "notificationAuthToken": token })),
        (9602, json!({ "notificationTypes": ["SOMETHING_ELSE"] })),
    ];
    for (number, body) in cases {
        let (status, answer) = sim.write("client/config", body).await;
        assert_eq!((status, &answer["errorNumber"]), (400, &json!(number)));
    }
    assert_eq!(sim.get("client/config").await.1.get("mdmInfo"), None);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_2xx_is_9728_and_nothing_is_kept() {
    let sim = Sim::start(quick()).await;
    let receiver = Receiver::start().await;
    receiver.refuse_next(1);
    let body = json!({
        "mdmInfo": { "id": "a", "name": "b", "metadata": "c" },
        "notificationUrl": receiver.url, "notificationAuthToken": "secret",
    });
    let (status, answer) = sim.write("client/config", body).await;
    assert_eq!((status, &answer["errorNumber"]), (400, &json!(9728)));
    assert_eq!(receiver.bodies().len(), 1);
    let (_, config) = sim.get("client/config").await;
    assert_eq!((config.get("mdmInfo"), config.get("notificationUrl")), (None, None));
}

#[tokio::test]
async fn another_mdm_can_take_the_location_and_let_it_go() {
    let sim = Sim::start(quick()).await;
    let other = json!({ "id": "other", "name": "Other MDM", "metadata": "there" });
    sim.control(Method::PUT, "/_sim/locations/{uid}/mdm", Some(other.clone())).await;
    assert_eq!(sim.get("assignments").await.1["mdmInfo"], other);
    sim.control(Method::PUT, "/_sim/locations/{uid}/mdm", Some(Value::Null)).await;
    assert_eq!(sim.get("assignments").await.1.get("mdmInfo"), None);
}

#[tokio::test]
async fn the_control_side_refuses_what_it_does_not_know_in_a_sentence() {
    let sim = Sim::start(quick()).await;
    let cases = [
        (Method::PATCH, "/_sim/settings", json!({ "latency": 5 })),
        (Method::PATCH, "/_sim/settings", json!({ "limits": { "max_everything": 5 } })),
        (Method::PATCH, "/_sim/settings", json!({ "page_size": 0 })),
        (Method::POST, "/_sim/locations", json!({ "name": "A", "color": "red" })),
        (Method::POST, "/_sim/locations", json!({ "name": "A", "country": "Germany" })),
        (Method::POST, "/_sim/locations/{uid}/assets", json!({ "assets": [{ "adam_id": "abc" }] })),
        (Method::POST, "/_sim/faults", json!({ "on": { "endpoint": "any" }, "what": { "kind": "magic" } })),
        (Method::POST, "/_sim/faults", json!({ "on": { "endpoint": "any" }, "what": { "kind": "lost" } })),
        (
            Method::POST,
            "/_sim/faults",
            json!({ "on": { "endpoint": "any" }, "what": { "kind": "lost", "x": 1 } }),
        ),
        (
            Method::POST,
            "/_sim/faults",
            json!({ "on": { "endpoint": "assets" }, "what": { "kind": "event_pending" } }),
        ),
    ];
    for (method, path, body) in cases {
        let (status, answer) = sim.try_control(method, path, Some(body.clone())).await;
        assert_eq!(status, 400, "{body}");
        assert!(answer["error"].as_str().unwrap().len() > 10, "{answer}");
    }
    let (status, _) = sim.try_control(Method::GET, "/_sim/locations/1/assets", None).await;
    assert_eq!(status, 404);
    let (status, _) = sim.try_control(Method::DELETE, "/_sim/faults/77", None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let mut sim = Sim::start_with_seed(quick(), seed).await;
        sim.post("/_sim/clock", json!({ "mode": "manual", "now_ms": 1_900_000_000_000_i64 })).await;
        let token = sim.post("/_sim/locations/{uid}/tokens", json!({})).await["content"].clone();
        sim.token = token.as_str().unwrap().to_owned();
        sim.post("/_sim/locations/{uid}/assets", json!({ "generate": { "count": 2 } })).await;
        let chance = json!({ "on": { "endpoint": "assignments" }, "what": { "kind": "status", "status": 500 }, "probability": 0.5 });
        sim.fault(chance).await;
        let mut statuses = Vec::new();
        for _ in 0..20 {
            statuses.push(sim.client_status("assignments").await);
        }
        let body = json!({ "assets": [{ "adamId": "500000001" }], "serialNumbers": ["A"] });
        let event = sim.accepted("assets/associate", body).await;
        let version = sim.get("assets").await.1["versionId"].clone();
        runs.push((sim.uid.clone(), token, statuses, event, version));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0].0, runs[2].0);
    assert_ne!(runs[0].2, runs[2].2);
    assert_ne!(runs[0].3, runs[2].3);
    assert_ne!(runs[0].4, runs[2].4);
}

#[tokio::test]
async fn the_last_requests_can_be_looked_at_from_a_number_on() {
    let sim = Sim::start(quick()).await;
    sim.get("assets").await;
    sim.get("status?eventId=x").await;
    let all = sim.control(Method::GET, "/_sim/requests", None).await["requests"].clone();
    assert_eq!((&all[0]["endpoint"], &all[0]["status"]), (&json!("assets"), &json!(200)));
    let path = format!("/_sim/requests?after={}", all[0]["n"]);
    let rest = sim.control(Method::GET, &path, None).await["requests"].clone();
    assert_eq!(rest.as_array().unwrap().len(), 1);
    assert_eq!((&rest[0]["endpoint"], &rest[0]["error_number"]), (&json!("status"), &json!(9708)));
    assert_eq!(rest[0]["uid"], sim.uid);
}

#[tokio::test]
async fn it_says_what_it_can_do_and_that_it_is_well() {
    let sim = Sim::start(quick()).await;
    let text = |path: &str| sim.client.get(format!("{}{path}", sim.simulator.url())).send();
    let page = text("/").await.unwrap().text().await.unwrap();
    assert!(page.contains("/_sim/ledger"));
    assert_eq!(text("/healthz").await.unwrap().status(), 200);
}
