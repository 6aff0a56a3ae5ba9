//! Why a device or a user has an app or lacks it, and what would change that.

use reqwest::Method;
use russet_tests::{Profile, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    who_wanted_it_and_what_moved_it_is_told_with_what_would_take_it_away,
    whoever_lacks_it_is_told_why,
    what_is_kept_or_was_given_by_others_is_said,
    people_ask_on_the_command_line,
);

/// A location with two licenses of each of two apps, and a group of three devices that is to have the first app.
async fn school(profile: Profile) -> (World, Token) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 2, 1).await;
    let token = world.token(&location, "north").await;
    let rows: String = serials(0..6)
        .iter()
        .map(|serial| format!("{}\n", json!({ "serial": serial, "platform": "ios" })))
        .collect();
    let _ = world.api.upload("/devices/import", "application/x-ndjson", rows).await.with(200);
    let _ = world.api.post("/groups", &json!({ "name": "5b", "kind": "devices" })).await.with(200);
    let body = json!({ "members": serials(0..3) });
    let _ = world.api.send(Method::PUT, "/groups/5b/members", Some(&body)).await.with(200);
    let body = json!({ "token": token.id, "adam_id": app(1), "group": "5b", "intent": "required" });
    let _ = world.api.post("/assignments", &body).await.with(201);
    (world, token)
}

/// Waits until the holder stands so, and answers why.
async fn why(world: &World, adam_id: &str, holder: &str, state: &str) -> Value {
    let path = format!("/explain?adam_id={adam_id}&{holder}");
    eventually(&format!("{holder} to be {state}"), async || {
        let told = world.api.get(&path).await["items"][0].clone();
        if told["state"] == state { Ok(told) } else { Err(told.to_string()) }
    })
    .await
}

fn says(told: &Value, field: &str, part: &str) {
    assert!(told[field].as_str().is_some_and(|text| text.contains(part)), "{part:?} in {told}");
}

async fn who_wanted_it_and_what_moved_it_is_told_with_what_would_take_it_away(profile: Profile) {
    let (world, _) = school(profile).await;
    let told = why(&world, &app(1), &format!("serial={}", serials(0..1)[0]), "held").await;
    says(&told, "sentence", "assignment 1 gives it");
    says(&told, "outlook", "leaves the group");
    assert_eq!(told["assignments"][0]["holds"], true, "{told}");
    let change = &told["changes"][0];
    assert_eq!((&change["action"], &change["state"]), (&json!("assign"), &json!("settled")), "{told}");
    assert_eq!(change["origin"], "assignment", "{told}");
    let job = world.api.get(&format!("/jobs/{}", change["job"])).await;
    assert_eq!(job["kind"], "assign_license", "{job}");
    assert!(change["request"].is_i64() && change["event"].is_string(), "{told}");
    assert!(change["accepted_at"].is_string() && change["ended_at"].is_string(), "{told}");
}

async fn whoever_lacks_it_is_told_why(profile: Profile) {
    let (world, token) = school(profile).await;
    let third = format!("serial={}", serials(2..3)[0]);
    let told = why(&world, &app(1), &third, "waiting").await;
    says(&told, "sentence", "place 1 of 1");
    says(&told, "outlook", "next license");
    says(&why(&world, &app(2), &third, "lacking").await, "sentence", "in no group");
    says(&why(&world, &app(1), "serial=NEVERSEEN", "lacking").await, "sentence", "does not know it");
    // A job's refusal is told as well.
    let policies = format!("/tokens/{}/policies", token.id);
    let _ = world.api.send(Method::PATCH, &policies, Some(&json!({ "waitlist": "off" }))).await.with(200);
    let told = why(&world, &app(1), &third, "failed").await;
    says(&told, "outlook", "full sync");
    assert_eq!(told["changes"][0]["error"]["code"], "no_license_available", "{told}");
    // What does not exist is said, too.
    let answer = world.api.send(Method::GET, "/explain?adam_id=1&serial=C0", None).await;
    assert_eq!(answer.problem().0, "no_such_app");
    let answer = world.api.send(Method::GET, &format!("/explain?adam_id={}", app(1)), None).await;
    assert_eq!(answer.problem().0, "invalid_query");
}

async fn what_is_kept_or_was_given_by_others_is_said(profile: Profile) {
    let (world, token) = school(profile).await;
    let first = format!("serial={}", serials(0..1)[0]);
    why(&world, &app(1), &first, "held").await;
    let path = format!("/devices/{}/unenroll", serials(0..1)[0]);
    let _ = world.api.post(&path, &json!({})).await.good();
    eventually("the reason to be told", async || {
        let told = why(&world, &app(1), &first, "held").await;
        let is_told = told["sentence"].as_str().is_some_and(|text| text.contains("`on_unenroll`"));
        if is_told { Ok(()) } else { Err(told.to_string()) }
    })
    .await;
    world.apple.assign(&token.uid, &app(2), &serials(5..6)).await;
    world.succeed(&token.full_sync()).await;
    let told = why(&world, &app(2), &format!("serial={}", serials(5..6)[0]), "held").await;
    says(&told, "sentence", "found at Apple");
    world.succeed(&token.assign(&[app(2)], &[], &["user-1".to_owned()])).await;
    let told = why(&world, &app(2), "user=user-1", "held").await;
    says(&told, "sentence", "gave it");
    world.must_be_clean().await;
}

async fn people_ask_on_the_command_line(profile: Profile) {
    let (world, _) = school(profile).await;
    let serial = serials(0..1)[0].clone();
    why(&world, &app(1), &format!("serial={serial}"), "held").await;
    let said = world.command(&["why", "--app", &app(1), "--serial", &serial]);
    assert!(said.good().contains("assignment 1 gives it the app"), "{said:?}");
    assert!(said.good().contains("EVENT"), "{said:?}");
}
