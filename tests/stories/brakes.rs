//! More licenses are to be taken back than the brakes allow: nothing is, until somebody else agrees.

use reqwest::Method;
use russet_tests::{Profile, Token, World, app, eventually, on_both_profiles, serials, users};
use serde_json::{Value, json};

on_both_profiles!(
    what_is_beyond_the_brakes_is_held_until_a_second_key_approves_it,
    a_group_that_loses_everybody_by_mistake_costs_nobody_a_license,
    a_token_is_not_removed_before_somebody_agrees,
    small_pieces_do_not_get_round_the_brakes,
    people_see_and_approve_it_on_the_command_line,
    in_read_only_mode_everything_is_read_and_nothing_is_sent,
    one_command_stops_every_token_and_another_lets_them_go_on,
    users_who_are_retired_come_under_the_brakes_too,
);

/// A location with two apps; a number of devices hold the first.
async fn school(profile: Profile, devices: usize) -> (World, Token) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 200, 0).await;
    let token = world.token(&location, "north").await;
    if devices > 0 {
        world.succeed(&token.assign(&[app(1)], &serials(0..devices), &[])).await;
    }
    world.counts_agree(&token).await;
    (world, token)
}

async fn decide(world: &World, token: &Token, policies: Value) {
    let path = format!("/tokens/{}/policies", token.id);
    let _ = world.api.send(Method::PATCH, &path, Some(&policies)).await.with(200);
}

/// Waits for the only job that waits for an approval.
async fn waits(world: &World) -> Value {
    eventually("a job to wait for an approval", async || {
        let jobs = world.api.list("/jobs?held=true").await;
        if let [job] = &jobs[..] { Ok(job.clone()) } else { Err(format!("{jobs:?}")) }
    })
    .await
}

fn number(job: &Value) -> i64 {
    job["id"].as_i64().expect("a number")
}

async fn what_is_beyond_the_brakes_is_held_until_a_second_key_approves_it(profile: Profile) {
    let (world, token) = school(profile, 40).await;
    decide(&world, &token, json!({ "brake_revocations": 10 })).await;
    world.succeed(&token.revoke(&[app(1)], &serials(0..4), &[])).await;

    let made = world.api.post("/jobs", &token.revoke(&[app(1)], &serials(4..20), &[])).await.with(202);
    assert_eq!((&made["state"], &made["progress"]["held"]), (&json!("queued"), &json!(16)), "{made}");
    let note = made["notes"].to_string();
    assert!(
        note.contains("20 licenses") && note.contains("allows 10") && note.contains("/approve"),
        "{note}"
    );
    // Asked for again, it waits all the same.
    let again = world.api.post("/jobs", &token.revoke(&[app(1)], &serials(4..6), &[])).await.with(202);
    assert_eq!(again["progress"]["held"], 2, "{again}");
    // What stays below goes its way.
    world.succeed(&token.revoke(&[app(1)], &serials(30..33), &[])).await;
    world.until_held(&token, 33).await;

    let path = format!("/jobs/{}/approve", number(&made));
    let (code, detail) = world.api.post(&path, &json!({})).await.problem();
    assert!(code == "approval_needs_another_key" && detail.contains("another"), "{code}: {detail}");
    let viewer = world.another_key("viewer", &["--role", "viewer"]);
    assert_eq!(viewer.post(&path, &json!({})).await.problem().0, "role_forbids");
    let second = world.another_key("second", &["--role", "operator"]);
    let approved = second.post(&path, &json!({})).await.with(202);
    assert_eq!(approved["progress"]["held"], 0, "{approved}");
    world.must_have_succeeded(&world.end_of(number(&made)).await);
    world.must_have_succeeded(&world.end_of(number(&again)).await);
    world.until_held(&token, 17).await;
    assert_eq!(second.post(&path, &json!({})).await.problem().0, "nothing_to_approve");
    // What was approved counts for no brake.
    world.succeed(&token.revoke(&[app(1)], &serials(20..23), &[])).await;
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn a_group_that_loses_everybody_by_mistake_costs_nobody_a_license(profile: Profile) {
    let (world, token) = school(profile, 0).await;
    decide(&world, &token, json!({ "brake_percent": "50" })).await;
    let rows: String = serials(0..60)
        .iter()
        .map(|serial| format!("{}\n", json!({ "serial": serial, "platform": "ios" })))
        .collect();
    let _ = world.api.upload("/devices/import", "application/x-ndjson", rows).await.with(200);
    let _ = world.api.post("/groups", &json!({ "name": "all", "kind": "devices" })).await.with(200);
    let members = async |members: &[String]| {
        let body = json!({ "members": members });
        let _ = world.api.send(Method::PUT, "/groups/all/members", Some(&body)).await.with(200);
    };
    members(&serials(0..60)).await;
    let wish = json!({ "token": token.id, "adam_id": app(1), "group": "all", "intent": "required" });
    let _ = world.api.post("/assignments", &wish).await.with(201);
    world.until_held(&token, 60).await;
    world.counts_agree(&token).await;

    members(&[]).await;
    let job = waits(&world).await;
    assert_eq!((&job["progress"]["held"], &job["origin"]), (&json!(60), &json!("assignment")), "{job}");
    let why = world.api.get(&format!("/explain?adam_id={}&serial={}", app(1), serials(0..1)[0])).await;
    let sentence = why["items"][0]["sentence"].as_str().unwrap_or_default();
    assert!(sentence.contains("approve"), "{why}");
    // Nobody submitted it, so that it takes an administrator.
    let operator = world.another_key("operator", &["--role", "operator"]);
    let path = format!("/jobs/{}/approve", number(&job));
    assert_eq!(operator.post(&path, &json!({})).await.problem().0, "approval_needs_another_key");
    world.succeed(&token.full_sync()).await;
    assert_eq!(world.api.list("/jobs?held=true").await.len(), 1, "a run over everything asks for it once");

    // The group is put right: nothing has happened to anybody.
    members(&serials(0..60)).await;
    let ended = world.end_of(number(&job)).await;
    assert_eq!(
        (&ended["state"], &ended["progress"]["cancelled"]),
        (&json!("cancelled"), &json!(60)),
        "{ended}"
    );
    world.until_held(&token, 60).await;
    assert_eq!(world.apple.requests(&token.uid, "disassociate").await, 0);

    // Meant, it is approved.
    members(&[]).await;
    let job = waits(&world).await;
    let _ = world.api.post(&format!("/jobs/{}/approve", number(&job)), &json!({})).await.with(202);
    world.must_have_succeeded(&world.end_of(number(&job)).await);
    world.until_held(&token, 0).await;
    world.must_be_clean().await;
}

async fn a_token_is_not_removed_before_somebody_agrees(profile: Profile) {
    let (world, token) = school(profile, 30).await;
    decide(&world, &token, json!({ "brake_percent": 20 })).await;
    let path = format!("/tokens/{}?licenses=revoke_first", token.id);
    let removal = world.api.send(Method::DELETE, &path, None).await.with(202);
    let job = waits(&world).await;
    assert_eq!((number(&job), &job["progress"]["held"]), (number(&removal), &json!(30)), "{job}");
    world.until_held(&token, 30).await;
    // Called off, the token stays as it was.
    let _ = world.api.post(&format!("/jobs/{}/cancel", number(&job)), &json!({})).await.with(200);
    eventually("the token to stay", async || {
        let seen = world.api.get(&format!("/tokens/{}", token.id)).await;
        if seen["removing"] == false { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
    let _ = world.api.send(Method::DELETE, &path, None).await.with(202);
    let job = waits(&world).await;
    let second = world.another_key("second", &["--role", "operator"]);
    let _ = second.post(&format!("/jobs/{}/approve", number(&job)), &json!({})).await.with(202);
    eventually("the token to be gone", async || {
        let answer = world.api.send(Method::GET, &format!("/tokens/{}", token.id), None).await;
        if answer.status == 404 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    assert!(world.apple.held(&token.uid).await.is_empty());
    world.must_be_clean().await;
}

async fn small_pieces_do_not_get_round_the_brakes(profile: Profile) {
    let (world, token) = school(profile, 60).await;
    decide(&world, &token, json!({ "brake_percent": 50 })).await;
    for piece in 0..6 {
        let job = token.revoke(&[app(1)], &serials(piece * 10..piece * 10 + 10), &[]);
        let made = world.api.post("/jobs", &job).await.with(202);
        let is_held = made["progress"]["held"] == 10;
        assert_eq!(is_held, piece >= 3, "{piece}: {made}");
        if !is_held {
            world.must_have_succeeded(&world.end_of(number(&made)).await);
            world.counts_agree(&token).await;
        }
    }
    world.until_held(&token, 30).await;
    world.must_be_clean().await;
}

async fn people_see_and_approve_it_on_the_command_line(profile: Profile) {
    let (world, token) = school(profile, 8).await;
    let policy = world.command(&["assignment", "policy", "north", "brake_revocations=3"]).good().to_owned();
    assert!(
        policy.lines().any(|line| line.starts_with("brake_revocations") && line.contains(" 3 ")),
        "{policy}"
    );
    let second = world.another_key("second", &["--role", "operator"]);
    let made = second.post("/jobs", &token.revoke(&[app(1)], &serials(0..8), &[])).await.with(202);
    let id = number(&made).to_string();
    let listed = world.command(&["job", "list", "--held"]).good().to_owned();
    assert!(listed.lines().any(|line| line.starts_with(&id)), "{listed}");
    let shown = world.command(&["job", "show", &id]).good().to_owned();
    assert!(shown.contains("8 waiting for an approval"), "{shown}");
    let approved = world.command(&["job", "approve", &id]).good().to_owned();
    assert!(approved.contains("8 settled"), "{approved}");
    world.until_held(&token, 0).await;
    world.must_be_clean().await;
}

/// A group with a single device, which holds nothing.
async fn one_device(world: &World) {
    let serial = serials(9..10);
    let device = json!({ "serial": serial[0], "platform": "ios" });
    let _ = world.api.post("/devices", &device).await.with(200);
    let _ = world.api.post("/groups", &json!({ "name": "one", "kind": "devices" })).await.with(200);
    let body = json!({ "members": serial });
    let _ = world.api.send(Method::PUT, "/groups/one/members", Some(&body)).await.with(200);
}

/// How often Apple was asked to give or take something.
async fn writes(world: &World, token: &Token) -> u64 {
    let given = world.apple.requests(&token.uid, "associate").await;
    given + world.apple.requests(&token.uid, "disassociate").await
}

async fn in_read_only_mode_everything_is_read_and_nothing_is_sent(profile: Profile) {
    let (world, token) = school(profile, 4).await;
    decide(&world, &token, json!({ "read_only": "on" })).await;
    let before = writes(&world, &token).await;
    for job in [token.assign(&[app(2)], &serials(0..2), &[]), token.revoke(&[app(1)], &serials(0..2), &[])] {
        let (code, detail) = world.api.post("/jobs", &job).await.problem();
        assert!(code == "token_read_only" && detail.contains("read_only"), "{code}: {detail}");
    }
    let path = format!("/tokens/{}?licenses=revoke_first", token.id);
    assert_eq!(world.api.send(Method::DELETE, &path, None).await.problem().0, "token_read_only");
    one_device(&world).await;
    let wish = json!({ "token": token.id, "adam_id": app(1), "group": "one", "intent": "required" });
    let _ = world.api.post("/assignments", &wish).await.with(201);
    // What others do is seen.
    world.apple.assign(&token.uid, &app(2), &serials(30..33)).await;
    world.succeed(&token.full_sync()).await;
    world.until_held(&token, 7).await;
    assert_eq!(writes(&world, &token).await, before);

    // Turned off, what was wished for meanwhile is done.
    decide(&world, &token, json!({ "read_only": null })).await;
    world.until_held(&token, 8).await;
    world.succeed(&token.revoke(&[app(1)], &serials(0..2), &[])).await;
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn one_command_stops_every_token_and_another_lets_them_go_on(profile: Profile) {
    let (world, north) = school(profile, 4).await;
    let south = world.token(&world.apple.location("South", 2, 200, 0).await, "south").await;
    // It was decided for one of them that it writes; that counts for nothing meanwhile.
    decide(&world, &north, json!({ "read_only": "off" })).await;
    one_device(&world).await;

    let operator = world.another_key("operator", &["--role", "operator"]);
    let path = "/installation";
    let refused = operator.send(Method::PATCH, path, Some(&json!({ "read_only": true }))).await.problem();
    assert_eq!(refused.0, "role_forbids");
    let bound = world.another_key("bound", &["--role", "admin", "--token", &south.id.to_string()]);
    let refused = bound.send(Method::PATCH, path, Some(&json!({ "read_only": true }))).await.problem();
    assert_eq!(refused.0, "key_is_bound");
    let stopped = world.command(&["installation", "read-only", "on"]);
    assert!(stopped.good().contains("read_only") && stopped.good().contains("yes"), "{stopped:?}");

    for token in [&north, &south] {
        let before = writes(&world, token).await;
        let (code, detail) =
            world.api.post("/jobs", &token.assign(&[app(1)], &serials(5..6), &[])).await.problem();
        assert!(code == "installation_read_only" && detail.contains("read-only off"), "{code}: {detail}");
        let wish = json!({ "token": token.id, "adam_id": app(2), "group": "one", "intent": "required" });
        let _ = world.api.post("/assignments", &wish).await.with(201);
        world.succeed(&token.full_sync()).await;
        assert_eq!(writes(&world, token).await, before);
    }
    world.until_held(&north, 4).await;
    world.until_held(&south, 0).await;

    let _ = world.command(&["installation", "read-only", "off"]).good();
    world.until_held(&north, 5).await;
    world.until_held(&south, 1).await;
    let audit = world.api.list("/audit").await;
    let noted = audit.iter().filter(|entry| entry["action"] == "installation.change").count();
    assert_eq!(noted, 2, "{audit:?}");
    world.must_be_clean().await;
}

/// Retires a user; answers his job.
async fn retire(world: &World, token: &Token, user: &str) -> Value {
    let path = format!("/users/{user}?token={}", token.id);
    world.api.send(Method::DELETE, &path, None).await.with(202)["jobs"][0].clone()
}

async fn users_who_are_retired_come_under_the_brakes_too(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 200, 6).await;
    let token = world.token(&location, "north").await;
    let people = users(1..7);
    world.succeed(&token.assign(&[app(1), app(2)], &[], &people)).await;
    world.counts_agree(&token).await;
    decide(&world, &token, json!({ "brake_revocations": 5 })).await;

    // Two users with two licenses each are below; the third is not, one by one or not.
    for user in &people[..2] {
        let job = retire(&world, &token, user).await;
        world.must_have_succeeded(&world.end_of(number(&job)).await);
    }
    world.until_held(&token, 8).await;
    let job = retire(&world, &token, &people[2]).await;
    assert_eq!((&job["progress"]["held"], &job["state"]), (&json!(1), &json!("queued")), "{job}");
    let note = job["notes"].to_string();
    assert!(note.contains("6 licenses") && note.contains("allows 5") && note.contains("/approve"), "{note}");
    // Asked for again, he waits all the same; and a revocation counts what the users gave back.
    let again = retire(&world, &token, &people[2]).await;
    assert_eq!(again["progress"]["held"], 1, "{again}");
    let revoke = token.revoke(&[app(1)], &[], &people[3..5]);
    let made = world.api.post("/jobs", &revoke).await.with(202);
    assert_eq!(made["progress"]["held"], 2, "{made}");
    world.succeed(&token.full_sync()).await;
    world.until_held(&token, 8).await;
    assert_eq!(world.apple.requests(&token.uid, "disassociate").await, 0);
    let before = world.apple.requests(&token.uid, "retire_users").await;

    // Called off, he stays; asked for again, a second key lets him go.
    for job in [&job, &again, &made] {
        let _ = world.api.post(&format!("/jobs/{}/cancel", number(job)), &json!({})).await.with(200);
        assert_eq!(world.end_of(number(job)).await["state"], "cancelled");
    }
    let user = world.api.get(&format!("/users/{}?token={}", people[2], token.id)).await;
    assert_eq!(user["registrations"][0]["work"], "none", "{user}");
    let job = retire(&world, &token, &people[2]).await;
    let path = format!("/jobs/{}/approve", number(&job));
    assert_eq!(world.api.post(&path, &json!({})).await.problem().0, "approval_needs_another_key");
    assert_eq!(world.apple.requests(&token.uid, "retire_users").await, before);
    let second = world.another_key("second", &["--role", "operator"]);
    let _ = second.post(&path, &json!({})).await.with(202);
    world.must_have_succeeded(&world.end_of(number(&job)).await);
    world.until_held(&token, 6).await;
    world.must_agree(&token).await;
    world.must_be_clean().await;
}
