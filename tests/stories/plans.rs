//! What an act would do is told exactly, and done only if nothing has moved since.

use reqwest::Method;
use russet_tests::{Profile, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    a_plan_tells_what_an_assignment_would_do_and_does_nothing,
    a_plan_is_applied_as_it_was_made_and_refused_when_the_world_has_moved,
    a_plan_says_why_licenses_come_back_and_what_cannot_be_undone,
    a_plan_takes_nothing_back_from_who_waits_in_line,
    people_plan_and_apply_on_the_command_line,
);

async fn school(profile: Profile, total: usize) -> (World, Token) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, total, 0).await;
    let token = world.token(&location, "north").await;
    let rows: String = serials(0..20)
        .iter()
        .map(|serial| format!("{}\n", json!({ "serial": serial, "platform": "ios" })))
        .collect();
    let _ = world.api.upload("/devices/import", "application/x-ndjson", rows).await.with(200);
    let _ = world.api.post("/groups", &json!({ "name": "5b", "kind": "devices" })).await.with(200);
    members(&world, &serials(0..10)).await;
    (world, token)
}

async fn members(world: &World, members: &[String]) {
    let body = json!({ "members": members });
    let _ = world.api.send(Method::PUT, "/groups/5b/members", Some(&body)).await.with(200);
}

fn assignment(token: &Token) -> Value {
    json!({ "token": token.id, "adam_id": app(1), "group": "5b", "intent": "required" })
}

async fn plan(world: &World, act: &Value) -> Value {
    world.api.post("/plans", &json!({ "act": act })).await.with(200)
}

async fn a_plan_tells_what_an_assignment_would_do_and_does_nothing(profile: Profile) {
    let (world, token) = school(profile, 6).await;
    let act = json!({ "kind": "create_assignment", "assignment": assignment(&token) });
    let made = plan(&world, &act).await;
    assert_eq!(
        (&made["assigns"], &made["revokes"], &made["requests"]),
        (&json!(10), &json!(0), &json!(1)),
        "{made}"
    );
    let one = &made["apps"][0];
    assert_eq!(
        (&one["adam_id"], &one["free"], &one["short"]),
        (&json!(app(1)), &json!(6), &json!(4)),
        "{made}"
    );
    assert!(made["notes"][0].as_str().is_some_and(|note| note.contains("S-37")), "{made}");
    assert_eq!(made["first_assigns"].as_array().map(Vec::len), Some(10), "{made}");
    assert_eq!(plan(&world, &act).await["hash"], made["hash"], "the same world, the same plan");
    assert!(world.api.list("/assignments").await.is_empty());
    assert_eq!(world.api.list(&format!("/jobs?token={}&kind=assign_license", token.id)).await.len(), 0);
    assert!(world.apple.held(&token.uid).await.is_empty());
    // A rule speaks against it before anything is planned.
    let wrong = json!({ "token": token.id, "adam_id": app(1), "group": "5b", "intent": "available" });
    let act = json!({ "act": { "kind": "create_assignment", "assignment": wrong } });
    assert_eq!(world.api.post("/plans", &act).await.problem().0, "available_for_devices");
}

async fn a_plan_is_applied_as_it_was_made_and_refused_when_the_world_has_moved(profile: Profile) {
    let (world, token) = school(profile, 100).await;
    let act = json!({ "kind": "create_assignment", "assignment": assignment(&token) });
    let old = plan(&world, &act).await;
    members(&world, &serials(0..12)).await;
    let late = json!({ "act": act, "hash": old["hash"] });
    let (code, detail) = world.api.post("/plans/apply", &late).await.problem();
    assert!(code == "plan_outdated" && detail.contains("plan it again"), "{code}: {detail}");
    assert!(world.api.list("/assignments").await.is_empty());

    let new = plan(&world, &act).await;
    let apply = json!({ "act": act, "hash": new["hash"] });
    let done = world.api.once("plan-1", Method::POST, "/plans/apply", Some(&apply)).await.with(200);
    assert_eq!((&done["assigns"], &done["hash"]), (&json!(12), &new["hash"]), "{done}");
    world.until_held(&token, 12).await;
    // The same request again, such as after a lost answer, does nothing more.
    let again = world.api.once("plan-1", Method::POST, "/plans/apply", Some(&apply)).await.with(200);
    assert_eq!(again["hash"], done["hash"], "{again}");
    assert_eq!(world.api.list("/assignments").await.len(), 1);
    assert_eq!(
        world.apple.requests(&token.uid, "associate").await,
        new["requests"].as_u64().expect("a count")
    );
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn a_plan_says_why_licenses_come_back_and_what_cannot_be_undone(profile: Profile) {
    let (world, token) = school(profile, 100).await;
    let made = world.api.post("/assignments", &assignment(&token)).await.with(201);
    world.until_held(&token, 10).await;
    world.must_agree(&token).await;

    let leave =
        json!({ "kind": "change_members", "group": "5b", "remove": serials(0..3), "add": serials(10..11) });
    let told = plan(&world, &leave).await;
    assert_eq!((&told["assigns"], &told["revokes"]), (&json!(1), &json!(3)), "{told}");
    assert_eq!(told["reasons"], json!({ "left_group": 3 }), "{told}");
    assert_eq!((&told["remove_app"], &told["requests"]), (&json!(3), &json!(2)), "{told}");
    assert!(told["notes"][0].as_str().is_some_and(|note| note.contains("undone")), "{told}");

    let remove = json!({ "kind": "remove_assignment", "assignment": made["id"] });
    assert_eq!(plan(&world, &remove).await["reasons"], json!({ "unassigned": 10 }));
    let delete = json!({ "kind": "delete_device", "serial": serials(4..5)[0] });
    assert_eq!(plan(&world, &delete).await["reasons"], json!({ "deleted": 1 }));
    let nothing = plan(&world, &json!({ "kind": "reconcile", "token": token.id })).await;
    assert_eq!((&nothing["assigns"], &nothing["revokes"]), (&json!(0), &json!(0)), "{nothing}");

    let apply = json!({ "act": leave, "hash": told["hash"] });
    let _ = world.api.post("/plans/apply", &apply).await.with(200);
    world.until_held(&token, 8).await;
    world.must_agree(&token).await;
    world.must_be_clean().await;
}

async fn a_plan_takes_nothing_back_from_who_waits_in_line(profile: Profile) {
    let (world, token) = school(profile, 6).await;
    let made = world.api.post("/assignments", &assignment(&token)).await.with(201);
    world.until_held(&token, 6).await;
    let page = format!("/assignments/{}", made["id"]);
    eventually("four to wait in line", async || {
        let told = world.api.get(&page).await;
        if told["waiting"] == 4 { Ok(()) } else { Err(told.to_string()) }
    })
    .await;

    let told = plan(&world, &json!({ "kind": "remove_assignment", "assignment": made["id"] })).await;
    assert_eq!((&told["revokes"], &told["withdrawn"]), (&json!(6), &json!(4)), "{told}");
    assert_eq!((&told["remove_app"], &told["apps"][0]["revokes"]), (&json!(6), &json!(6)), "{told}");
    assert_eq!(told["reasons"], json!({ "unassigned": 6 }), "{told}");
    world.must_be_clean().await;
}

async fn people_plan_and_apply_on_the_command_line(profile: Profile) {
    let (world, token) = school(profile, 6).await;
    let act = ["plan", "assign", "--token", "north", "--app", &app(1), "--group", "5b"];
    let said = world.command(&act);
    assert!(said.good().contains("10 licenses are given and 0 taken back; requests to Apple: 1"), "{said:?}");
    assert!(said.good().contains("waits in line"), "{said:?}");
    assert!(world.api.list("/assignments").await.is_empty());
    let hash = plan(&world, &json!({ "kind": "create_assignment", "assignment": assignment(&token) })).await
        ["hash"]
        .clone();
    let hash = hash.as_str().expect("a hash");
    assert!(said.good().contains(hash), "{said:?}");
    let apply = |act: &[&str]| world.command(&[act, &["--apply", hash]].concat());
    let done = apply(&act);
    assert!(done.good().contains("done"), "{done:?}");
    world.until_held(&token, 6).await;
    let assignment = world.api.list("/assignments").await[0]["id"].to_string();
    let late = apply(&["plan", "unassign", &assignment]);
    assert!(late.code == Some(4) && late.stderr.contains("plan it again"), "{late:?}");
    let gone = world.command(&["plan", "unassign", &assignment]);
    assert!(gone.good().contains("because of unassigned"), "{gone:?}");
}
