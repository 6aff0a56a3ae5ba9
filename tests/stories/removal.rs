//! Apps that are to go: from iPhones and iPads with their licenses, from Macs by a policy of their own (S-42 to S-44, C-2, C-7).

use std::time::Duration;

use reqwest::Method;
use russet_tests::{Profile, Setup, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

use crate::gate::quick;

on_both_profiles!(
    an_app_that_is_unassigned_goes_from_the_ipad_and_its_license_comes_back,
    the_uninstall_intent_removes_the_app_and_frees_the_license,
    a_mac_keeps_its_app_unless_a_policy_says_otherwise,
    an_app_that_is_wanted_again_is_not_removed,
    an_app_goes_with_a_license_that_a_job_takes_back_and_not_while_the_brakes_hold_it,
);

/// Two devices of one group that have the first app, given by an assignment.
async fn world_with_app(profile: Profile, more: &Value) -> (World, Token, i64, String) {
    let world = World::start(quick(Setup::of(profile))).await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let platforms = json!({ "platforms": ["iOS", "macOS"] });
    let product = world.apple.product(Method::PATCH, &app(1), "", &platforms).await;
    let bundle_id = product["bundle_id"].as_str().expect("a bundle").to_owned();
    let token = world.token(&location, "north").await;
    world.connect("nano").await;
    let mut has = json!({ "apps": { bundle_id.clone(): { "adam_id": app(1), "external_id": 100 } } });
    has.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    world.enroll(&serials(0..2), &has).await;
    world.until_apps_were_told(&serials(0..2)).await;
    world.until_store_was_read(&app(1)).await;
    let _ = world.api.post("/groups", &json!({ "name": "class", "kind": "devices" })).await.with(200);
    let members = json!({ "members": serials(0..2) });
    let _ = world.api.send(Method::PUT, "/groups/class/members", Some(&members)).await.with(200);
    let assignment = assign(&world, &token, "required").await;
    world.until_held(&token, 2).await;
    (world, token, assignment, bundle_id)
}

async fn assign(world: &World, token: &Token, intent: &str) -> i64 {
    let assignment = json!({ "token": token.id, "adam_id": app(1), "group": "class", "intent": intent });
    let made = world.api.post("/assignments", &assignment).await.with(201);
    made["id"].as_i64().expect("an assignment")
}

async fn apps_of(world: &World, serial: &str) -> Value {
    world.virtual_device(serial).await["apps"].clone()
}

async fn removed(world: &World, bundle_id: &str) {
    for serial in serials(0..2) {
        let install = world.until_install(&serial, "removed").await;
        assert_eq!(install["bundle_id"], bundle_id, "{install}");
        assert_eq!(apps_of(world, &serial).await, json!({}));
    }
}

async fn an_app_that_is_unassigned_goes_from_the_ipad_and_its_license_comes_back(profile: Profile) {
    let (world, token, assignment, bundle_id) = world_with_app(profile, &json!({})).await;
    let _ = world.api.send(Method::DELETE, &format!("/assignments/{assignment}"), None).await.with(200);
    world.until_held(&token, 0).await;
    removed(&world, &bundle_id).await;
    world.must_be_clean().await;
}

async fn the_uninstall_intent_removes_the_app_and_frees_the_license(profile: Profile) {
    let (world, token, assignment, bundle_id) = world_with_app(profile, &json!({})).await;
    let change = json!({ "intent": "uninstall" });
    let _ =
        world.api.send(Method::PATCH, &format!("/assignments/{assignment}"), Some(&change)).await.with(200);
    world.until_held(&token, 0).await;
    removed(&world, &bundle_id).await;
}

async fn a_mac_keeps_its_app_unless_a_policy_says_otherwise(profile: Profile) {
    let (world, token, assignment, bundle_id) =
        world_with_app(profile, &json!({ "model": "MacBookPro18,3", "os_version": "15.1" })).await;
    let _ = world.api.send(Method::DELETE, &format!("/assignments/{assignment}"), None).await.with(200);
    world.until_held(&token, 0).await;
    for serial in serials(0..2) {
        assert!(apps_of(&world, &serial).await[&bundle_id].is_object());
    }
    assert_eq!(world.api.list("/installs").await, Vec::<Value>::new());
    let policy = json!({ "on_unassign_macos": "free_and_remove" });
    let _ = world
        .api
        .send(Method::PATCH, &format!("/tokens/{}/policies", token.id), Some(&policy))
        .await
        .with(200);
    let assignment = assign(&world, &token, "required").await;
    world.until_held(&token, 2).await;
    let _ = world.api.send(Method::DELETE, &format!("/assignments/{assignment}"), None).await.with(200);
    world.until_held(&token, 0).await;
    removed(&world, &bundle_id).await;
}

async fn an_app_that_is_wanted_again_is_not_removed(profile: Profile) {
    let (world, token, assignment, _) = world_with_app(profile, &json!({})).await;
    // Nothing reaches the devices: the connector is parked, and the removal waits.
    let parked = json!({ "state": "parked" });
    let _ = world.api.send(Method::PATCH, "/connectors/nano", Some(&parked)).await.with(200);
    let _ = world.api.send(Method::DELETE, &format!("/assignments/{assignment}"), None).await.with(200);
    world.until_held(&token, 0).await;
    world.until_install(&serials(0..1)[0], "ready").await;
    let body = json!({ "token": token.id, "serials": serials(0..2), "apps": [{ "adam_id": app(1) }], "install": true });
    let _ = world.api.post("/gate", &body).await.with(202);
    world.until_held(&token, 2).await;
    eventually("the removals to be called off", async || {
        let installs = world.api.list("/installs").await;
        let off = installs.iter().filter(|install| install["code"] == "wanted_again").count();
        if off == 2 { Ok(()) } else { Err(json!(installs).to_string()) }
    })
    .await;
}

async fn an_app_goes_with_a_license_that_a_job_takes_back_and_not_while_the_brakes_hold_it(profile: Profile) {
    let (world, token, assignment, bundle_id) = world_with_app(profile, &json!({})).await;
    // The licenses stay when the assignment goes, and a job takes them back.
    let policies = format!("/tokens/{}/policies", token.id);
    let keep = json!({ "on_unassign_ios": "keep", "brake_revocations": 1 });
    let _ = world.api.send(Method::PATCH, &policies, Some(&keep)).await.with(200);
    let _ = world.api.send(Method::DELETE, &format!("/assignments/{assignment}"), None).await.with(200);
    let mut job = token.revoke(&[app(1)], &serials(0..2), &[]);
    job["remove_app"] = json!(true);
    let plan =
        world.api.post("/plans", &json!({ "act": { "kind": "submit_job", "job": job } })).await.with(200);
    assert_eq!(plan["apps"][0]["revokes"], 2, "{plan}");
    assert!(plan["notes"].to_string().contains("2 apps are to go"), "{plan}");
    let made = world.api.post("/jobs", &job).await.with(202);
    assert_eq!(made["progress"]["held"], 2, "{made}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.api.list("/installs").await, Vec::<Value>::new(), "nobody has agreed");
    let second = world.another_key("second", &["--role", "operator"]);
    let _ = second.post(&format!("/jobs/{}/approve", made["id"]), &json!({})).await.with(202);
    world.until_held(&token, 0).await;
    removed(&world, &bundle_id).await;
    // With licenses that are given there is nothing to remove.
    job["kind"] = json!("assign_license");
    assert_eq!(world.api.post("/jobs", &job).await.problem().0, "invalid_field");
}
