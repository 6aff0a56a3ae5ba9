//! What is due for the same devices goes out together: a call for each app, and one push for each device.

use std::collections::BTreeSet;

use reqwest::Method;
use russet_tests::{Profile, Setup, World, app, on_both_profiles, serials};
use serde_json::{Map, Value, json};

use crate::gate::quick;

on_both_profiles!(devices_are_woken_once_for_all_of_their_updates);

const APPS: usize = 3;

async fn devices_are_woken_once_for_all_of_their_updates(profile: Profile) {
    let world = World::start(quick(Setup::of(profile))).await;
    let location = world.apple.location("North", APPS, 100, 0).await;
    let token = world.token(&location, "north").await;
    let by_job_only = json!({ "auto_update": false });
    let _ =
        world.api.send(Method::PATCH, &format!("/tokens/{}", token.id), Some(&by_job_only)).await.with(200);
    world.connect("nano").await;
    let (apps, devices) = ((1..=APPS).map(app).collect::<Vec<_>>(), serials(0..4));
    let mut has = Map::new();
    for app in &apps {
        let product = world.apple.product(Method::GET, app, "", &Value::Null).await;
        let bundle_id = product["bundle_id"].as_str().expect("a bundle").to_owned();
        has.insert(bundle_id, json!({ "adam_id": app, "external_id": 1 }));
    }
    world.succeed(&token.assign(&apps, &devices, &[])).await;
    world.enroll(&devices, &json!({ "apps": has })).await;
    world.until_apps_were_told(&devices).await;
    world.refresh(&json!({ "token": token.id })).await;

    let before = world.mdm(&json!({})).await["counts"].clone();
    world.succeed(&json!({ "kind": "push_update", "token": token.id })).await;
    let after = world.mdm(&json!({})).await["counts"].clone();
    let more = |name: &str| after[name].as_u64().expect("a count") - before[name].as_u64().expect("a count");
    assert_eq!(more("installs"), (APPS * devices.len()) as u64, "{after}");
    // Each question for a device's apps wakes it by itself, and all installs together once more.
    let questions = more("enqueued") - more("installs");
    assert_eq!(more("pushes") - questions, devices.len() as u64, "{before} {after}");
    let mut commands = BTreeSet::new();
    for device in &devices {
        let given = world.installs_given(device).await;
        assert_eq!(given.len(), APPS, "{given:?}");
        commands.extend(given.into_iter().map(|given| given["uuid"].to_string()));
    }
    assert_eq!(commands.len(), APPS, "one command for all devices: {commands:?}");
}
