//! Jobs, removals and the undoing of a job are planned before they are done.

use reqwest::Method;
use russet_tests::{Profile, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    what_a_job_did_is_undone_as_far_as_nothing_newer_was_wished,
    a_revocation_is_planned_with_its_brakes_and_done_as_planned,
    a_removal_is_planned_and_done_by_administrators,
    a_plan_tells_what_people_will_see,
    s_43_what_becomes_of_the_apps_of_revoked_licenses_is_told_by_platform,
);

async fn school(profile: Profile, devices: usize) -> (World, Token) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..devices), &[])).await;
    (world, token)
}

async fn plan(world: &World, act: &Value) -> Value {
    world.api.post("/plans", &json!({ "act": act })).await.with(200)
}

async fn apply(world: &World, act: &Value, plan: &Value) -> Value {
    world.api.post("/plans/apply", &json!({ "act": act, "hash": plan["hash"] })).await.with(200)
}

async fn what_a_job_did_is_undone_as_far_as_nothing_newer_was_wished(profile: Profile) {
    let (world, token) = school(profile, 12).await;
    let taken = world.succeed(&token.revoke(&[app(1)], &serials(0..10), &[])).await;
    let undo = json!({ "kind": "undo_job", "job": taken["id"] });
    let made = plan(&world, &undo).await;
    assert_eq!((&made["assigns"], &made["revokes"]), (&json!(10), &json!(0)), "{made}");
    world.until_held(&token, 2).await;

    // Somebody gives one of them back meanwhile: the plan is old, and that one is not touched.
    world.succeed(&token.assign(&[app(1)], &serials(0..1), &[])).await;
    let body = json!({ "act": undo, "hash": made["hash"] });
    assert_eq!(world.api.post("/plans/apply", &body).await.problem().0, "plan_outdated");
    let made = plan(&world, &undo).await;
    assert_eq!(made["assigns"], 9, "{made}");
    let done = apply(&world, &undo, &made).await;
    let job = world.end_of(done["jobs"][0].as_i64().expect("a job")).await;
    world.must_have_succeeded(&job);
    assert_eq!(job["args"]["undo_of"], taken["id"], "{job}");
    world.until_held(&token, 12).await;
    let (code, detail) = world.api.post("/plans", &json!({ "act": undo })).await.problem();
    assert!(code == "nothing_to_undo" && detail.contains("as it left it"), "{code}: {detail}");

    // The undoing is undone, on the command line.
    let id = job["id"].to_string();
    let told = world.command(&["plan", "undo", &id]).good().to_owned();
    assert!(told.contains("9 taken back"), "{told}");
    let hash = told.lines().find_map(|line| line.split_once("--apply ")).expect("a hash").1;
    let hash = hash.split_whitespace().next().expect("a hash");
    let done = world.command(&["plan", "undo", &id, "--apply", hash]).good().to_owned();
    assert!(done.contains("done"), "{done}");
    world.until_held(&token, 3).await;
    let sync = world.succeed(&token.full_sync()).await;
    let undo = json!({ "act": { "kind": "undo_job", "job": sync["id"] } });
    assert_eq!(world.api.post("/plans", &undo).await.problem().0, "nothing_to_undo");
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn a_revocation_is_planned_with_its_brakes_and_done_as_planned(profile: Profile) {
    let (world, token) = school(profile, 12).await;
    let path = format!("/tokens/{}/policies", token.id);
    let _ = world.api.send(Method::PATCH, &path, Some(&json!({ "brake_revocations": 5 }))).await.with(200);
    let all = json!({ "kind": "submit_job", "job": { "kind": "revoke_license", "token": token.id, "assets": [{ "adam_id": app(1) }] } });
    let made = plan(&world, &all).await;
    assert_eq!((&made["revokes"], &made["requests"]), (&json!(12), &json!(1)), "{made}");
    assert_eq!((&made["reasons"], &made["seconds"]), (&json!({ "job": 12 }), &json!(1)), "{made}");
    assert!(made["notes"].to_string().contains("brakes"), "{made}");
    assert!(world.api.list("/jobs?kind=revoke_license").await.is_empty(), "nothing is done");

    let few = json!({ "kind": "submit_job", "job": token.revoke(&[app(1)], &serials(0..5), &[]) });
    let made = plan(&world, &few).await;
    assert_eq!((&made["revokes"], &made["notes"]), (&json!(5), &json!([])), "{made}");
    let done = apply(&world, &few, &made).await;
    world.must_have_succeeded(&world.end_of(done["jobs"][0].as_i64().expect("a job")).await);
    world.until_held(&token, 7).await;
    let wrong =
        json!({ "act": { "kind": "submit_job", "job": { "kind": "revoke_license", "token": token.id } } });
    assert_eq!(world.api.post("/plans", &wrong).await.problem().0, "nothing_named");
    world.must_be_clean().await;
}

async fn a_removal_is_planned_and_done_by_administrators(profile: Profile) {
    let (world, token) = school(profile, 6).await;
    let act = |licenses: &str| json!({ "kind": "remove_token", "token": token.id, "licenses": licenses });
    let kept = plan(&world, &act("keep")).await;
    assert!(kept["revokes"] == 0 && kept["notes"].to_string().contains("6 licenses stay"), "{kept}");
    let made = plan(&world, &act("revoke_first")).await;
    assert_eq!((&made["revokes"], &made["reasons"]), (&json!(6), &json!({ "token_removed": 6 })), "{made}");
    assert_eq!(world.api.get(&format!("/tokens/{}", token.id)).await["removing"], false);
    let operator = world.another_key("operator", &["--role", "operator"]);
    let body = json!({ "act": act("revoke_first") });
    assert_eq!(operator.post("/plans", &body).await.problem().0, "role_forbids");

    apply(&world, &act("revoke_first"), &made).await;
    eventually("the token to be gone", async || {
        let answer = world.api.send(Method::GET, &format!("/tokens/{}", token.id), None).await;
        if answer.status == 404 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    assert!(world.apple.held(&token.uid).await.is_empty());
    world.must_be_clean().await;
}

async fn a_plan_tells_what_people_will_see(profile: Profile) {
    let (world, token) = school(profile, 1).await;
    for (serial, supervised) in serials(1..5).iter().zip([Some(true), Some(true), Some(false), None]) {
        let mut device = json!({ "serial": serial, "platform": "ios", "ownership": "corporate" });
        if let Some(supervised) = supervised {
            device["supervised"] = json!(supervised);
        }
        let _ = world.api.post("/devices", &device).await.with(200);
    }
    let act = json!({ "kind": "submit_job", "job": token.assign(&[app(1), app(2)], &serials(1..6), &[]) });
    let seen = plan(&world, &act).await["prompts"].clone();
    assert_eq!(
        (&seen["silent"], &seen["install"], &seen["unknown"]),
        (&json!(4), &json!(2), &json!(4)),
        "{seen}"
    );
    assert!(world.apple.held(&token.uid).await.len() == 1, "nothing is done");
    world.must_be_clean().await;
}

async fn s_43_what_becomes_of_the_apps_of_revoked_licenses_is_told_by_platform(profile: Profile) {
    let (world, token) = school(profile, 6).await;
    for (serial, platform) in serials(0..6).iter().zip(["macos", "macos", "macos", "ipados", "ios", "ios"]) {
        let device = json!({ "serial": serial, "platform": platform });
        let _ = world.api.post("/devices", &device).await.with(200);
    }
    let revoke =
        |devices| json!({ "kind": "submit_job", "job": token.revoke(&[app(1)], &serials(devices), &[]) });
    let macs = plan(&world, &revoke(0..2)).await;
    let notes = macs["notes"].to_string();
    assert!(notes.contains("2 licenses come back from Macs") && !notes.contains("iPads"), "{notes}");
    let both = plan(&world, &revoke(2..5)).await;
    let notes = both["notes"].to_string();
    assert!(notes.contains("1 licenses come back from Macs") && notes.contains("iPads"), "{notes}");
    apply(&world, &revoke(2..5), &both).await;
    world.until_held(&token, 3).await;
    world.must_be_clean().await;
}
