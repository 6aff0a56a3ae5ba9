//! Apps that are required, or were asked for, come onto devices by themselves (rule S-33).

use std::time::Duration;

use reqwest::Method;
use russet_tests::{Profile, Setup, Token, World, app, eventually, on_both_profiles, serials, users};
use serde_json::{Value, json};

use crate::gate::quick;

on_both_profiles!(
    s_33_a_required_app_is_installed_whether_the_license_or_the_device_comes_first,
    an_app_that_was_asked_for_is_installed_on_the_persons_device,
    a_person_who_declines_a_required_app_is_not_asked_in_a_loop,
    n_31_how_an_app_stands_on_each_device_is_listed_and_counted,
    a_policy_keeps_required_apps_from_being_installed_until_it_is_changed,
);

/// A connected location whose store was read.
async fn school(profile: Profile) -> (World, Token) {
    school_with(quick(Setup::of(profile))).await
}

async fn school_with(setup: Setup) -> (World, Token) {
    let world = World::start(setup).await;
    let location = world.apple.location("North", 1, 10, 2).await;
    let token = world.token(&location, "north").await;
    world.connect("nano").await;
    world.until_store_was_read(&app(1)).await;
    (world, token)
}

/// Assigns the first app to a group of these members.
async fn assign(world: &World, token: &Token, kind: &str, members: &[String], more: &Value) {
    let _ = world.api.post("/groups", &json!({ "name": "class", "kind": kind })).await.with(200);
    let members = json!({ "members": members });
    let _ = world.api.send(Method::PUT, "/groups/class/members", Some(&members)).await.with(200);
    let mut new = json!({ "token": token.id, "adam_id": app(1), "group": "class", "intent": "required" });
    new.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let _ = world.api.post("/assignments", &new).await.with(201);
}

async fn s_33_a_required_app_is_installed_whether_the_license_or_the_device_comes_first(profile: Profile) {
    let (world, token) = school(profile).await;
    let devices = serials(0..2);
    world.enroll(&devices[..1], &json!({})).await;
    world.until_apps_were_told(&devices[..1]).await;
    let _ =
        world.api.post("/devices", &json!({ "serial": devices[1], "platform": "ipados" })).await.with(200);
    assign(&world, &token, "devices", &devices, &json!({})).await;
    let install = world.until_install(&devices[0], "installed").await;
    assert!(install["reported_version"].is_number(), "{install}");
    world.until_held(&token, 2).await;
    world.enroll(&devices[1..], &json!({})).await;
    world.until_install(&devices[1], "installed").await;
    for serial in &devices {
        assert_eq!(world.installs_given(serial).await.len(), 1, "once and no more on {serial}");
    }
}

async fn an_app_that_was_asked_for_is_installed_on_the_persons_device(profile: Profile) {
    let (world, token) = school(profile).await;
    let (device, person) = (&serials(0..1)[0], &users(1..2)[0]);
    let _ = world.api.post("/devices", &json!({ "serial": device, "user": person })).await.with(200);
    world.enroll(std::slice::from_ref(device), &json!({ "user": person })).await;
    world.until_apps_were_told(std::slice::from_ref(device)).await;
    let available = json!({ "intent": "available", "license": "user" });
    assign(&world, &token, "people", std::slice::from_ref(person), &available).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.installs_given(device).await, Vec::<Value>::new(), "nobody has asked");
    let _ = world.api.post("/requests", &json!({ "user": person, "adam_id": app(1) })).await.with(200);
    world.until_install(device, "installed").await;
}

async fn a_person_who_declines_a_required_app_is_not_asked_in_a_loop(profile: Profile) {
    let asked_often = quick(Setup::of(profile)).setting("MDM__INVENTORY_EVERY_S", "1");
    let (world, token) = school_with(asked_often).await;
    let device = serials(0..1);
    world.enroll(&device, &json!({ "behavior": { "refuses": true } })).await;
    world.until_apps_were_told(&device).await;
    assign(&world, &token, "devices", &device, &json!({})).await;
    let install = world.until_install(&device[0], "resting").await;
    assert_eq!(install["code"], "user_refused", "{install}");
    // The device tells that once. When another one comes, all are asked for their apps that were not within the last second, and the app
    // is none of its.
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.enroll(&serials(1..2), &json!({})).await;
    eventually("the device to tell of no app", async || {
        let apps = world.api.list(&format!("/devices/{}/apps", device[0])).await;
        if apps.is_empty() { Ok(()) } else { Err(json!(apps).to_string()) }
    })
    .await;
    world.refresh(&json!({ "token": token.id })).await;
    let again = json!({ "kind": "push_update", "token": token.id });
    let job = world.submit(&again).await;
    world.end_of(job).await;
    assert_eq!(world.installs_given(&device[0]).await.len(), 1);
    // Who asks for it in so many words gets it once the person agrees.
    world.behave(&device, &json!({ "refuses": false })).await;
    let gate =
        json!({ "token": token.id, "serial": device[0], "apps": [{ "adam_id": app(1) }], "install": true });
    let _ = world.api.post("/gate", &gate).await.with(202);
    world.until_install(&device[0], "installed").await;
}

async fn a_policy_keeps_required_apps_from_being_installed_until_it_is_changed(profile: Profile) {
    let (world, token) = school(profile).await;
    let policies = format!("/tokens/{}/policies", token.id);
    let off = json!({ "install_required": "off" });
    let _ = world.api.send(Method::PATCH, &policies, Some(&off)).await.with(200);
    let device = serials(0..1);
    world.enroll(&device, &json!({})).await;
    world.until_apps_were_told(&device).await;
    assign(&world, &token, "devices", &device, &json!({})).await;
    world.until_held(&token, 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.api.list(&format!("/installs?serial={}", device[0])).await, Vec::<Value>::new());
    let on = json!({ "install_required": "on" });
    let _ = world.api.send(Method::PATCH, &policies, Some(&on)).await.with(200);
    world.refresh(&json!({ "token": token.id })).await;
    world.until_install(&device[0], "installed").await;
}

async fn n_31_how_an_app_stands_on_each_device_is_listed_and_counted(profile: Profile) {
    let (world, token) = school(profile).await;
    let devices = serials(0..5);
    let product = world.apple.product(Method::GET, &app(1), "", &Value::Null).await;
    let bundle_id = product["bundle_id"].as_str().expect("a bundle");
    let old = json!({ bundle_id: { "adam_id": app(1), "external_id": 100 } });
    let token_path = format!("/tokens/{}", token.id);
    let off = json!({ "auto_update": false });
    let _ = world.api.send(Method::PATCH, &token_path, Some(&off)).await.with(200);
    world.enroll(&devices[..1], &json!({ "apps": old })).await;
    world.enroll(&devices[1..2], &json!({ "behavior": { "refuses": true } })).await;
    world.enroll(&devices[2..3], &json!({ "behavior": { "install_ms": 600_000 } })).await;
    world.enroll(&devices[3..4], &json!({ "model": "AppleTV14,1" })).await;
    world.enroll(&devices[4..5], &json!({})).await;
    world.until_apps_were_told(&devices).await;
    // The last one got its license by a job, which installs nothing.
    world.succeed(&token.assign(&[app(1)], &devices[4..5], &[])).await;
    assign(&world, &token, "devices", &devices[..4], &json!({})).await;
    let path = format!("/apps/{}/devices?token={}", app(1), token.id);
    let wanted = [
        (&devices[0], "installed", true),
        (&devices[1], "failed", false),
        (&devices[2], "pending", false),
        (&devices[3], "not_applicable", false),
        (&devices[4], "not_installed", false),
    ];
    let rows = eventually("every device to stand as it should", async || {
        let rows = world.api.list(&path).await;
        let found = |serial: &String| rows.iter().find(|row| row["serial"] == *serial);
        let is_so = wanted.iter().all(|(serial, state, newer)| {
            found(serial).is_some_and(|row| row["state"] == *state && row["update_available"] == *newer)
        });
        if is_so && rows.len() == 5 { Ok(rows) } else { Err(json!(rows).to_string()) }
    })
    .await;
    let failed = rows.iter().find(|row| row["state"] == "failed").expect("one that failed");
    assert!(failed["explanation"].as_str().is_some_and(|why| why.contains("declined")), "{failed}");
    let only = world.api.list(&format!("{path}&state=pending")).await;
    assert_eq!((only.len(), &only[0]["serial"]), (1, &json!(devices[2])));
    let counts = world.api.get(&format!("/apps/{}/devices/counts?token={}", app(1), token.id)).await;
    let expected = json!({
        "installed": 1, "outdated": 1, "pending": 1, "failed": 1, "not_installed": 1, "not_applicable": 1, "unknown": 0
    });
    assert_eq!(counts, expected);
}
