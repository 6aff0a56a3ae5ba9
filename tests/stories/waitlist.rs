//! More is wanted than is owned: who waits, in which order, and when the waiting ends.

use reqwest::Method;
use russet_tests::{Profile, Setup, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    s_37_the_first_get_a_license_and_the_rest_waits_until_some_are_bought_or_come_back,
    s_37_without_a_waitlist_the_rest_fails,
    the_more_urgent_are_ahead_and_then_the_older,
    nobody_gets_a_license_before_somebody_ahead_in_the_line,
    a_job_waits_if_it_says_so_and_leaves_the_line_when_it_is_cancelled,
    who_leaves_the_group_leaves_the_line,
    people_see_the_line_on_the_command_line,
    the_last_licenses_are_kept_from_the_line_and_given_to_jobs_of_their_own,
);

/// A location with so many licenses of one app, and twenty devices.
async fn school(profile: Profile, licenses: usize) -> (World, Token) {
    let world = World::start(Setup::of(profile)).await;
    let location = world.apple.location("North", 2, licenses, 0).await;
    let token = world.token(&location, "north").await;
    let rows: String = serials(0..20)
        .iter()
        .map(|serial| format!("{}\n", json!({ "serial": serial, "platform": "ios" })))
        .collect();
    let _ = world.api.upload("/devices/import", "application/x-ndjson", rows).await.with(200);
    (world, token)
}

async fn assign(world: &World, token: &Token, group: &str, members: &[String], priority: i64) -> Value {
    let _ = world.api.post("/groups", &json!({ "name": group, "kind": "devices" })).await.with(200);
    replace(world, group, members).await;
    let body = json!({
        "token": token.id, "adam_id": app(1), "group": group, "intent": "required", "priority": priority,
    });
    world.api.post("/assignments", &body).await.with(201)
}

async fn replace(world: &World, group: &str, members: &[String]) {
    let body = json!({ "members": members });
    let _ = world.api.send(Method::PUT, &format!("/groups/{group}/members"), Some(&body)).await.with(200);
}

/// Waits until exactly these wait for the app, in this order.
pub(crate) async fn line(world: &World, wanted: &[String]) -> Vec<Value> {
    eventually(&format!("{wanted:?} to wait"), async || {
        let line = world.api.list(&format!("/waitlist?adam_id={}", app(1))).await;
        let found: Vec<&str> = line.iter().filter_map(|entry| entry["serial"].as_str()).collect();
        if found == wanted { Ok(line) } else { Err(format!("{found:?}")) }
    })
    .await
}

/// Waits until exactly these hold the app, here and at Apple.
pub(crate) async fn held(world: &World, token: &Token, wanted: &[String]) {
    let wanted: Vec<String> = wanted.iter().map(|serial| format!("device {serial}")).collect();
    eventually(&format!("{wanted:?} to hold it"), async || {
        let (here, there) = (world.held(token).await, world.apple.held(&token.uid).await);
        let names: Vec<&String> = there.iter().map(|(_, holder)| holder).collect();
        if here == there && names == wanted.iter().collect::<Vec<_>>() {
            Ok(())
        } else {
            Err(format!("{names:?}, {} here", here.len()))
        }
    })
    .await;
}

async fn pause(world: &World, kind: &str, act: &str) {
    let _ = world.api.post(&format!("/queue/kinds/{kind}/{act}"), &json!({})).await.good();
}

async fn s_37_the_first_get_a_license_and_the_rest_waits_until_some_are_bought_or_come_back(
    profile: Profile,
) {
    let (world, token) = school(profile, 6).await;
    assign(&world, &token, "5b", &serials(0..10), 0).await;
    let waiting = line(&world, &serials(6..10)).await;
    held(&world, &token, &serials(0..6)).await;
    for (place, entry) in waiting.iter().enumerate() {
        assert_eq!((&entry["place"], &entry["waiting"]), (&json!(place + 1), &json!(4)), "{entry}");
    }
    let reason = waiting[1]["reason"].as_str().expect("a reason");
    assert!(reason.contains("all 6 licenses are in use; 1 is ahead"), "{reason}");

    // Three are bought: the first three of the line get them, in one request.
    let before = world.apple.requests(&token.uid, "associate").await;
    world.apple.buy(&token.uid, &app(1), 3).await;
    held(&world, &token, &serials(0..9)).await;
    assert_eq!(world.apple.requests(&token.uid, "associate").await - before, 1);
    line(&world, &serials(9..10)).await;

    // One comes back: the last one gets it, and the job is done.
    replace(&world, "5b", &serials(1..10)).await;
    held(&world, &token, &serials(1..10)).await;
    line(&world, &[]).await;
    eventually("all jobs to have ended", async || {
        let open = world.api.list("/jobs?state=running").await;
        if open.is_empty() { Ok(()) } else { Err(format!("{open:?}")) }
    })
    .await;
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn s_37_without_a_waitlist_the_rest_fails(profile: Profile) {
    let (world, token) = school(profile, 2).await;
    let policies = format!("/tokens/{}/policies", token.id);
    let decide = async |value: Value| {
        let body = json!({ "waitlist": value });
        let _ = world.api.send(Method::PATCH, &policies, Some(&body)).await.with(200);
    };
    decide(json!("off")).await;
    assign(&world, &token, "5b", &serials(0..5), 0).await;
    held(&world, &token, &serials(0..2)).await;
    let path = format!("/jobs?token={}&kind=assign_license&state=partly_failed", token.id);
    let job = eventually("the job to fail in part", async || {
        let jobs = world.api.list(&path).await;
        jobs.first().cloned().ok_or_else(|| "no such job".to_owned())
    })
    .await;
    assert_eq!(job["progress"]["refused"], 3, "{job}");
    line(&world, &[]).await;
    let mut wait = token.assign(&[app(1)], &serials(7..8), &[]);
    wait["if_none_free"] = json!("wait");
    let (code, detail) = world.api.post("/jobs", &wait).await.problem();
    assert!(code == "invalid_field" && detail.contains("waitlist"), "{code}: {detail}");

    // Turned on, they wait; turned off, they fail.
    decide(Value::Null).await;
    line(&world, &serials(2..5)).await;
    decide(json!("off")).await;
    line(&world, &[]).await;
    held(&world, &token, &serials(0..2)).await;
    world.must_be_clean().await;
}

async fn the_more_urgent_are_ahead_and_then_the_older(profile: Profile) {
    let (world, token) = school(profile, 1).await;
    world.succeed(&token.assign(&[app(1)], &serials(19..20), &[])).await;
    let pupils = assign(&world, &token, "pupils", &serials(0..3), 0).await;
    line(&world, &serials(0..3)).await;
    assign(&world, &token, "board", &serials(5..7), 10).await;
    line(&world, &[serials(5..7), serials(0..3)].concat()).await;
    // Whoever is in both groups is as urgent as the more urgent one.
    replace(&world, "board", &serials(2..3)).await;
    line(&world, &[serials(2..3), serials(0..2)].concat()).await;
    // And another priority moves those who wait.
    replace(&world, "board", &serials(5..6)).await;
    line(&world, &[serials(5..6), serials(0..3)].concat()).await;
    let path = format!("/assignments/{}", pupils["id"]);
    let _ = world.api.send(Method::PATCH, &path, Some(&json!({ "priority": 20 }))).await.with(200);
    line(&world, &[serials(0..3), serials(5..6)].concat()).await;
    world.apple.buy(&token.uid, &app(1), 3).await;
    held(&world, &token, &[serials(0..3), serials(19..20)].concat()).await;
    line(&world, &serials(5..6)).await;
    world.must_be_clean().await;
}

async fn nobody_gets_a_license_before_somebody_ahead_in_the_line(profile: Profile) {
    let (world, token) = school(profile, 1).await;
    assign(&world, &token, "5b", &serials(0..3), 0).await;
    line(&world, &serials(1..3)).await;
    held(&world, &token, &serials(0..1)).await;
    // A license is there, and before anything looks at it, somebody new asks for one.
    pause(&world, "apply_changes", "pause").await;
    world.apple.buy(&token.uid, &app(1), 1).await;
    world.counts_agree(&token).await;
    let late = world.submit(&token.assign(&[app(1)], &serials(9..10), &[])).await;
    pause(&world, "apply_changes", "resume").await;
    let late = world.end_of(late).await;
    assert_eq!(late["progress"]["refused"], 1, "{late}");
    held(&world, &token, &serials(0..2)).await;
    line(&world, &serials(2..3)).await;
    world.must_be_clean().await;
}

async fn a_job_waits_if_it_says_so_and_leaves_the_line_when_it_is_cancelled(profile: Profile) {
    let (world, token) = school(profile, 1).await;
    let mut wish = token.assign(&[app(1)], &serials(0..3), &[]);
    wish["if_none_free"] = json!("wait");
    let first = world.submit(&wish).await;
    line(&world, &serials(1..3)).await;
    let job = world.api.get(&format!("/jobs/{first}")).await;
    assert_eq!(
        (&job["state"], &job["progress"]["settled"], &job["progress"]["waitlisted"]),
        (&json!("running"), &json!(1), &json!(2)),
        "{job}"
    );
    // One who does not wait is told at once, and a revocation has no line.
    let refused = world.end_of(world.submit(&token.assign(&[app(1)], &serials(5..6), &[])).await).await;
    assert_eq!(refused["progress"]["refused"], 1, "{refused}");
    let mut back = token.revoke(&[app(1)], &serials(0..1), &[]);
    back["if_none_free"] = json!("wait");
    assert_eq!(world.api.post("/jobs", &back).await.problem().0, "invalid_field");

    let _ = world.api.post(&format!("/jobs/{first}/cancel"), &json!({})).await.good();
    line(&world, &[]).await;
    let job = world.end_of(first).await;
    assert_eq!((&job["state"], &job["progress"]["cancelled"]), (&json!("partly_failed"), &json!(2)), "{job}");
    world.must_be_clean().await;
}

async fn who_leaves_the_group_leaves_the_line(profile: Profile) {
    let (world, token) = school(profile, 1).await;
    assign(&world, &token, "5b", &serials(0..4), 0).await;
    line(&world, &serials(1..4)).await;
    replace(&world, "5b", &[serials(0..2), serials(3..4)].concat()).await;
    line(&world, &[serials(1..2), serials(3..4)].concat()).await;
    // And who comes back is at its end.
    replace(&world, "5b", &serials(0..4)).await;
    line(&world, &[serials(1..2), serials(3..4), serials(2..3)].concat()).await;
    world.must_be_clean().await;
}

async fn people_see_the_line_on_the_command_line(profile: Profile) {
    let (world, token) = school(profile, 1).await;
    let devices = serials(0..3).join(",");
    let said = world.command(&[
        "assign",
        "--token",
        "north",
        "--app",
        &app(1),
        "--serial",
        &devices,
        "--if-none-free",
        "wait",
    ]);
    assert!(said.good().contains("1 settled, 2 waiting for a license"), "{said:?}");
    line(&world, &serials(1..3)).await;
    let shown = world.command(&["waitlist", "--token", "north", "--serial", &serials(2..3)[0]]);
    let shown = shown.good();
    assert!(shown.contains("the only license is in use; 1 is ahead"), "{shown}");
    world.apple.buy(&token.uid, &app(1), 2).await;
    held(&world, &token, &serials(0..3)).await;
    assert!(!world.command(&["waitlist"]).good().contains("C0STORY"));
}

async fn the_last_licenses_are_kept_from_the_line_and_given_to_jobs_of_their_own(profile: Profile) {
    let (world, token) = school(profile, 6).await;
    let keep = async |number: i64| {
        let body = json!({ "token": token.id, "adam_id": app(1), "keep": number });
        world.api.post("/reservations", &body).await.with(200)
    };
    assert_eq!(keep(2).await["reserved"], 2);
    assign(&world, &token, "5b", &serials(0..10), 0).await;
    let waiting = line(&world, &serials(4..10)).await;
    held(&world, &token, &serials(0..4)).await;
    let reason = waiting[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("the last 2 are kept"), "{reason}");
    // A job of its own gets one of them, and a license that comes back fills up what is kept.
    world.succeed(&token.assign(&[app(1)], &serials(15..16), &[])).await;
    world.succeed(&token.full_sync()).await;
    line(&world, &serials(4..10)).await;
    // With fewer kept, the head of the line is served at once.
    let told = world
        .command(&["app", "reserve", "--token", "north", "--app", &app(1), "--keep", "0"])
        .good()
        .to_owned();
    assert!(told.contains("reserved"), "{told}");
    held(&world, &token, &[serials(0..5), serials(15..16)].concat()).await;
    line(&world, &serials(5..10)).await;
    assert_eq!(
        world
            .api
            .post("/reservations", &json!({ "token": token.id, "adam_id": "1", "keep": 1 }))
            .await
            .problem()
            .0,
        "invalid_field"
    );
    world.must_be_clean().await;
}
