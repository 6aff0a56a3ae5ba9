//! MDM servers beside NanoMDM: each with a device that enrolls, gets an app and reports it; and Fleet, which has to be asked.

use std::time::Duration;

use reqwest::Method;
use russet_tests::{
    API_KEY, Profile, Receiver, Setup, Token, WEBHOOK_KEY, World, app, eventually, on_both_profiles, serials,
};
use serde_json::{Value, json};

use crate::gate::quick;
use crate::mdm_servers::{post, signature};
use crate::updates::{Fleet, NEWER};

on_both_profiles!(
    an_install_through_fleet_ends_with_the_version_that_the_device_reports,
    an_update_through_fleet_ends_with_the_version_that_the_device_reports,
    a_device_that_leaves_fleet_is_unenrolled,
    an_answer_that_fleet_tells_again_changes_nothing,
    a_worker_killed_between_sending_to_fleet_and_asking_sends_no_command_twice,
    a_host_that_fleet_does_not_know_keeps_nobody_from_the_app,
    a_wrong_fleet_token_parks_the_connector_and_says_so,
    fleet_needs_no_webhook_and_others_do,
    through_nanohub_an_app_is_installed_and_reported,
    through_micromdm_an_app_is_installed_and_reported,
    through_any_other_server_an_app_is_installed_and_reported,
);

/// Asks Fleet every second, where others wait for minutes.
fn asking(setup: Setup) -> Setup {
    quick(setup)
        .setting("MDM__POLL_AFTER_S", "1")
        .setting("MDM__LIST_DEVICES_EVERY_S", "1")
        .setting("MDM__INSTALL_WITHIN_S", "30")
}

/// What makes a connector to the simulated server of this kind.
fn connector(world: &World, kind: &str) -> Value {
    let mut new = json!({
        "name": kind, "kind": kind, "url": world.apple.mdm_url_as(kind), "api_key": API_KEY, "webhook_key": WEBHOOK_KEY,
    });
    if kind == "fleet" {
        new.as_object_mut().expect("an object").remove("webhook_key");
    }
    new
}

async fn connect_fleet(world: &World) {
    world.mdm(&json!({ "api_key": API_KEY })).await;
    world.connect_to(&connector(world, "fleet")).await;
}

async fn with_token(setup: Setup) -> (World, Token) {
    let world = World::start(setup).await;
    let location = world.apple.location("North", 1, 100, 0).await;
    let token = world.token(&location, "north").await;
    (world, token)
}

/// Has the first app installed, and waits for the end.
async fn install(world: &World, token: &Token, serials: &[String]) -> Value {
    let job = start_install(world, token, serials).await;
    world.end_of(job).await
}

async fn start_install(world: &World, token: &Token, serials: &[String]) -> i64 {
    let body =
        json!({ "token": token.id, "serials": serials, "apps": [{ "adam_id": app(1) }], "install": true });
    world.api.post("/gate", &body).await.with(202)["job"]["id"].as_i64().expect("a job")
}

/// One install each, that the device took and then reported.
async fn must_be_installed(world: &World, serials: &[String]) {
    for serial in serials {
        let install = world.until_install(serial, "installed").await;
        assert!(install["reported_version"].is_i64(), "{install}");
        let given = world.installs_given(serial).await;
        assert_eq!(given.len(), 1, "{given:?}");
    }
}

async fn an_install_through_fleet_ends_with_the_version_that_the_device_reports(profile: Profile) {
    let (world, token) = with_token(asking(Setup::of(profile))).await;
    connect_fleet(&world).await;
    let devices = serials(0..4);
    // Fleet takes devices of one platform in a call.
    world.enroll(&devices[..2], &json!({ "model": "iPad13,1", "os_version": "18.3" })).await;
    world.enroll(&devices[2..], &json!({ "model": "iPhone14,5" })).await;
    world.until_apps_were_told(&devices).await;
    let is_whole = |device: &Value| device["time_zone"] == "Europe/Amsterdam";
    let device = world.until_device(&devices[0], "known whole", is_whole).await;
    assert_eq!(
        (&device["mdm"], &device["platform"], &device["os_version"]),
        (&json!("fleet"), &json!("ipados"), &json!("18.3")),
        "{device}"
    );
    let ended = install(&world, &token, &devices).await;
    world.must_have_succeeded(&ended);
    must_be_installed(&world, &devices).await;
    let connector = world.api.get("/connectors/fleet").await;
    assert_eq!((&connector["version"], &connector["webhook"]), (&json!("4.0.0-simulated"), &Value::Null));
    assert!(connector["heard_at"].is_string(), "{connector}");
    assert_eq!(world.mdm(&json!({})).await["counts"]["refused_calls"], 0);
    world.must_be_clean().await;
}

async fn an_update_through_fleet_ends_with_the_version_that_the_device_reports(profile: Profile) {
    let fleet = Fleet::start_on(asking(Setup::of(profile)), 3, connect_fleet).await;
    fleet.publish(NEWER).await;
    for serial in &fleet.devices {
        let install = fleet.world.until_install(serial, "installed").await;
        assert_eq!(
            (&install["target_version"], &install["reported_version"]),
            (&json!(NEWER), &json!(NEWER))
        );
        assert_eq!(fleet.version_of(serial).await, json!(NEWER));
    }
    assert_eq!(fleet.given().await, 3);
}

async fn a_device_that_leaves_fleet_is_unenrolled(profile: Profile) {
    let world = World::start(asking(Setup::of(profile))).await;
    connect_fleet(&world).await;
    let devices = serials(0..2);
    world.enroll(&devices, &json!({})).await;
    world.apple.control(Method::POST, "mdm/leave", &json!({ "serials": devices[..1] })).await;
    world.until_device(&devices[0], "unenrolled", |device| device["state"] == "unenrolled").await;
    // One that was deleted here is not brought back by the next list; only by saying which it is, which it has done by now.
    world.until_device(&devices[1], "described", |device| device["time_zone"].is_string()).await;
    world.until_apps_were_told(&devices[1..]).await;
    let _ = world.api.send(Method::DELETE, &format!("/devices/{}", devices[1]), None).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.until_device(&devices[1], "deleted", |device| device["state"] == "deleted").await;
}

async fn an_answer_that_fleet_tells_again_changes_nothing(profile: Profile) {
    let (world, token) = with_token(asking(Setup::of(profile))).await;
    let devices = serials(0..2);
    // They are there before the connector, so that one question goes to both; the second never answers it.
    let sleeps = json!({ "serials": devices[1..], "behavior": { "asleep": true } });
    world.apple.control(Method::POST, "mdm/devices", &json!({ "serials": devices[..1] })).await;
    world.apple.control(Method::POST, "mdm/devices", &sleeps).await;
    connect_fleet(&world).await;
    world.until_apps_were_told(&devices[..1]).await;
    let ended = install(&world, &token, &devices[..1]).await;
    world.must_have_succeeded(&ended);
    let calls = async || world.mdm(&json!({})).await["counts"]["result_calls"].as_u64().expect("calls");
    let before = calls().await;
    eventually("the old answer to be told again", async || {
        let now = calls().await;
        if now >= before + 2 { Ok(()) } else { Err(format!("{before} {now}")) }
    })
    .await;
    // Its list from before the install is not taken for news.
    let apps = world.api.list(&format!("/devices/{}/apps", devices[0])).await;
    assert_eq!(apps.len(), 1, "{apps:?}");
    must_be_installed(&world, &devices[..1]).await;
}

async fn a_worker_killed_between_sending_to_fleet_and_asking_sends_no_command_twice(profile: Profile) {
    let setup = asking(Setup::of(profile)).workers(1).setting("MDM__POLL_AFTER_S", "3");
    let (mut world, token) = with_token(setup).await;
    connect_fleet(&world).await;
    let devices = serials(0..20);
    world.enroll(&devices, &json!({})).await;
    world.until_apps_were_told(&devices).await;
    // The answer to the call is lost too: nobody knows whether it arrived.
    world.mdm(&json!({ "lost": 1 })).await;
    let job = start_install(&world, &token, &devices).await;
    eventually("the command to be with the devices", async || {
        if world.installs_given(&devices[0]).await.is_empty() { Err("it is not".to_owned()) } else { Ok(()) }
    })
    .await;
    world.kill_oldest_worker();
    world.start_worker().await;
    let ended = world.end_of(job).await;
    world.must_have_succeeded(&ended);
    must_be_installed(&world, &devices).await;
}

async fn a_host_that_fleet_does_not_know_keeps_nobody_from_the_app(profile: Profile) {
    let (world, token) = with_token(asking(Setup::of(profile))).await;
    connect_fleet(&world).await;
    let mut devices = serials(0..5);
    let stranger = json!({
        "serial": "C0STRANGER1", "platform": "ipados", "mdm": "fleet", "mdm_enrollment_id": "UDID-C0STRANGER1",
    });
    let _ = world.api.post("/devices", &stranger).await.with(200);
    world.enroll(&devices, &json!({})).await;
    // Nor does it keep them from being asked.
    world.until_apps_were_told(&devices).await;
    devices.push("C0STRANGER1".to_owned());
    let ended = install(&world, &token, &devices).await;
    let progress = &ended["progress"];
    assert_eq!((&progress["settled"], &progress["refused"]), (&json!(5), &json!(1)), "{ended}");
    let lost = world.until_install("C0STRANGER1", "failed").await;
    assert_eq!(lost["code"], "not_enrolled", "{lost}");
    must_be_installed(&world, &devices[..5]).await;
}

async fn a_wrong_fleet_token_parks_the_connector_and_says_so(profile: Profile) {
    let world = World::start(asking(Setup::of(profile))).await;
    world.mdm(&json!({ "api_key": API_KEY })).await;
    let mut new = connector(&world, "fleet");
    new["api_key"] = json!("not-the-token");
    let _ = world.api.post("/connectors", &new).await.with(201);
    let state = async |wanted: &str| {
        eventually(&format!("the connector to be {wanted}"), async || {
            let connector = world.api.get("/connectors/fleet").await;
            let is_so =
                connector["state"] == wanted && (wanted == "parked" || connector["checked_at"].is_string());
            if is_so { Ok(connector) } else { Err(connector.to_string()) }
        })
        .await
    };
    let parked = state("parked").await;
    assert!(parked["reason"].as_str().is_some_and(|text| text.contains("API key (status 401)")), "{parked}");
    assert!(!parked.to_string().contains("not-the-token"));
    let change = json!({ "api_key": API_KEY });
    let _ = world.api.send(Method::PATCH, "/connectors/fleet", Some(&change)).await.with(200);
    assert_eq!(state("active").await["reason"], Value::Null);
    // A token that is taken back later is found by the next question.
    world.mdm(&json!({ "api_key": "another-token" })).await;
    state("parked").await;
    let unauthorized = async || world.mdm(&json!({})).await["counts"]["unauthorized"].clone();
    let asked = unauthorized().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(unauthorized().await, asked, "a parked one is left alone");
}

async fn fleet_needs_no_webhook_and_others_do(profile: Profile) {
    let world = World::start(asking(Setup::of(profile))).await;
    connect_fleet(&world).await;
    for key in ["", WEBHOOK_KEY] {
        let body = br#"{"type":"mdm_enrolled"}"#;
        assert_eq!(post(&world, "fleet", body, Some(signature(key, body))).await, 401);
    }
    let mut without = connector(&world, "nanohub");
    without.as_object_mut().expect("an object").remove("webhook_key");
    let (code, detail) = world.api.post("/connectors", &without).await.problem();
    assert!(code == "invalid_field" && detail.contains("webhook_key"), "{code} {detail}");
    let mut forwards = connector(&world, "fleet");
    forwards["name"] = json!("second");
    forwards["forward_to"] = json!("https://elsewhere.example.org/hook");
    let (code, detail) = world.api.post("/connectors", &forwards).await.problem();
    assert!(code == "invalid_field" && detail.contains("no webhooks"), "{code} {detail}");
    let change = json!({ "forward_to": "https://elsewhere.example.org/hook" });
    let answer = world.api.send(Method::PATCH, "/connectors/fleet", Some(&change)).await;
    assert_eq!(answer.problem().0, "invalid_field");
}

async fn through_nanohub_an_app_is_installed_and_reported(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    world.listen_to_mdm("nanohub").await;
    world.connect_to(&connector(&world, "nanohub")).await;
    let devices = serials(0..3);
    world.enroll(&devices, &json!({})).await;
    let ended = install(&world, &token, &devices).await;
    world.must_have_succeeded(&ended);
    must_be_installed(&world, &devices).await;
    let counts = world.mdm(&json!({})).await["counts"].clone();
    assert_eq!((&counts["unauthorized"], &counts["webhooks_lost"]), (&json!(0), &json!(0)), "{counts}");
    world.must_be_clean().await;
}

async fn through_micromdm_an_app_is_installed_and_reported(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let address = world.api.url().replace("http://", &format!("http://russet:{WEBHOOK_KEY}@"));
    let hook = json!({ "url": format!("{address}/api/v1/mdm/micromdm/webhook"), "form": "micromdm" });
    world.mdm(&json!({ "api_key": API_KEY, "webhook": hook })).await;
    world.connect_to(&connector(&world, "micromdm")).await;
    let devices = serials(0..3);
    world.enroll(&devices, &json!({})).await;
    let ended = install(&world, &token, &devices).await;
    world.must_have_succeeded(&ended);
    must_be_installed(&world, &devices).await;
    let counts = world.mdm(&json!({})).await["counts"].clone();
    assert_eq!((&counts["unauthorized"], &counts["webhooks_lost"]), (&json!(0), &json!(0)), "{counts}");
    // Whoever gives another password is not heard.
    let body = br#"{"topic":"mdm.CheckOut","checkin_event":{"udid":"UDID-C0STORY00000","raw_payload":""}}"#;
    assert_eq!(post(&world, "micromdm", body, Some(signature(WEBHOOK_KEY, body))).await, 401);
    world.must_be_clean().await;
}

/// What devices know the app by, on the server that a story plays.
const BUNDLE: &str = "com.example.pages";

async fn through_any_other_server_an_app_is_installed_and_reported(profile: Profile) {
    let (world, token) = with_token(quick(Setup::of(profile))).await;
    let receiver = Receiver::start().await;
    let mut new = connector(&world, "webhook");
    new["url"] = json!(receiver.url());
    world.connect_to(&new).await;
    let told = receiver.told();
    assert_eq!(told[0].json()["event"], "check");
    assert!(told.iter().all(|told| told.is_signed_with(API_KEY)));
    let serial = &serials(0..1)[0];
    let enrolled = json!({ "event": "enrolled", "enrollment_id": "E-1", "serial": serial, "platform": "ipados", "os_version": "18.2" });
    let story = async {
        tell(&world, &[enrolled]).await;
        world.until_apps_were_told(&serials(0..1)).await;
        let ended = install(&world, &token, &serials(0..1)).await;
        world.must_have_succeeded(&ended);
        let install = world.until_install(serial, "installed").await;
        assert_eq!((&install["reported_version"], &install["tries"]), (&json!(77), &json!(1)), "{install}");
        tell(&world, &[json!({ "event": "unenrolled", "enrollment_id": "E-1" })]).await;
        world.until_device(serial, "unenrolled", |device| device["state"] == "unenrolled").await;
    };
    tokio::select! {
        () = story => {}
        () = play(&world, &receiver) => {}
    }
}

/// Tells events as the server of a story does.
async fn tell(world: &World, events: &[Value]) {
    let body = json!({ "events": events }).to_string().into_bytes();
    assert_eq!(post(world, "webhook", &body, Some(signature(WEBHOOK_KEY, &body))).await, 200);
}

/// Lets devices do what the server is told, until the story is over.
async fn play(world: &World, receiver: &Receiver) {
    let (mut read, mut has_app) = (0, false);
    loop {
        for told in receiver.told().into_iter().skip(read) {
            read += 1;
            let told = told.json();
            if told["event"] != "command" {
                continue;
            }
            assert_eq!(told["devices"], json!(["E-1"]), "{told}");
            let answer = json!({
                "event": "result", "enrollment_id": "E-1", "command_uuid": told["command_uuid"],
                "status": "acknowledged", "bundle_id": BUNDLE,
            });
            let apps =
                if has_app { json!([{ "bundle_id": BUNDLE, "external_version": 77 }]) } else { json!([]) };
            let list = json!({
                "event": "apps", "enrollment_id": "E-1", "command_uuid": told["command_uuid"], "apps": apps,
            });
            match told["act"].as_str() {
                Some("install_app") => {
                    assert_eq!(told["adam_id"], json!(app(1)), "{told}");
                    has_app = true;
                    tell(world, &[answer]).await;
                }
                Some("list_apps") => tell(world, &[list]).await,
                other => panic!("{other:?} is not asked for here: {told}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
