//! A pinned license never goes, whatever wants it to, before somebody unpins it.

use reqwest::Method;
use russet_tests::{Profile, World, app, eventually, on_both_profiles, serials};
use serde_json::json;

on_both_profiles!(a_pinned_license_never_goes_before_it_is_unpinned,);

async fn a_pinned_license_never_goes_before_it_is_unpinned(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 100, 0).await;
    let token = world.token(&location, "north").await;
    let rows: String = serials(0..5)
        .iter()
        .map(|serial| format!("{}\n", json!({ "serial": serial, "platform": "ios" })))
        .collect();
    let _ = world.api.upload("/devices/import", "application/x-ndjson", rows).await.with(200);
    let _ = world.api.post("/groups", &json!({ "name": "5b", "kind": "devices" })).await.with(200);
    let members = json!({ "members": serials(0..5) });
    let _ = world.api.send(Method::PUT, "/groups/5b/members", Some(&members)).await.with(200);
    let wish = json!({ "token": token.id, "adam_id": app(1), "group": "5b", "intent": "required" });
    let made = world.api.post("/assignments", &wish).await.with(201);
    let held = async |wanted: usize| {
        eventually(&format!("{wanted} licenses to be held"), async || {
            let (here, there) = (world.held(&token).await, world.apple.held(&token.uid).await);
            if here == there && there.len() == wanted { Ok(()) } else { Err(format!("{there:?}")) }
        })
        .await;
    };
    held(5).await;

    let kept = serials(2..3).remove(0);
    let license = json!({ "token": token.id, "adam_id": app(1), "serial": kept });
    let pinned = world.api.post("/pins", &license).await.with(200);
    assert_eq!(pinned, json!({ "pinned": true, "changed": true }));
    assert_eq!(world.api.post("/pins", &license).await.with(200)["changed"], false);
    let listed = world.command(&["pin", "list", "--token", "north"]).good().to_owned();
    assert!(listed.contains(&kept), "{listed}");

    // The assignment goes, a job wants it, drift is looked at, a full sync comes: it stays.
    let _ = world.api.send(Method::DELETE, &format!("/assignments/{}", made["id"]), None).await.good();
    held(1).await;
    let job =
        world.end_of(world.submit(&token.revoke(&[app(1)], std::slice::from_ref(&kept), &[])).await).await;
    assert_eq!((&job["state"], &job["progress"]["refused"]), (&json!("failed"), &json!(1)), "{job}");
    let changes = world.changes(job["id"].as_i64().expect("a number")).await;
    assert_eq!(changes[0]["error"]["code"], "pinned", "{changes:?}");
    world.succeed(&token.full_sync()).await;
    let drift = world.api.get(&format!("/tokens/{}/drift", token.id)).await;
    assert!(drift.as_array().expect("classes").iter().all(|class| class["can_fix"] == 0), "{drift}");
    held(1).await;

    let unpinned = world
        .command(&["pin", "remove", "--token", "north", "--app", &app(1), "--serial", &kept])
        .good()
        .to_owned();
    assert!(unpinned.contains("changed"), "{unpinned}");
    held(0).await;
    let nobody = json!({ "token": token.id, "adam_id": app(1) });
    assert_eq!(world.api.post("/pins", &nobody).await.problem().0, "invalid_field");
    world.must_be_clean().await;
}
