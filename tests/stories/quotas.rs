//! An assignment allows only so many holders at a time: the rest waits for that, or fails, and holds nobody up.

use reqwest::Method;
use russet_tests::{Profile, Setup, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

use crate::waitlist::{held, line};

on_both_profiles!(
    above_the_quota_they_wait_though_licenses_are_free_and_hold_up_nobody_behind,
    s_37_without_a_waitlist_those_above_the_quota_fail_and_say_so,
    a_quota_is_changed_and_taken_away_on_the_command_line,
);

/// A location with thirty licenses of one app, and twenty devices.
async fn school(profile: Profile) -> (World, Token) {
    let world = World::start(Setup::of(profile)).await;
    let location = world.apple.location("North", 2, 30, 0).await;
    let token = world.token(&location, "north").await;
    let rows: String = serials(0..20)
        .iter()
        .map(|serial| format!("{}\n", json!({ "serial": serial, "platform": "ios" })))
        .collect();
    let _ = world.api.upload("/devices/import", "application/x-ndjson", rows).await.with(200);
    (world, token)
}

async fn group(world: &World, name: &str, members: &[String]) {
    let _ = world.api.post("/groups", &json!({ "name": name, "kind": "devices" })).await.with(200);
    replace(world, name, members).await;
}

async fn replace(world: &World, name: &str, members: &[String]) {
    let body = json!({ "members": members });
    let _ = world.api.send(Method::PUT, &format!("/groups/{name}/members"), Some(&body)).await.with(200);
}

fn wish(token: &Token, group: &str, quota: Option<i64>, priority: i64) -> Value {
    json!({
        "token": token.id, "adam_id": app(1), "group": group, "intent": "required", "quota": quota,
        "priority": priority,
    })
}

async fn above_the_quota_they_wait_though_licenses_are_free_and_hold_up_nobody_behind(profile: Profile) {
    let (world, token) = school(profile).await;
    group(&world, "5b", &serials(0..8)).await;
    group(&world, "board", &serials(10..13)).await;
    let act = json!({ "kind": "create_assignment", "assignment": wish(&token, "5b", Some(3), 10) });
    let plan = world.api.post("/plans", &json!({ "act": act })).await.with(200);
    let one = &plan["apps"][0];
    assert_eq!(
        (&one["assigns"], &one["over_quota"], &one["short"]),
        (&json!(8), &json!(5), &json!(0)),
        "{plan}"
    );
    assert!(plan["notes"].to_string().contains("quota of 3"), "{plan}");

    let made = world.api.post("/assignments", &wish(&token, "5b", Some(3), 10)).await.with(201);
    // The reason is that of the moment: it is asked for once the first three have theirs.
    held(&world, &token, &serials(0..3)).await;
    let waiting = line(&world, &serials(3..8)).await;
    let reason = waiting[1]["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("The quota of 3 of this assignment is used up; 1 is ahead.")
            && !reason.contains("No license is free"),
        "{reason}"
    );
    assert_eq!((&waiting[0]["quota"], &waiting[4]["place"]), (&json!(3), &json!(5)), "{waiting:?}");
    let path = format!("/explain?adam_id={}&serial={}", app(1), serials(4..5)[0]);
    let told = world.api.get(&path).await["items"][0].clone();
    let sentence = told["sentence"].as_str().unwrap_or_default();
    assert!(told["state"] == "waiting" && sentence.contains("quota of 3"), "{told}");
    let supply = world.api.list(&format!("/tokens/{}/supply?to_buy=true", token.id)).await;
    assert!(supply.is_empty(), "no purchase would help them: {supply:?}");

    // The less urgent are served past them, and one of their own is not.
    let _ = world.api.post("/assignments", &wish(&token, "board", None, 0)).await.with(201);
    held(&world, &token, &[serials(0..3), serials(10..13)].concat()).await;
    line(&world, &serials(3..8)).await;
    let own = world.end_of(world.submit(&token.assign(&[app(1)], &serials(15..16), &[])).await).await;
    world.must_have_succeeded(&own);

    // One gives his back: the next of the group gets it.
    replace(&world, "5b", &serials(1..8)).await;
    held(&world, &token, &[serials(1..4), serials(10..13), serials(15..16)].concat()).await;
    line(&world, &serials(4..8)).await;
    let seen = world.api.get(&format!("/assignments/{}", made["id"])).await;
    assert_eq!((&seen["quota"], &seen["quota_used"]), (&json!(3), &json!(3)), "{seen}");
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn s_37_without_a_waitlist_those_above_the_quota_fail_and_say_so(profile: Profile) {
    let (world, token) = school(profile).await;
    let path = format!("/tokens/{}/policies", token.id);
    let _ = world.api.send(Method::PATCH, &path, Some(&json!({ "waitlist": "off" }))).await.with(200);
    group(&world, "5b", &serials(0..5)).await;
    let made = world.api.post("/assignments", &wish(&token, "5b", Some(2), 0)).await.with(201);
    let path = format!("/jobs?token={}&kind=assign_license&state=partly_failed", token.id);
    let job = eventually("the job to fail in part", async || {
        let jobs = world.api.list(&path).await;
        jobs.first().cloned().ok_or_else(|| "no such job".to_owned())
    })
    .await;
    held(&world, &token, &serials(0..2)).await;
    let refused = world.api.list(&format!("/jobs/{}/changes?state=refused", job["id"])).await;
    assert_eq!(refused.len(), 3, "{job}");
    for change in &refused {
        assert_eq!(change["error"]["code"], "quota_used_up", "{change}");
    }
    line(&world, &[]).await;
    // With more allowed, they are tried again as the rest is.
    let path = format!("/assignments/{}", made["id"]);
    let _ = world.api.send(Method::PATCH, &path, Some(&json!({ "quota": 4 }))).await.with(200);
    world.succeed(&token.full_sync()).await;
    held(&world, &token, &serials(0..4)).await;
    world.must_be_clean().await;
}

async fn a_quota_is_changed_and_taken_away_on_the_command_line(profile: Profile) {
    let (world, token) = school(profile).await;
    group(&world, "5b", &serials(0..6)).await;
    let said = world.command(&[
        "assignment",
        "add",
        "--token",
        "north",
        "--app",
        &app(1),
        "--group",
        "5b",
        "--quota",
        "2",
    ]);
    assert!(said.good().contains("quota"), "{said:?}");
    line(&world, &serials(2..6)).await;
    held(&world, &token, &serials(0..2)).await;
    let shown = world.command(&["waitlist", "--token", "north"]).good().to_owned();
    assert!(shown.contains("The quota of 2 of this assignment is used up; next in line"), "{shown}");
    let id = world.api.list("/assignments").await[0]["id"].to_string();
    let _ = world.command(&["assignment", "change", &id, "--quota", "4"]).good();
    held(&world, &token, &serials(0..4)).await;
    line(&world, &serials(4..6)).await;
    // Lowered, nobody loses anything.
    let _ = world.command(&["assignment", "change", &id, "--quota", "1"]).good();
    let path = format!("/assignments/{id}");
    for wrong in [json!({ "quota": 0 }), json!({ "quota": "many" }), json!({ "intent": "uninstall" })] {
        let (code, detail) = world.api.send(Method::PATCH, &path, Some(&wrong)).await.problem();
        assert!(code == "invalid_field" && detail.contains("quota"), "{wrong}: {code}: {detail}");
    }
    held(&world, &token, &serials(0..4)).await;
    let _ = world.command(&["assignment", "change", &id, "--quota", "none"]).good();
    held(&world, &token, &serials(0..6)).await;
    line(&world, &[]).await;
    world.must_be_clean().await;
}
