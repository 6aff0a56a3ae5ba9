//! Apps that come by declaration, onto devices of system 26 and later whose server has declarations; all others keep commands.

use std::time::Duration;

use reqwest::Method;
use russet_tests::{
    API_KEY, DECLARATIONS_KEY, Profile, Setup, Token, WEBHOOK_KEY, World, app, eventually, on_both_profiles,
    serials,
};
use serde_json::{Value, json};

use crate::gate::quick;
use crate::rollouts::must_halt_and_go_on;
use crate::updates::{Fleet, NEWER};

on_both_profiles!(
    an_app_is_declared_on_a_new_system_and_an_older_device_beside_it_gets_a_command,
    through_nanohub_an_app_is_declared_and_reported,
    an_app_that_came_by_command_is_taken_over_when_its_next_version_is_pinned,
    an_app_that_is_told_something_keeps_coming_by_command,
    a_declared_update_keeps_to_the_window,
    a_ring_that_declines_halts_a_declared_version,
    a_declared_app_without_a_license_is_looked_at_anew_until_it_is_there,
    a_declared_app_that_never_finds_its_license_rests_in_words,
    a_person_who_declines_a_declared_update_is_not_asked_again,
    an_app_that_is_unassigned_is_withdrawn_and_goes,
    an_app_that_was_declared_and_never_came_is_withdrawn_too,
    a_report_that_was_lost_is_found_by_asking_the_server,
    a_full_report_says_what_is_gone,
    a_wrong_key_of_the_declarations_parks_the_connector_and_says_whose_it_is,
    declarations_that_fail_for_a_while_are_made_later,
    a_worker_killed_after_declaring_wakes_no_device_twice,
    a_device_that_leaves_is_forgotten_by_the_server,
    declarations_are_switched_off_only_where_nothing_is_declared,
);

const NEW_SYSTEM: &str = "26.1";

/// A token with an app, and a server with declarations.
async fn with_token(setup: Setup) -> (World, Token) {
    let world = World::start(setup).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world.connect_declaring("nano").await;
    (world, token)
}

async fn enroll(world: &World, devices: &[String], os_version: &str) {
    world.enroll(devices, &json!({ "os_version": os_version })).await;
    world.until_apps_were_told(devices).await;
}

/// Has the first app installed; what becomes of it is waited for elsewhere.
async fn want(world: &World, token: &Token, devices: &[String]) -> i64 {
    let body =
        json!({ "token": token.id, "serials": devices, "apps": [{ "adam_id": app(1) }], "install": true });
    world.api.post("/gate", &body).await.with(202)["job"]["id"].as_i64().expect("a job")
}

/// Devices that have the first app by command, and a new system since.
async fn updated_fleet(setup: Setup, devices: usize) -> Fleet {
    let fleet = Fleet::start_on(setup, devices, async |world| world.connect_declaring("nano").await).await;
    for serial in &fleet.devices {
        let told = json!({ "serial": serial, "os_version": NEW_SYSTEM });
        let _ = fleet.world.api.post("/devices", &told).await.with(200);
    }
    fleet
}

/// How often a device was told to fetch its declarations.
async fn fetches(world: &World, serial: &str) -> usize {
    let device = world.virtual_device(serial).await;
    let given = device["given"].as_array().cloned().unwrap_or_default();
    given.iter().filter(|given| given["request_type"] == "DeclarativeManagement").count()
}

/// The names of our apps' declarations at the server.
async fn declarations(world: &World) -> Vec<String> {
    let server = world.mdm(&json!({})).await;
    let names = server["declarations"].as_array().cloned().unwrap_or_default();
    let names = names.iter().filter_map(Value::as_str).filter(|name| name.starts_with("russet.app."));
    names.map(str::to_owned).collect()
}

async fn an_app_is_declared_on_a_new_system_and_an_older_device_beside_it_gets_a_command(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let devices = serials(0..2);
    enroll(&world, &devices[..1], NEW_SYSTEM).await;
    enroll(&world, &devices[1..], "18.2").await;
    let ended = world.end_of(want(&world, &token, &devices).await).await;
    world.must_have_succeeded(&ended);
    for serial in &devices {
        let install = world.until_install(serial, "installed").await;
        assert!(install["reported_version"].is_i64(), "{install}");
    }
    let declared = world.declared(&devices[0]).await;
    assert_eq!(
        declared[0]["payload"],
        json!({
            "AppStoreID": app(1),
            "InstallBehavior": { "Install": "Required", "License": { "Assignment": "Device" } },
            "UpdateBehavior": { "AutomaticAppUpdates": "StoreSettings" },
        })
    );
    assert_eq!(world.installs_given(&devices[0]).await, Vec::<Value>::new());
    assert_eq!(world.declared(&devices[1]).await, Vec::<Value>::new());
    assert_eq!(world.installs_given(&devices[1]).await.len(), 1);
    assert_eq!(declarations(&world).await.len(), 2, "the app's and its activation");
    let apps = world.api.list(&format!("/devices/{}/apps", devices[0])).await;
    assert_eq!((apps.len(), &apps[0]["status"]), (1, &json!("Managed")), "{apps:?}");
    world.must_be_clean().await;
}

async fn through_nanohub_an_app_is_declared_and_reported(profile: Profile) {
    let world = World::start(quick(Setup::of(profile))).await;
    let location = world.apple.location("North", 1, 100, 0).await;
    let token = world.token(&location, "north").await;
    world.listen_to_mdm("hub").await;
    let hub = json!({
        "name": "hub", "kind": "nanohub", "url": world.apple.mdm_url_as("nanohub"), "api_key": API_KEY,
        "webhook_key": WEBHOOK_KEY, "declares": true,
    });
    world.connect_to(&hub).await;
    enroll(&world, &serials(0..1), NEW_SYSTEM).await;
    want(&world, &token, &serials(0..1)).await;
    world.until_install(&serials(0..1)[0], "installed").await;
    assert_eq!(world.declared(&serials(0..1)[0]).await.len(), 1);
    assert_eq!(world.installs_given(&serials(0..1)[0]).await, Vec::<Value>::new());
}

async fn an_app_that_came_by_command_is_taken_over_when_its_next_version_is_pinned(profile: Profile) {
    let fleet = updated_fleet(quick(Setup::of(profile)), 3).await;
    for version in [NEWER, NEWER + 1] {
        fleet.publish(version).await;
        for serial in &fleet.devices {
            eventually("the version to be there", async || {
                let install = fleet.world.until_install(serial, "installed").await;
                if install["reported_version"] == version { Ok(()) } else { Err(install.to_string()) }
            })
            .await;
            assert_eq!(fleet.version_of(serial).await, json!(version));
            let declared = fleet.world.declared(serial).await;
            assert_eq!(declared[0]["payload"]["InstallBehavior"]["Version"], json!(version), "{declared:?}");
            assert_eq!(declared[0]["payload"]["UpdateBehavior"]["AutomaticAppUpdates"], "AlwaysOff");
        }
    }
    assert_eq!(fleet.given().await, 0, "no command brought it");
    for serial in &fleet.devices {
        assert_eq!(fetches(&fleet.world, serial).await, 2, "one for each version");
    }
}

async fn an_app_that_is_told_something_keeps_coming_by_command(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let devices = serials(0..1);
    enroll(&world, &devices, NEW_SYSTEM).await;
    world.until_store_was_read(&app(1)).await;
    let _ = world.api.post("/groups", &json!({ "name": "class", "kind": "devices" })).await.with(200);
    let members = json!({ "members": devices });
    let _ = world.api.send(Method::PUT, "/groups/class/members", Some(&members)).await.with(200);
    let install = json!({ "configuration": { "server": "https://a.example.org" } });
    let new = json!({ "token": token.id, "adam_id": app(1), "group": "class", "intent": "required", "install": install });
    let _ = world.api.post("/assignments", &new).await.with(201);
    world.until_install(&devices[0], "installed").await;
    assert_eq!(world.declared(&devices[0]).await, Vec::<Value>::new());
    let given = world.installs_given(&devices[0]).await;
    assert_eq!(given[0]["Configuration"]["server"], "https://a.example.org", "{given:?}");
}

async fn a_declared_update_keeps_to_the_window(profile: Profile) {
    let fleet = updated_fleet(quick(Setup::of(profile)), 2).await;
    // Two zones of which at any time one is in the window and the other is not.
    for (serial, zone) in fleet.devices.iter().zip(["Etc/GMT", "Etc/GMT-12"]) {
        let told = json!({ "serial": serial, "time_zone": zone });
        let _ = fleet.world.api.post("/devices", &told).await.with(200);
    }
    let hour = russet_tests::now_ms() / 3_600_000 % 24;
    let window = format!("{:02}:00-{:02}:00", (hour + 24 - 1) % 24, (hour + 6) % 24);
    fleet.policy(json!({ "update_window": window })).await;
    fleet.publish(NEWER).await;
    fleet.world.until_install(&fleet.devices[0], "installed").await;
    fleet.world.until_install(&fleet.devices[1], "ready").await;
    assert_eq!(fleet.world.declared(&fleet.devices[1]).await, Vec::<Value>::new());
    assert_eq!(declarations(&fleet.world).await.len(), 2, "of one device alone");
}

async fn a_declared_app_without_a_license_is_looked_at_anew_until_it_is_there(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let devices = serials(0..1);
    enroll(&world, &devices, NEW_SYSTEM).await;
    world.behave(&devices, &json!({ "no_license": 2 })).await;
    want(&world, &token, &devices).await;
    let install = world.until_install(&devices[0], "installed").await;
    assert_eq!(install["tries"], 3, "{install}");
}

async fn a_declared_app_that_never_finds_its_license_rests_in_words(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let devices = serials(0..1);
    enroll(&world, &devices, NEW_SYSTEM).await;
    world.behave(&devices, &json!({ "no_license": 1_000 })).await;
    want(&world, &token, &devices).await;
    let install = world.until_install(&devices[0], "resting").await;
    assert_eq!((&install["code"], &install["tries"]), (&json!("license_not_found"), &json!(3)), "{install}");
    assert_eq!(install["detail"], "Error.LicenseNotFound", "{install}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(fetches(&world, &devices[0]).await, 3, "it rests");
}

async fn a_ring_that_declines_halts_a_declared_version(profile: Profile) {
    must_halt_and_go_on(&updated_fleet(quick(Setup::of(profile)), 60).await).await;
}

async fn a_person_who_declines_a_declared_update_is_not_asked_again(profile: Profile) {
    let fleet = updated_fleet(quick(Setup::of(profile)), 1).await;
    fleet.world.behave(&fleet.devices, &json!({ "refuses": true })).await;
    fleet.publish(NEWER).await;
    let install = fleet.world.until_install(&fleet.devices[0], "resting").await;
    assert_eq!((&install["code"], &install["tries"]), (&json!("user_refused"), &json!(1)), "{install}");
    fleet.read_store().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fetches(&fleet.world, &fleet.devices[0]).await, 1);
}

/// Devices of one group that get the first app by an assignment.
async fn assigned(world: &World, token: &Token, devices: &[String]) -> Value {
    let _ = world.api.post("/groups", &json!({ "name": "class", "kind": "devices" })).await.with(200);
    let members = json!({ "members": devices });
    let _ = world.api.send(Method::PUT, "/groups/class/members", Some(&members)).await.with(200);
    let new = json!({ "token": token.id, "adam_id": app(1), "group": "class", "intent": "required" });
    let made = world.api.post("/assignments", &new).await.with(201);
    made["id"].clone()
}

async fn unassign(world: &World, assignment: &Value) {
    let _ = world.api.send(Method::DELETE, &format!("/assignments/{assignment}"), None).await.with(200);
}

async fn an_app_that_is_unassigned_is_withdrawn_and_goes(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let devices = serials(0..2);
    enroll(&world, &devices, NEW_SYSTEM).await;
    world.until_store_was_read(&app(1)).await;
    let assignment = assigned(&world, &token, &devices).await;
    for serial in &devices {
        world.until_install(serial, "installed").await;
    }
    unassign(&world, &assignment).await;
    for serial in &devices {
        world.until_install(serial, "removed").await;
        assert_eq!(world.virtual_device(serial).await["apps"], json!({}));
        assert_eq!(world.api.list(&format!("/devices/{serial}/apps")).await, Vec::<Value>::new());
    }
    assert_eq!(declarations(&world).await, Vec::<String>::new());
    world.until_held(&token, 0).await;
}

async fn an_app_that_was_declared_and_never_came_is_withdrawn_too(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let devices = serials(0..1);
    enroll(&world, &devices, NEW_SYSTEM).await;
    world.until_store_was_read(&app(1)).await;
    world.behave(&devices, &json!({ "asleep": true })).await;
    let assignment = assigned(&world, &token, &devices).await;
    world.until_install(&devices[0], "sent").await;
    unassign(&world, &assignment).await;
    eventually("the declaration to be gone", async || {
        let left = declarations(&world).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    world.behave(&devices, &json!({ "asleep": false })).await;
    world.until_install(&devices[0], "removed").await;
    assert_eq!(world.virtual_device(&devices[0]).await["apps"], json!({}));
}

async fn a_report_that_was_lost_is_found_by_asking_the_server(profile: Profile) {
    let setup = quick(Setup::of(profile)).setting("MDM__INSTALL_WITHIN_S", "60");
    let (world, token) = with_token(setup).await;
    let devices = serials(0..2);
    enroll(&world, &devices, NEW_SYSTEM).await;
    // From here on the server calls where nobody is.
    world.mdm(&json!({ "webhook": { "url": "http://127.0.0.1:1/nobody", "key": WEBHOOK_KEY } })).await;
    world.behave(&devices[1..], &json!({ "refuses": true })).await;
    want(&world, &token, &devices).await;
    let install = world.until_install(&devices[0], "installed").await;
    assert_eq!(install["tries"], 1, "{install}");
    let install = world.until_install(&devices[1], "resting").await;
    assert_eq!((&install["code"], &install["tries"]), (&json!("user_refused"), &json!(1)), "{install}");
}

async fn a_full_report_says_what_is_gone(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let devices = serials(0..1);
    enroll(&world, &devices, NEW_SYSTEM).await;
    want(&world, &token, &devices).await;
    world.until_install(&devices[0], "installed").await;
    let apps = async || world.api.list(&format!("/devices/{}/apps", devices[0])).await;
    let stays = apps().await;
    world.apple.control(Method::POST, "mdm/report", &json!({ "serials": devices })).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(apps().await.len(), stays.len(), "what is there is told of again");
    // Somebody takes the declaration away behind our back, and the report of that is lost.
    let set = world.virtual_device(&devices[0]).await["sets"][0].clone();
    world.mdm(&json!({ "webhook": { "url": "http://127.0.0.1:1/nobody", "key": WEBHOOK_KEY } })).await;
    let udid = format!("UDID-{}", devices[0]);
    let set = set.as_str().expect("a set");
    for (method, path) in [
        (Method::DELETE, format!("enrollment-sets/{udid}?set={set}")),
        (Method::POST, format!("notify?id={udid}")),
    ] {
        let url = format!("{}/v1/{path}", world.apple.declarations_url());
        let call = reqwest::Client::new().request(method, url);
        let answer = call.basic_auth("kmfddm", Some(DECLARATIONS_KEY)).send().await.expect("an answer");
        assert_eq!(answer.status(), 204);
    }
    eventually("the device to be without it", async || {
        let device = world.virtual_device(&devices[0]).await;
        if device["apps"] == json!({}) { Ok(()) } else { Err(device.to_string()) }
    })
    .await;
    world.listen_to_mdm("nano").await;
    world.apple.control(Method::POST, "mdm/report", &json!({ "serials": devices })).await;
    eventually("the app to be told of no more", async || {
        let apps = apps().await;
        if apps.is_empty() { Ok(()) } else { Err(format!("{apps:?}")) }
    })
    .await;
}

async fn a_wrong_key_of_the_declarations_parks_the_connector_and_says_whose_it_is(profile: Profile) {
    let world = World::start(quick(Setup::of(profile))).await;
    world.listen_to_mdm("nano").await;
    let mut new = world.declaring("nano");
    new["declarations_key"] = "somebody-elses".into();
    let _ = world.api.post("/connectors", &new).await.with(201);
    let parked = eventually("the connector to be parked", async || {
        let connector = world.api.get("/connectors/nano").await;
        if connector["state"] == "parked" { Ok(connector) } else { Err(connector.to_string()) }
    })
    .await;
    let reason = parked["reason"].as_str().expect("a reason");
    assert!(reason.contains("KMFDDM at ") && reason.contains("401"), "{reason}");
    assert!(!parked.to_string().contains("somebody-elses"), "{parked}");
    world.mdm(&json!({ "declarations_key": "the-right-one" })).await;
    let right = json!({ "declarations_key": "the-right-one" });
    let _ = world.api.send(Method::PATCH, "/connectors/nano", Some(&right)).await.with(200);
    eventually("the connector to be looked at", async || {
        let connector = world.api.get("/connectors/nano").await;
        let is_well = connector["state"] == "active" && connector["checked_at"].is_string();
        if is_well { Ok(()) } else { Err(connector.to_string()) }
    })
    .await;
}

async fn declarations_that_fail_for_a_while_are_made_later(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let devices = serials(0..3);
    enroll(&world, &devices, NEW_SYSTEM).await;
    world.mdm(&json!({ "declarations_broken": 12 })).await;
    want(&world, &token, &devices).await;
    for serial in &devices {
        let install = world.until_install(serial, "installed").await;
        assert_eq!(install["tries"], 1, "{install}");
        assert_eq!(fetches(&world, serial).await, 1);
    }
}

async fn a_worker_killed_after_declaring_wakes_no_device_twice(profile: Profile) {
    let (mut world, token) = with_token(quick(Setup::of(profile).workers(1))).await;
    let devices = serials(0..2);
    enroll(&world, &devices, NEW_SYSTEM).await;
    // The devices are to be told, and whoever told them never learns that he did.
    world.behave(&devices, &json!({ "asleep": true })).await;
    world.mdm(&json!({ "lost": 1 })).await;
    let before = world.mdm(&json!({})).await["counts"]["enqueued"].as_u64().expect("a count");
    want(&world, &token, &devices).await;
    eventually("the command to be at the server", async || {
        let counts = world.mdm(&json!({})).await["counts"].clone();
        if counts["enqueued"].as_u64() == Some(before + 2) { Ok(()) } else { Err(counts.to_string()) }
    })
    .await;
    world.kill_oldest_worker();
    world.start_worker().await;
    world.behave(&devices, &json!({ "asleep": false })).await;
    for serial in &devices {
        world.until_install(serial, "installed").await;
        assert_eq!(fetches(&world, serial).await, 1);
        assert_eq!(world.declared(serial).await.len(), 1);
    }
}

async fn a_device_that_leaves_is_forgotten_by_the_server(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let devices = serials(0..2);
    enroll(&world, &devices, NEW_SYSTEM).await;
    want(&world, &token, &devices).await;
    for serial in &devices {
        world.until_install(serial, "installed").await;
    }
    assert_eq!(declarations(&world).await.len(), 4);
    world.apple.control(Method::POST, "mdm/leave", &json!({ "serials": devices[..1] })).await;
    world.until_device(&devices[0], "unenrolled", |device| device["state"] == "unenrolled").await;
    eventually("the server to forget it", async || {
        let (left, device) = (declarations(&world).await, world.virtual_device(&devices[0]).await);
        let is_gone = left.len() == 2 && device["sets"] == json!([]);
        if is_gone { Ok(()) } else { Err(format!("{left:?} {}", device["sets"])) }
    })
    .await;
    assert_eq!(world.declared(&devices[1]).await.len(), 1, "who stays keeps it");
}

async fn declarations_are_switched_off_only_where_nothing_is_declared(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let change = async |change: Value| world.api.send(Method::PATCH, "/connectors/nano", Some(&change)).await;
    let off = json!({ "declares": false });
    let shown = change(off.clone()).await.with(200);
    assert_eq!((&shown["declares"], &shown["declarations_url"]), (&json!(false), &Value::Null), "{shown}");
    assert_eq!(change(json!({ "declares": true })).await.problem().0, "invalid_field");
    let url = world.apple.declarations_url();
    let on = json!({ "declarations_url": url, "declarations_key": DECLARATIONS_KEY });
    let shown = change(on).await.with(200);
    assert_eq!((&shown["declares"], &shown["declarations_url"]), (&json!(true), &json!(url)), "{shown}");
    assert!(!shown.to_string().contains(DECLARATIONS_KEY), "{shown}");
    enroll(&world, &serials(0..1), NEW_SYSTEM).await;
    want(&world, &token, &serials(0..1)).await;
    world.until_install(&serials(0..1)[0], "installed").await;
    let (code, why) = change(off).await.problem();
    assert_eq!(code, "apps_are_declared");
    assert!(why.contains("1 apps"), "{why}");
    for (field, value) in [("declares", json!(true)), ("declarations_url", json!(url))] {
        let mut fleet = json!({ "name": "fleet", "kind": "fleet", "url": world.apple.mdm_url_as("fleet"), "api_key": API_KEY });
        fleet[field] = value;
        assert_eq!(world.api.post("/connectors", &fleet).await.problem().0, "invalid_field", "{field}");
    }
}
