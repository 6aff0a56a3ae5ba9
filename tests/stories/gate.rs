//! The license gate: nobody installs before Apple has confirmed the license (pains 1 to 7, wish 7).

use std::collections::BTreeSet;
use std::time::Duration;

use russet_tests::{
    Profile, Receiver, Setup, Token, World, app, eventually, on_both_profiles, serials, users,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

on_both_profiles!(
    pain_1_nothing_is_installed_before_apple_has_confirmed_the_license,
    pain_3_many_devices_at_once_share_requests_and_none_asks_in_vain,
    pain_4_a_device_that_finds_no_license_is_asked_again_and_gets_its_app,
    pain_7_a_duplicate_request_is_in_progress_and_not_failed,
    pain_10_who_waits_for_a_license_is_told_at_once_and_again_when_it_comes,
    a_caller_who_installs_himself_is_told_when_he_may,
    a_refusal_says_why_and_what_is_held_already_is_ready_at_once,
    a_device_without_a_server_has_its_license_and_says_so,
    a_gate_that_is_cancelled_installs_nothing,
    a_users_app_comes_onto_all_devices_of_the_person,
    a_users_gate_tells_of_each_device_that_fails_and_of_a_person_without_one,
    a_crowd_asks_together_and_who_is_at_fault_is_told_alone,
    bad_gates_are_refused_in_words,
);

const SECRET: &str = "a-secret-of-this-story";

/// Patient with devices for seconds, where others are for a day.
pub(crate) fn quick(setup: Setup) -> Setup {
    setup
        .setting("MDM__ALLOW_INSIDE", "true")
        .setting("MDM__ALLOW_HTTP", "true")
        .setting("MDM__RETRY_BASE_MS", "50")
        .setting("MDM__RETRY_CAP_MS", "200")
        .setting("MDM__INSTALL_AGAIN_S", "1")
        .setting("MDM__INSTALL_LOOK_S", "1")
        .setting("MDM__INSTALL_WITHIN_S", "3")
        .setting("SCHEDULE__PUSH_UPDATES", "")
}

async fn world_with(setup: Setup, apps: usize, total: usize) -> (World, Token) {
    let world = World::start(quick(setup)).await;
    let location = world.apple.location("North", apps, total, 0).await;
    let token = world.token(&location, "north").await;
    world.connect("nano").await;
    (world, token)
}

fn named(apps: &[String]) -> Vec<Value> {
    apps.iter().map(|app| json!({ "adam_id": app })).collect()
}

/// Opens a gate and answers its job's number and what was known at once.
async fn open(world: &World, body: &Value) -> (i64, Value) {
    let answer = world.api.post("/gate", body).await.with(202);
    (answer["job"]["id"].as_i64().expect("a job"), answer["apps"].clone())
}

async fn until_gate(world: &World, job: i64, state: &str) -> Value {
    eventually(&format!("the gate of job {job} to be {state}"), async || {
        let gates = world.api.list(&format!("/jobs/{job}/gates")).await;
        let all = gates.iter().all(|gate| gate["state"] == state);
        if all && !gates.is_empty() { Ok(json!(gates)) } else { Err(json!(gates).to_string()) }
    })
    .await
}

/// What a receiver was told of gates: app and state, in the order it came.
fn told(receiver: &Receiver) -> Vec<(String, String)> {
    let apps = |told: &russet_tests::Told| {
        assert!(told.is_signed_with(SECRET));
        let body = told.json();
        assert_eq!(body["event"], "gate");
        body["apps"].as_array().cloned().unwrap_or_default()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    receiver.told().iter().flat_map(apps).map(|app| (text(&app["adam_id"]), text(&app["state"]))).collect()
}

async fn pain_1_nothing_is_installed_before_apple_has_confirmed_the_license(profile: Profile) {
    let setup = Setup::of(profile).apple(|rules| rules.event_delay_ms = 1_500);
    let (world, token) = world_with(setup, 2, 5).await;
    let serial = &serials(0..1)[0];
    world.enroll(&serials(0..1), &json!({})).await;
    let receiver = Receiver::start().await;
    let (job, apps) = open(
        &world,
        &json!({
            "token": token.id, "serial": serial, "apps": named(&[app(1), app(2)]), "install": true,
            "callback": { "url": receiver.url(), "secret": SECRET },
        }),
    )
    .await;
    assert!(apps.as_array().is_some_and(|apps| apps.iter().all(|app| app["state"] == "licensing")), "{apps}");
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(world.installs_given(serial).await, Vec::<Value>::new(), "Apple has confirmed nothing yet");
    until_gate(&world, job, "installed").await;
    // Not once did the device look for a license that was not there.
    let given = world.installs_given(serial).await;
    assert_eq!(given.len(), 2, "{given:?}");
    assert!(given.iter().all(|given| given["status"] == "Acknowledged"), "{given:?}");
    let ended = world.end_of(job).await;
    assert_eq!((&ended["state"], &ended["progress"]["settled"]), (&json!("succeeded"), &json!(2)), "{ended}");
    eventually("the caller to be told", async || {
        let told = told(&receiver);
        if told.iter().filter(|(_, state)| state == "installed").count() == 2 {
            Ok(())
        } else {
            Err(format!("{told:?}"))
        }
    })
    .await;
    let installs = world.api.list(&format!("/installs?serial={serial}")).await;
    assert!(installs.iter().all(|install| install["reported_version"].is_i64()), "{installs:?}");
    world.must_be_clean().await;
}

async fn pain_3_many_devices_at_once_share_requests_and_none_asks_in_vain(profile: Profile) {
    let setup = Setup::of(profile).setting("WORKER__LINGER_MS", "500");
    let (world, token) = world_with(setup, 5, 100).await;
    let devices = serials(0..40);
    world.enroll(&devices, &json!({})).await;
    world.apple.forget().await;
    let apps: Vec<String> = (1..=5).map(app).collect();
    let mut jobs = Vec::new();
    for serial in &devices {
        let body = json!({ "token": token.id, "serial": serial, "apps": named(&apps), "install": true });
        jobs.push(open(&world, &body).await.0);
    }
    for job in jobs {
        until_gate(&world, job, "installed").await;
    }
    let requests = world.apple.requests(&token.uid, "associate").await;
    assert!(requests <= 8, "{requests} requests for 40 devices");
    for serial in &devices {
        let given = world.installs_given(serial).await;
        assert_eq!(given.len(), 5, "{given:?}");
        assert!(given.iter().all(|given| given["status"] == "Acknowledged"), "{given:?}");
    }
    let mdm = world.mdm(&json!({})).await;
    let calls = mdm["counts"]["enqueue_calls"].as_u64().expect("calls");
    assert!(calls < 200, "{calls} calls for 200 installs: {mdm}");
    world.must_be_clean().await;
}

async fn pain_4_a_device_that_finds_no_license_is_asked_again_and_gets_its_app(profile: Profile) {
    let (world, token) = world_with(Setup::of(profile), 1, 5).await;
    let devices = serials(0..2);
    world.enroll(&devices, &json!({ "behavior": { "no_license": 1 } })).await;
    // The second one never finds it.
    world.behave(&devices[1..], &json!({ "no_license": 1_000 })).await;
    let body = json!({ "token": token.id, "serials": devices, "apps": named(&[app(1)]), "install": true });
    let (job, _) = open(&world, &body).await;
    let found = world.until_install(&devices[0], "installed").await;
    assert_eq!(found["tries"], 2, "{found}");
    let lost = world.until_install(&devices[1], "resting").await;
    assert_eq!((&lost["code"], &lost["tries"]), (&json!("license_not_found"), &json!(3)), "{lost}");
    assert!(lost["detail"].as_str().is_some_and(|detail| detail.contains("9610")), "{lost}");
    assert!(lost["explanation"].as_str().is_some_and(|text| text.contains("license")), "{lost}");
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    assert_eq!(world.installs_given(&devices[1]).await.len(), 3);
    world.must_be_clean().await;
}

async fn pain_7_a_duplicate_request_is_in_progress_and_not_failed(profile: Profile) {
    let (world, token) = world_with(Setup::of(profile), 1, 5).await;
    let devices = serials(0..1);
    world.enroll(&devices, &json!({ "behavior": { "duplicate": 1, "install_ms": 500 } })).await;
    // The device's error does not tell what it knows the app by; the store does.
    world.until_store_was_read(&app(1)).await;
    let body = json!({ "token": token.id, "serial": devices[0], "apps": named(&[app(1)]), "install": true });
    let (job, _) = open(&world, &body).await;
    until_gate(&world, job, "installed").await;
    let given = world.installs_given(&devices[0]).await;
    assert_eq!(given.len(), 1, "asked once, and verified by the list of apps: {given:?}");
    assert_eq!(given[0]["status"], "Error");
    world.must_be_clean().await;
}

async fn pain_10_who_waits_for_a_license_is_told_at_once_and_again_when_it_comes(profile: Profile) {
    let (world, token) = world_with(Setup::of(profile), 1, 1).await;
    let devices = serials(0..2);
    world.enroll(&devices, &json!({})).await;
    let receiver = Receiver::start().await;
    let body = |serial: &String| {
        json!({
            "token": token.id, "serial": serial, "apps": named(&[app(1)]), "install": true,
            "callback": { "url": receiver.url(), "secret": SECRET },
        })
    };
    let (first, _) = open(&world, &body(&devices[0])).await;
    until_gate(&world, first, "installed").await;
    let (second, _) = open(&world, &body(&devices[1])).await;
    until_gate(&world, second, "waitlisted").await;
    eventually("the caller to be told", async || {
        let told = told(&receiver);
        if told.iter().any(|(_, state)| state == "waitlisted") { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    assert_eq!(world.installs_given(&devices[1]).await, Vec::<Value>::new());
    world.apple.buy(&token.uid, &app(1), 1).await;
    until_gate(&world, second, "installed").await;
    world.must_be_clean().await;
}

async fn a_caller_who_installs_himself_is_told_when_he_may(profile: Profile) {
    let (world, token) = world_with(Setup::of(profile), 2, 5).await;
    let receiver = Receiver::start().await;
    receiver.answer(500);
    let body = json!({
        "token": token.id, "serial": "C0NOWHERE", "apps": named(&[app(1), app(2)]),
        "callback": { "url": receiver.url(), "secret": SECRET },
    });
    let (job, _) = open(&world, &body).await;
    until_gate(&world, job, "ready").await;
    eventually(
        "some tries",
        async || if receiver.told().len() >= 2 { Ok(()) } else { Err("none".to_owned()) },
    )
    .await;
    receiver.answer(204);
    let before = receiver.told().len();
    eventually("the caller to be told", async || {
        if receiver.told().len() > before { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let all = receiver.told();
    let last = all.last().expect("news").json();
    assert_eq!(all.len(), before + 1, "told once: {all:?}");
    let states: Vec<&Value> =
        last["apps"].as_array().expect("apps").iter().map(|app| &app["state"]).collect();
    assert_eq!(states, [&json!("ready"), &json!("ready")], "{last}");
    assert_eq!(world.end_of(job).await["state"], "succeeded");
    world.must_be_clean().await;
}

async fn a_refusal_says_why_and_what_is_held_already_is_ready_at_once(profile: Profile) {
    let (world, token) = world_with(Setup::of(profile), 2, 1).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..1), &[])).await;
    let body = json!({
        "token": token.id, "serials": serials(0..2), "apps": named(&[app(1)]), "if_none_free": "refuse",
    });
    let (job, apps) = open(&world, &body).await;
    let state = |serial: &str, apps: &Value| {
        let apps = apps.as_array().cloned().unwrap_or_default();
        apps.into_iter().find(|app| app["serial"] == serial).expect("a gate")
    };
    assert_eq!(state(&serials(0..1)[0], &apps)["state"], "ready", "{apps}");
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    let gates = json!(world.api.list(&format!("/jobs/{job}/gates")).await);
    let refused = state(&serials(1..2)[0], &gates);
    assert_eq!((&refused["state"], &refused["code"]), (&json!("refused"), &json!("no_license_available")));
    assert!(refused["detail"].is_string(), "{refused}");
}

async fn a_device_without_a_server_has_its_license_and_says_so(profile: Profile) {
    let (world, token) = world_with(Setup::of(profile), 1, 5).await;
    let _ = world.api.post("/devices", &json!({ "serial": "C0ALONE", "mdm": "elsewhere" })).await.with(200);
    let body = json!({ "token": token.id, "serial": "C0ALONE", "apps": named(&[app(1)]), "install": true });
    let (job, _) = open(&world, &body).await;
    let gates = until_gate(&world, job, "failed").await;
    assert_eq!(gates[0]["code"], "no_connector", "{gates}");
    assert!(gates[0]["detail"].as_str().is_some_and(|text| text.contains("connector")), "{gates}");
    assert_eq!(world.must_agree(&token).await.len(), 1);
}

async fn a_gate_that_is_cancelled_installs_nothing(profile: Profile) {
    let (world, token) = world_with(Setup::of(profile), 1, 1).await;
    let devices = serials(0..2);
    world.enroll(&devices, &json!({})).await;
    world.succeed(&token.assign(&[app(1)], &devices[..1], &[])).await;
    let body = json!({ "token": token.id, "serial": devices[1], "apps": named(&[app(1)]), "install": true });
    let (job, _) = open(&world, &body).await;
    until_gate(&world, job, "waitlisted").await;
    let _ = world.api.post(&format!("/jobs/{job}/cancel"), &json!({})).await.with(200);
    until_gate(&world, job, "cancelled").await;
    world.apple.buy(&token.uid, &app(1), 1).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(world.installs_given(&devices[1]).await, Vec::<Value>::new());
    assert_eq!(world.end_of(job).await["state"], "cancelled");
}

/// A connected location with two users whose store was read, and a device of the first one under each of these serial numbers.
async fn world_of_person(profile: Profile, devices: &[String], more: &Value) -> (World, Token, String) {
    let world = World::start(quick(Setup::of(profile))).await;
    let location = world.apple.location("North", 1, 5, 2).await;
    let token = world.token(&location, "north").await;
    world.connect("nano").await;
    world.until_store_was_read(&app(1)).await;
    let person = users(1..2)[0].clone();
    for serial in devices {
        let mut device = json!({ "serial": serial, "user": person });
        device.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let _ = world.api.post("/devices", &device).await.with(200);
    }
    world.enroll(devices, &json!({ "user": person })).await;
    (world, token, person)
}

async fn a_users_app_comes_onto_all_devices_of_the_person(profile: Profile) {
    let devices = serials(0..2);
    let own = json!({ "ownership": "personal", "enrollment": "user" });
    let (world, token, person) = world_of_person(profile, &devices, &own).await;
    // Somebody else's is none of this.
    world.enroll(&serials(2..3), &json!({})).await;
    let body = json!({ "token": token.id, "user": person, "apps": named(&[app(1)]), "install": true });
    let (job, _) = open(&world, &body).await;
    let gates = until_gate(&world, job, "installed").await;
    let on = gates[0]["devices"].as_array().expect("devices").clone();
    let stand: Vec<(&Value, &Value)> =
        on.iter().map(|device| (&device["serial"], &device["state"])).collect();
    let installed = json!("installed");
    assert_eq!(stand, [(&json!(devices[0]), &installed), (&json!(devices[1]), &installed)], "{gates}");
    for serial in &devices {
        assert_eq!(world.installs_given(serial).await.len(), 1, "once on {serial}");
    }
    assert_eq!(world.installs_given(&serials(2..3)[0]).await, Vec::<Value>::new());
    // One license, and it is the user's.
    assert_eq!(world.must_agree(&token).await.len(), 1);
    assert_eq!(world.end_of(job).await["state"], "succeeded");
    world.must_be_clean().await;
}

async fn a_users_gate_tells_of_each_device_that_fails_and_of_a_person_without_one(profile: Profile) {
    let devices = serials(0..2);
    let (world, token, person) = world_of_person(profile, &devices, &json!({})).await;
    world.behave(&devices[1..], &json!({ "refuses": true })).await;
    let gate =
        |user: &String| json!({ "token": token.id, "user": user, "apps": named(&[app(1)]), "install": true });
    let (job, _) = open(&world, &gate(&person)).await;
    let gates = until_gate(&world, job, "failed").await;
    assert_eq!(gates[0]["code"], "user_refused", "{gates}");
    let states: Vec<&Value> =
        gates[0]["devices"].as_array().expect("devices").iter().map(|device| &device["state"]).collect();
    assert_eq!(states, [&json!("installed"), &json!("resting")], "{gates}");
    assert_eq!(world.end_of(job).await["state"], "failed");
    let nobody = &users(2..3)[0];
    let (job, _) = open(&world, &gate(nobody)).await;
    let gates = until_gate(&world, job, "ready").await;
    assert_eq!(gates[0]["code"], "no_device", "{gates}");
    assert!(gates[0]["detail"].as_str().is_some_and(|text| text.contains("no enrolled device")), "{gates}");
}

async fn a_crowd_asks_together_and_who_is_at_fault_is_told_alone(profile: Profile) {
    let (world, token) = world_with(Setup::of(profile).setting("WORKER__LINGER_MS", "2000"), 2, 100).await;
    world.apple.forget().await;
    let bodies: Vec<Value> = (0..60)
        .map(|number| {
            // Every tenth wants an app that is not in the location; the others want what their neighbor wants, too.
            let wanted = if number % 10 == 9 { "1".to_owned() } else { app(1 + number % 2) };
            let serials = serials(number / 2..number / 2 + 1);
            json!({ "token": token.id, "serial": serials[0], "apps": named(&[app(1), wanted]) })
        })
        .collect();
    let mut asking = JoinSet::new();
    for (number, body) in bodies.iter().cloned().enumerate() {
        let api = world.api.clone();
        asking.spawn(async move { (number, api.post("/gate", &body).await) });
    }
    let mut jobs = BTreeSet::new();
    for (number, answer) in asking.join_all().await {
        if number % 10 == 9 {
            assert_eq!(answer.problem().0, "unknown_asset");
            continue;
        }
        let answer = answer.with(202);
        let serial = &bodies[number]["serial"];
        let apps = answer["apps"].as_array().expect("apps");
        assert!(!apps.is_empty() && apps.iter().all(|app| app["serial"] == *serial), "{answer}");
        jobs.insert(answer["job"]["id"].as_i64().expect("a job"));
    }
    assert_eq!(jobs.len(), 54, "each has a job of its own");
    for job in jobs {
        until_gate(&world, job, "ready").await;
        let changes = world.api.list(&format!("/jobs/{job}/changes")).await;
        assert!(changes.iter().all(|change| change["state"] == "settled"), "{changes:?}");
        assert!(!changes.is_empty(), "a gate's licenses are listed with its job");
    }
    let requests = world.apple.requests(&token.uid, "associate").await;
    assert!(requests <= 6, "{requests} requests for 60 gates");
    world.must_be_clean().await;
}

async fn bad_gates_are_refused_in_words(profile: Profile) {
    let world = World::start(quick(Setup::of(profile)).setting("MDM__ALLOW_INSIDE", "false")).await;
    let location = world.apple.location("North", 1, 1, 0).await;
    let token = world.token(&location, "north").await;
    let apps = named(&[app(1)]);
    let refused = async |body: Value| world.api.post("/gate", &body).await.problem();
    let (code, detail) = refused(json!({ "token": token.id, "apps": apps })).await;
    assert_eq!(code, "invalid_field");
    assert!(detail.contains("serial"), "{detail}");
    let both = json!({ "token": token.id, "serial": "C0A", "user": "u", "apps": apps });
    assert_eq!(refused(both).await.0, "invalid_field");
    assert_eq!(refused(json!({ "token": token.id, "serial": "C0A", "apps": [] })).await.0, "empty_list");
    let unknown = json!({ "token": token.id, "serial": "C0A", "apps": [{ "adam_id": "1" }] });
    assert_eq!(refused(unknown).await.0, "unknown_asset");
    assert_eq!(refused(json!({ "token": 999, "serial": "C0A", "apps": apps })).await.0, "unknown_token");
    let inside = json!({
        "token": token.id, "serial": "C0A", "apps": apps,
        "callback": { "url": "http://127.0.0.1:1/", "secret": SECRET },
    });
    let (code, detail) = refused(inside).await;
    assert_eq!(code, "invalid_field");
    assert!(detail.contains("inside the network"), "{detail}");
}
