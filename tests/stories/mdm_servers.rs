//! MDM servers: what they tell, what they are told, and what goes wrong between.

use std::time::Duration;

use reqwest::Method;
use russet_tests::{
    Profile, Receiver, Setup, Token, WEBHOOK_KEY, World, app, eventually, on_both_profiles, serials,
};
use serde_json::{Value, json};

use crate::gate::quick;

on_both_profiles!(
    devices_fill_themselves_in_as_they_enroll_and_leave,
    a_device_that_was_there_before_the_connector_is_asked_who_it_is,
    a_message_that_is_not_signed_is_not_taken,
    what_cannot_be_read_is_kept_and_said,
    a_wrong_key_parks_the_connector_and_a_right_one_revives_it,
    a_server_that_answers_nothing_is_tried_again,
    one_device_that_the_server_does_not_know_keeps_nobody_from_the_app,
    an_answer_that_was_lost_sends_no_command_twice,
    a_worker_killed_in_the_middle_sends_no_command_twice,
    messages_are_passed_on_as_they_came,
    bad_connectors_are_refused_in_words,
);

async fn connected(setup: Setup) -> World {
    let world = World::start(quick(setup)).await;
    world.connect("nano").await;
    world
}

async fn with_token(setup: Setup, apps: usize, total: usize) -> (World, Token) {
    let world = connected(setup).await;
    let location = world.apple.location("North", apps, total, 0).await;
    let token = world.token(&location, "north").await;
    (world, token)
}

async fn install(world: &World, token: &Token, serials: &[String]) -> i64 {
    let body =
        json!({ "token": token.id, "serials": serials, "apps": [{ "adam_id": app(1) }], "install": true });
    world.api.post("/gate", &body).await.with(202)["job"]["id"].as_i64().expect("a job")
}

async fn devices_fill_themselves_in_as_they_enroll_and_leave(profile: Profile) {
    let world = connected(Setup::of(profile)).await;
    let serial = &serials(0..1)[0];
    let apps = json!({ "com.example.pages": { "adam_id": "1", "external_id": 77 } });
    world.enroll(&serials(0..1), &json!({ "model": "iPad13,1", "os_version": "18.3", "apps": apps })).await;
    // The zone comes with an answer, the rest when it enrolls.
    let device =
        world.until_device(serial, "asked for its apps", |device| device["apps_told_at"].is_string()).await;
    assert_eq!((&device["mdm"], &device["platform"]), (&json!("nano"), &json!("ipados")), "{device}");
    assert_eq!(
        (&device["os_version"], &device["mdm_enrollment_id"]),
        (&json!("18.3"), &json!(format!("UDID-{serial}")))
    );
    let apps = world.api.list(&format!("/devices/{serial}/apps")).await;
    assert_eq!(
        (&apps[0]["bundle_id"], &apps[0]["version"]),
        (&json!("com.example.pages"), &json!(77)),
        "{apps:?}"
    );
    world.apple.control(Method::POST, "mdm/leave", &json!({ "serials": [serial] })).await;
    world.until_device(serial, "unenrolled", |device| device["state"] == "unenrolled").await;
}

async fn a_device_that_was_there_before_the_connector_is_asked_who_it_is(profile: Profile) {
    let world = World::start(quick(Setup::of(profile))).await;
    let devices = serials(0..3);
    // Nobody listens when they enroll.
    world.apple.control(Method::POST, "mdm/devices", &json!({ "serials": devices })).await;
    world.connect("nano").await;
    world.apple.control(Method::POST, "mdm/check-in", &json!({})).await;
    for serial in &devices {
        let device = world.until_device(serial, "known", |device| device["mdm"] == "nano").await;
        assert_eq!(device["time_zone"], "Europe/Amsterdam", "{device}");
    }
    // Seen again and again, they are not asked again.
    world.apple.control(Method::POST, "mdm/check-in", &json!({})).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let device = world.virtual_device(&devices[0]).await;
    let asked = device["given"].as_array().expect("commands").iter();
    assert_eq!(asked.filter(|given| given["request_type"] == "DeviceInformation").count(), 1, "{device}");
}

/// Sends a webhook as somebody else would.
pub(crate) async fn post(world: &World, connector: &str, body: &[u8], signature: Option<String>) -> u16 {
    let mut request = reqwest::Client::new()
        .post(format!("{}/api/v1/mdm/{connector}/webhook", world.api.url()))
        .header("content-type", "application/json")
        .body(body.to_vec());
    if let Some(signature) = signature {
        request = request.header("X-Hmac-Signature", signature);
    }
    request.send().await.expect("an answer").status().as_u16()
}

pub(crate) fn signature(key: &str, body: &[u8]) -> String {
    use base64::Engine as _;
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes()), body);
    base64::engine::general_purpose::STANDARD.encode(tag)
}

async fn a_message_that_is_not_signed_is_not_taken(profile: Profile) {
    let world = connected(Setup::of(profile)).await;
    let body = br#"{"topic":"mdm.CheckOut","checkin_event":{"udid":"U","raw_payload":""}}"#;
    assert_eq!(post(&world, "nano", body, None).await, 401);
    assert_eq!(post(&world, "nano", body, Some(signature("another-key", body))).await, 401);
    assert_eq!(post(&world, "nano", body, Some("####".to_owned())).await, 401);
    // Nobody learns which connectors there are.
    assert_eq!(post(&world, "nobody", body, Some(signature(WEBHOOK_KEY, body))).await, 401);
    assert_eq!(post(&world, "nano", body, Some(signature(WEBHOOK_KEY, body))).await, 200);
    // Twice is once.
    assert_eq!(post(&world, "nano", body, Some(signature(WEBHOOK_KEY, body))).await, 200);
    let metrics = world.api.send(Method::GET, "//metrics", None).await.to_string();
    assert!(metrics.contains("russet_mdm_messages_total{outcome=\"refused\"} 4"), "{metrics}");
    assert!(metrics.contains("russet_mdm_messages_total{outcome=\"repeated\"} 1"), "{metrics}");
}

async fn what_cannot_be_read_is_kept_and_said(profile: Profile) {
    let world = connected(Setup::of(profile)).await;
    for body in [&b"not json"[..], br#"{"topic":"mdm.Connect"}"#] {
        assert_eq!(post(&world, "nano", body, Some(signature(WEBHOOK_KEY, body))).await, 200);
    }
    let good = br#"{"topic":"mdm.GetToken","checkin_event":{"udid":"U","raw_payload":""}}"#;
    assert_eq!(post(&world, "nano", good, Some(signature(WEBHOOK_KEY, good))).await, 200);
    eventually("the messages to be read", async || {
        let messages = world.api.list("/connectors/nano/messages").await;
        let verdicts: Vec<String> =
            messages.iter().map(|message| message["verdict"].as_str().unwrap_or("-").to_owned()).collect();
        let wrong = verdicts.iter().filter(|verdict| verdict.starts_with("unreadable: ")).count();
        if wrong == 2 && verdicts.contains(&"read".to_owned()) {
            Ok(())
        } else {
            Err(format!("{verdicts:?}"))
        }
    })
    .await;
}

async fn a_wrong_key_parks_the_connector_and_a_right_one_revives_it(profile: Profile) {
    let world = World::start(quick(Setup::of(profile))).await;
    world.listen_to_mdm("nano").await;
    let mut new = world.connector("nano");
    new["api_key"] = json!("not the key");
    let _ = world.api.post("/connectors", &new).await.with(201);
    let parked = eventually("the connector to be parked", async || {
        let connector = world.api.get("/connectors/nano").await;
        if connector["state"] == "parked" { Ok(connector) } else { Err(connector.to_string()) }
    })
    .await;
    assert!(parked["reason"].as_str().is_some_and(|text| text.contains("API key")), "{parked}");
    assert!(!parked.to_string().contains("not the key"));
    let change = json!({ "api_key": russet_tests::API_KEY });
    let _ = world.api.send(Method::PATCH, "/connectors/nano", Some(&change)).await.with(200);
    let revived = eventually("the connector to be right", async || {
        let connector = world.api.get("/connectors/nano").await;
        if connector["checked_at"].is_string() { Ok(connector) } else { Err(connector.to_string()) }
    })
    .await;
    assert_eq!((&revived["state"], &revived["reason"]), (&json!("active"), &Value::Null), "{revived}");
    assert_eq!(revived["version"], "simulated");
}

async fn a_server_that_answers_nothing_is_tried_again(profile: Profile) {
    let (world, token) = with_token(Setup::of(profile), 1, 5).await;
    world.enroll(&serials(0..1), &json!({})).await;
    world.mdm(&json!({ "broken": 3 })).await;
    let job = install(&world, &token, &serials(0..1)).await;
    let ended = world.end_of(job).await;
    world.must_have_succeeded(&ended);
    assert_eq!(world.installs_given(&serials(0..1)[0]).await.len(), 1);
    let connector = world.api.get("/connectors/nano").await;
    assert_eq!((&connector["failures"], &connector["reason"]), (&json!(0), &Value::Null), "{connector}");
}

async fn one_device_that_the_server_does_not_know_keeps_nobody_from_the_app(profile: Profile) {
    let (world, token) = with_token(Setup::of(profile), 1, 50).await;
    let devices = serials(0..12);
    world.enroll(&devices, &json!({})).await;
    for stranger in ["C0STRANGER1", "C0STRANGER2"] {
        let told =
            json!({ "serial": stranger, "mdm": "nano", "mdm_enrollment_id": format!("UDID-{stranger}") });
        let _ = world.api.post("/devices", &told).await.with(200);
    }
    let mut all = devices.clone();
    all.extend(["C0STRANGER1".to_owned(), "C0STRANGER2".to_owned()]);
    let job = install(&world, &token, &all).await;
    let ended = world.end_of(job).await;
    assert_eq!(
        (&ended["progress"]["settled"], &ended["progress"]["refused"]),
        (&json!(12), &json!(2)),
        "{ended}"
    );
    for serial in &devices {
        assert_eq!(world.installs_given(serial).await.len(), 1);
    }
    let lost = world.until_install("C0STRANGER1", "failed").await;
    assert_eq!(lost["code"], "not_enrolled", "{lost}");
}

async fn an_answer_that_was_lost_sends_no_command_twice(profile: Profile) {
    let (world, token) = with_token(Setup::of(profile), 1, 50).await;
    let devices = serials(0..10);
    world.enroll(&devices, &json!({})).await;
    for serial in &devices {
        world.until_device(serial, "asked", |device| device["apps_told_at"].is_string()).await;
    }
    world.mdm(&json!({ "lost": 2 })).await;
    let job = install(&world, &token, &devices).await;
    let ended = world.end_of(job).await;
    world.must_have_succeeded(&ended);
    for serial in &devices {
        let given = world.installs_given(serial).await;
        assert_eq!(given.len(), 1, "{given:?}");
    }
}

async fn a_worker_killed_in_the_middle_sends_no_command_twice(profile: Profile) {
    let (mut world, token) = with_token(Setup::of(profile), 1, 200).await;
    let devices = serials(0..60);
    world.enroll(&devices, &json!({ "behavior": { "install_ms": 300 } })).await;
    let job = install(&world, &token, &devices).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        world.kill_oldest_worker();
        world.start_worker().await;
    }
    let ended = world.end_of(job).await;
    world.must_have_succeeded(&ended);
    for serial in &devices {
        let given = world.installs_given(serial).await;
        let answered = given.iter().filter(|given| given["status"] == "Acknowledged").count();
        assert_eq!(answered, 1, "{given:?}");
    }
}

async fn messages_are_passed_on_as_they_came(profile: Profile) {
    let world = World::start(quick(Setup::of(profile))).await;
    let receiver = Receiver::start().await;
    receiver.answer(503);
    world.listen_to_mdm("nano").await;
    let mut new = world.connector("nano");
    new["forward_to"] = json!(receiver.url());
    let made = world.api.post("/connectors", &new).await.with(201);
    assert_eq!(made["forwards"], true);
    assert!(!made.to_string().contains(&receiver.url()), "where it goes may hold a secret: {made}");
    world.enroll(&serials(0..1), &json!({})).await;
    eventually("a try", async || if receiver.told().is_empty() { Err("none".to_owned()) } else { Ok(()) })
        .await;
    // Whoever wonders why nothing arrives is told, and what waits is counted.
    let forwarding = eventually("the failure to be told", async || {
        let connector = world.api.get("/connectors/nano").await;
        if connector["forwarding"]["reason"].is_string() {
            Ok(connector["forwarding"].clone())
        } else {
            Err(connector.to_string())
        }
    })
    .await;
    assert!(forwarding["waiting"].as_u64() > Some(0) && forwarding["since"].is_string(), "{forwarding}");
    assert!(forwarding["reason"].as_str().is_some_and(|why| why.contains("503")), "{forwarding}");
    assert!(!forwarding.to_string().contains(&receiver.url()), "{forwarding}");
    let doctor = world.russet(&["doctor"]);
    assert!(doctor.stdout.contains("wait to be passed on"), "{}", doctor.stdout);
    receiver.answer(200);
    eventually("all to be passed on", async || {
        let bodies: Vec<Value> = receiver.told().iter().map(russet_tests::Told::json).collect();
        let topics: Vec<&str> = bodies.iter().filter_map(|body| body["topic"].as_str()).collect();
        if topics.contains(&"mdm.TokenUpdate") && topics.contains(&"mdm.Connect") {
            Ok(())
        } else {
            Err(format!("{topics:?}"))
        }
    })
    .await;
    for told in receiver.told() {
        let header = told.headers.iter().find(|(name, _)| name == "x-hmac-signature").expect("a signature");
        assert_eq!(header.1, signature(WEBHOOK_KEY, &told.body));
    }
    eventually("nothing to wait any more", async || {
        let connector = world.api.get("/connectors/nano").await;
        let is_done = connector["forwarding"] == json!({ "waiting": 0, "since": null, "reason": null });
        if is_done { Ok(()) } else { Err(connector.to_string()) }
    })
    .await;

    // Who wants no more of it ends it, with what waits.
    receiver.answer(503);
    world.enroll(&serials(1..2), &json!({})).await;
    let ended = world.command(&["connector", "change", "nano", "--no-forwarding", "--json"]).json();
    assert_eq!((&ended["forwards"], ended.get("forwarding")), (&json!(false), None), "{ended}");
    let told = receiver.told().len();
    receiver.answer(200);
    world.enroll(&serials(2..3), &json!({})).await;
    assert_eq!(receiver.told().len(), told);
}

async fn bad_connectors_are_refused_in_words(profile: Profile) {
    let world = connected(Setup::of(profile)).await;
    let with = |field: &str, value: &str| {
        let mut new = world.connector("other");
        new[field] = json!(value);
        new
    };
    let refused = async |body: Value| world.api.post("/connectors", &body).await.problem();
    for (field, value, said) in [
        ("name", "Not A Name", "small letters"),
        ("url", "ftp://mdm.example.org", "scheme"),
        ("webhook_key", "short", "16"),
        ("api_key", "", "printable"),
    ] {
        let (code, detail) = refused(with(field, value)).await;
        assert_eq!(code, "invalid_field", "{field}");
        assert!(detail.contains(said), "{field}: {detail}");
    }
    assert_eq!(refused(world.connector("nano")).await.0, "connector_exists");
    let answer = world.api.send(Method::GET, "/connectors/nobody", None).await;
    assert_eq!(answer.problem().0, "no_such_connector");
    let bound = world.another_key("viewer", &["--role", "operator"]);
    assert_eq!(bound.post("/connectors", &world.connector("third")).await.problem().0, "role_forbids");
    // No key ever comes back out.
    let shown = world.api.get("/connectors/nano").await.to_string();
    assert!(!shown.contains(WEBHOOK_KEY) && !shown.contains(russet_tests::API_KEY), "{shown}");
    let _ = world.api.send(Method::DELETE, "/connectors/nano", None).await.with(204);
    assert_eq!(world.api.list("/connectors").await, Vec::<Value>::new());
}
