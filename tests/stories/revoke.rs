//! Taking back without saying everything.

use reqwest::Method;
use russet_tests::{Profile, World, app, on_both_profiles, serials, users};
use serde_json::json;

on_both_profiles!(
    without_apps_all_that_the_holders_hold_is_taken_back,
    without_holders_all_of_the_apps_is_taken_back,
    what_is_assigned_and_revoked_at_once_ends_as_it_was_wished_last,
    members_of_a_group_get_and_give_back_together,
);

async fn without_apps_all_that_the_holders_hold_is_taken_back(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 4, 50, 5).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..10), &users(1..3))).await;
    world.succeed(&token.assign(&[app(3), app(4)], &serials(5..15), &[])).await;

    let ended = world.succeed(&token.revoke(&[], &serials(8..12), &users(1..2))).await;
    // Devices 8 and 9 hold four, 10 and 11 hold two, the user holds two.
    assert_eq!(ended["progress"]["total"], 14, "{ended}");
    let held = world.must_agree(&token).await;
    assert_eq!(held.len(), 24 + 20 - 14);
    assert!(
        held.iter().all(|(_, holder)| !serials(8..12).iter().any(|serial| holder.ends_with(serial.as_str())))
    );
    world.must_be_clean().await;
}

async fn without_holders_all_of_the_apps_is_taken_back(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 3, 50, 5).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1), app(2), app(3)], &serials(0..10), &users(1..3))).await;

    let ended = world.succeed(&token.revoke(&[app(1), app(3)], &[], &[])).await;
    assert_eq!(ended["progress"]["total"], 24, "{ended}");
    let held = world.must_agree(&token).await;
    assert_eq!(held.len(), 12);
    assert!(held.iter().all(|(app_held, _)| *app_held == app(2)), "{held:?}");
    world.must_be_clean().await;
}

async fn what_is_assigned_and_revoked_at_once_ends_as_it_was_wished_last(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let (assign, revoke) = (
        token.assign(&[app(1), app(2)], &serials(0..10), &[]),
        token.revoke(&[app(1), app(2)], &serials(0..10), &[]),
    );
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(world.submit(&assign).await);
        jobs.push(world.submit(&revoke).await);
    }
    let last = world.submit(&assign).await;
    for job in jobs {
        let ended = world.end_of(job).await;
        assert!(ended["progress"]["refused"] == 0, "a wish that was replaced is no failure: {ended}");
    }
    world.must_have_succeeded(&world.end_of(last).await);
    assert_eq!(world.must_agree(&token).await.len(), 20);
    world.must_be_clean().await;
}

async fn members_of_a_group_get_and_give_back_together(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    for serial in serials(0..4) {
        let _ = world.api.post("/devices", &json!({ "serial": serial, "platform": "ios" })).await.with(200);
    }
    for (name, members) in [("5a", serials(0..2)), ("5b", serials(1..4))] {
        let _ = world.api.post("/groups", &json!({ "name": name, "kind": "devices" })).await.with(200);
        let body = json!({ "members": members });
        let _ = world.api.send(Method::PUT, &format!("/groups/{name}/members"), Some(&body)).await.with(200);
    }
    let mut give = token.assign(&[app(1)], &serials(9..10), &[]);
    give["groups"] = json!(["5a", "5b"]);
    let ended = world.succeed(&give).await;
    assert_eq!((&ended["progress"]["total"], &ended["args"]["groups"]), (&json!(5), &json!(2)), "{ended}");
    world.succeed(&token.assign(&[app(2)], &serials(0..1), &[])).await;
    // Without apps, all that the members hold.
    let back = json!({ "kind": "revoke_license", "token": token.id, "groups": ["5a"] });
    let ended = world.succeed(&back).await;
    assert_eq!(ended["progress"]["total"], 3, "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 3);
    let said = world.command(&["revoke", "--token", "north", "--app", &app(1), "--group", "5b", "--dry-run"]);
    let _ = said.good();
    let said = world.command(&["revoke", "--token", "north", "--app", &app(1), "--group", "5b"]);
    assert!(said.good().contains("3 settled"), "{said:?}");
    let wrong = json!({ "kind": "revoke_license", "token": token.id, "groups": ["6c"] });
    let (code, detail) = world.api.post("/jobs", &wrong).await.problem();
    assert!(code == "no_such_group" && detail.contains("6c"), "{code}: {detail}");
    world.must_be_clean().await;
}
