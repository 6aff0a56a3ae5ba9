//! What Apple has differs from what should be: it is found by class, told, and mended as the policies or people say.

use reqwest::Method;
use russet_tests::{Profile, Token, World, app, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    n_18_what_nothing_here_gave_is_told_and_taken_back_when_somebody_says_so,
    n_16_licenses_of_devices_that_nobody_knows_are_told_and_taken_back_after_a_sync_if_the_policy_says_so,
    what_others_took_back_is_only_told_where_the_policy_says_so,
    people_see_what_differs_on_the_command_line,
    what_cannot_be_mended_is_refused_in_words,
);

/// A location with two apps and ten devices in a group that is to have the first.
async fn school(profile: Profile) -> (World, Token) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    let rows: String = serials(0..10)
        .iter()
        .map(|serial| format!("{}\n", json!({ "serial": serial, "platform": "ios" })))
        .collect();
    let _ = world.api.upload("/devices/import", "application/x-ndjson", rows).await.with(200);
    let _ = world.api.post("/groups", &json!({ "name": "5b", "kind": "devices" })).await.with(200);
    let members = json!({ "members": serials(0..10) });
    let _ = world.api.send(Method::PUT, "/groups/5b/members", Some(&members)).await.with(200);
    let wish = json!({ "token": token.id, "adam_id": app(1), "group": "5b", "intent": "required" });
    let _ = world.api.post("/assignments", &wish).await.with(201);
    world.until_held(&token, 10).await;
    (world, token)
}

async fn decide(world: &World, token: &Token, name: &str, value: &str) {
    let path = format!("/tokens/{}/policies", token.id);
    let _ = world.api.send(Method::PATCH, &path, Some(&json!({ name: value }))).await.with(200);
}

/// How many licenses are in each class that has any.
async fn classes(world: &World, token: &Token) -> Value {
    let all = world.api.get(&format!("/tokens/{}/drift", token.id)).await;
    let counts = all.as_array().expect("classes").iter().filter(|class| class["count"] != 0);
    counts
        .map(|class| (class["class"].as_str().expect("a name").to_owned(), class["count"].clone()))
        .collect()
}

async fn fix(world: &World, token: &Token, class: &str) -> Value {
    world.api.post(&format!("/tokens/{}/drift/{class}/fix", token.id), &json!({})).await.with(202)
}

async fn n_18_what_nothing_here_gave_is_told_and_taken_back_when_somebody_says_so(profile: Profile) {
    let (world, token) = school(profile).await;
    world.succeed(&token.assign(&[app(2)], &serials(0..3), &[])).await;
    world.apple.assign(&token.uid, &app(2), &serials(5..9)).await;
    world.succeed(&token.full_sync()).await;
    world.succeed(&token.full_sync()).await;
    world.until_held(&token, 17).await;
    assert_eq!(classes(&world, &token).await, json!({ "foreign": 4 }), "none is taken unasked");

    let path = format!("/tokens/{}/drift/foreign", token.id);
    let rows = world.api.list(&path).await;
    let found: Vec<&str> = rows.iter().filter_map(|row| row["serial"].as_str()).collect();
    assert_eq!(found, serials(5..9), "what jobs and assignments gave is ours");
    assert!(rows.iter().all(|row| row["adam_id"] == app(2) && row["can_fix"] == true), "{rows:?}");

    decide(&world, &token, "drift_foreign", "ask").await;
    let all = world.api.get(&format!("/tokens/{}/drift", token.id)).await;
    let foreign = all.as_array().expect("classes").iter().find(|class| class["class"] == "foreign");
    assert_eq!(foreign.map(|class| &class["awaits_decision"]), Some(&json!(true)), "{all}");

    // Somebody decides, and decides twice.
    let before = world.apple.requests(&token.uid, "disassociate").await;
    let once = async || {
        world.api.once("decided", Method::POST, &format!("{path}/fix"), Some(&json!({}))).await.with(202)
    };
    let fixed = once().await;
    assert_eq!((&fixed["licenses"], &fixed["complete"]), (&json!(4), &json!(true)), "{fixed}");
    assert_eq!(once().await, fixed);
    let job = world.end_of(fixed["jobs"][0].as_i64().expect("a job")).await;
    world.must_have_succeeded(&job);
    world.until_held(&token, 13).await;
    assert_eq!(world.apple.requests(&token.uid, "disassociate").await - before, 1);
    assert_eq!(classes(&world, &token).await, json!({}));
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn n_16_licenses_of_devices_that_nobody_knows_are_told_and_taken_back_after_a_sync_if_the_policy_says_so(
    profile: Profile,
) {
    let (world, token) = school(profile).await;
    world.succeed(&token.assign(&[app(2)], &serials(40..43), &[])).await;
    assert_eq!(classes(&world, &token).await, json!({ "orphan": 3 }));
    world.succeed(&token.full_sync()).await;
    assert_eq!(classes(&world, &token).await, json!({ "orphan": 3 }), "they are told alone");

    decide(&world, &token, "drift_orphan", "fix").await;
    world.succeed(&token.full_sync()).await;
    world.until_held(&token, 10).await;
    let jobs = world.api.list(&format!("/jobs?token={}&kind=revoke_license", token.id)).await;
    assert_eq!((jobs.len(), &jobs[0]["origin"]), (1, &json!("drift")), "{jobs:?}");
    assert_eq!(jobs[0]["args"]["drift"], "orphan", "{jobs:?}");
    world.succeed(&token.full_sync()).await;
    let jobs = world.api.list(&format!("/jobs?token={}&kind=revoke_license", token.id)).await;
    assert_eq!(jobs.len(), 1, "nothing is left to be done: {jobs:?}");
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn what_others_took_back_is_only_told_where_the_policy_says_so(profile: Profile) {
    let (world, token) = school(profile).await;
    decide(&world, &token, "drift_missing", "report").await;
    world.apple.unassign(&token.uid, &app(1), &serials(0..4)).await;
    world.succeed(&token.full_sync()).await;
    let _ = world.api.post(&format!("/tokens/{}/reconcile", token.id), &json!({})).await.with(202);
    world.succeed(&token.full_sync()).await;
    world.until_held(&token, 6).await;
    assert_eq!(classes(&world, &token).await, json!({ "missing": 4 }));
    let why = world.api.get(&format!("/explain?adam_id={}&serial={}", app(1), serials(0..1)[0])).await;
    let outlook = why["items"][0]["outlook"].as_str().unwrap_or_default();
    assert!(outlook.contains("`drift_missing` is `report`"), "{why}");

    assert_eq!(fix(&world, &token, "missing").await["licenses"], 4);
    world.until_held(&token, 10).await;
    // By default it is mended with the next sync.
    decide(&world, &token, "drift_missing", "fix").await;
    world.apple.unassign(&token.uid, &app(1), &serials(2..5)).await;
    world.succeed(&token.full_sync()).await;
    world.until_held(&token, 10).await;
    assert_eq!(classes(&world, &token).await, json!({}));
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn people_see_what_differs_on_the_command_line(profile: Profile) {
    let (world, token) = school(profile).await;
    world.apple.assign(&token.uid, &app(2), &serials(5..7)).await;
    world.succeed(&token.full_sync()).await;
    let seen = world.command(&["drift", "north"]).good().to_owned();
    let line = seen.lines().find(|line| line.starts_with("foreign")).expect("a line");
    assert!(line.contains(" 2 ") && line.contains("report"), "{seen}");
    let seen = world.command(&["drift", "north", "foreign"]).good().to_owned();
    assert!(seen.contains(&serials(5..6)[0]) && seen.contains(&app(2)), "{seen}");
    let seen = world.command(&["drift", "north", "foreign", "--fix"]).good().to_owned();
    assert!(seen.contains("licenses"), "{seen}");
    world.until_held(&token, 10).await;
    world.must_be_clean().await;
}

async fn what_cannot_be_mended_is_refused_in_words(profile: Profile) {
    let (world, token) = school(profile).await;
    for class in ["stuck", "irrevocable"] {
        let path = format!("/tokens/{}/drift/{class}/fix", token.id);
        let (code, detail) = world.api.post(&path, &json!({})).await.problem();
        assert!(code == "no_remedy" && detail.contains(class), "{code}: {detail}");
    }
    let path = format!("/tokens/{}/drift/lost", token.id);
    let answer = world.api.send(Method::GET, &path, None).await;
    let (code, detail) = answer.problem();
    assert!(code == "no_such_class" && detail.contains("lost"), "{code}: {detail}");
    world.must_be_clean().await;
}
