//! A location is taken from another MDM server by an order only, and each order is good for once.

use reqwest::Method;
use russet_tests::{Location, Profile, Setup, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    an_upload_that_orders_it_takes_the_location_and_a_later_theft_is_not_answered_by_itself,
    an_order_while_nobody_else_has_the_location_is_used_up,
    an_order_that_was_called_off_takes_nothing,
    an_order_called_off_while_it_is_carried_out_takes_nothing,
    an_order_that_waited_for_apple_is_carried_out_once,
    the_command_line_takes_a_location_and_tells_from_whom,
    a_take_over_is_ordered_of_the_older_of_two_tokens,
    a_worker_that_dies_after_apples_yes_has_left_a_record_of_who_was_there,
);

async fn probing(profile: Profile) -> World {
    let setup = Setup::of(profile)
        .setting("SCHEDULE__PROBE_TOKEN", "* * * * * *")
        .setting("SCHEDULE__SPREAD", "false");
    World::start(setup).await
}

/// Uploads the token of a location with an order to take it.
async fn upload_and_take(world: &World, location: &Location) -> Token {
    let body = json!({
        "name": "north", "content": location.content, "consent": true, "account_type": "business",
        "take_over": true,
    });
    let made = world.api.post("/tokens", &body).await.with(201);
    let id = made["id"].as_i64().expect("a token's number");
    Token { id, uid: location.uid.clone(), content: location.content.clone() }
}

async fn order(world: &World, token: &Token) -> Value {
    let path = format!("/tokens/{}/take-over", token.id);
    let job = world.api.post(&path, &json!({})).await.with(202);
    assert_eq!(job["kind"], "take_over_token", "{job}");
    world.end_of(job["id"].as_i64().expect("a job's number")).await
}

/// Waits until a good many looks have been taken at a location.
async fn some_looks(world: &World, uid: &str) {
    let before = world.apple.requests(uid, "client_config").await;
    eventually("some looks", async || {
        let now = world.apple.requests(uid, "client_config").await;
        if now >= before + 4 { Ok(()) } else { Err(format!("{before} and now {now}")) }
    })
    .await;
}

async fn an_upload_that_orders_it_takes_the_location_and_a_later_theft_is_not_answered_by_itself(
    profile: Profile,
) {
    let world = probing(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    world.apple.give_to_mdm(&location.uid, "Old").await;
    let token = upload_and_take(&world, &location).await;
    let seen = world.state_of(token.id, "valid").await;
    assert_eq!(seen["take_over"], false, "the order is used up: {seen}");
    let taken = &seen["take_overs"][0];
    assert_eq!(taken["taken_from"], json!({ "id": "id-of-Old", "name": "Old", "metadata": "other" }));
    assert!(taken["ordered_by"].as_str().is_some_and(|who| who.starts_with("key ")), "{seen}");
    assert!(taken["taken_at"].is_string(), "{seen}");
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Russet");
    world.succeed(&token.full_sync()).await;

    world.apple.give_to_mdm(&token.uid, "Thief").await;
    let seen = world.state_of(token.id, "assigned_to_external_mdm").await;
    assert_eq!(seen["other_mdm"]["name"], "Thief", "{seen}");
    some_looks(&world, &token.uid).await;
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Thief", "nobody ordered to take it back");
    let refused = world.api.post("/jobs", &token.assign(&[app(1)], &serials(0..1), &[])).await;
    assert_eq!(refused.problem().0, "token_not_usable");

    let ended = order(&world, &token).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(ended["result"]["taken_from"]["name"], "Thief", "{ended}");
    let seen = world.state_of(token.id, "valid").await;
    let names: Vec<&Value> = seen["take_overs"]
        .as_array()
        .map(|taken| taken.iter().map(|taken| &taken["taken_from"]["name"]).collect())
        .unwrap_or_default();
    assert_eq!(names, ["Thief", "Old"], "{seen}");
    world.succeed(&token.assign(&[app(1)], &serials(0..3), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 3);
    world.must_be_clean().await;
}

async fn an_order_while_nobody_else_has_the_location_is_used_up(profile: Profile) {
    let world = probing(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = upload_and_take(&world, &location).await;
    let seen = world.state_of(token.id, "valid").await;
    assert_eq!((&seen["take_over"], &seen["take_overs"]), (&json!(false), &json!([])), "{seen}");
    let ended = order(&world, &token).await;
    assert_eq!(
        (&ended["state"], &ended["result"]["taken_from"]),
        (&json!("succeeded"), &Value::Null),
        "{ended}"
    );

    world.apple.give_to_mdm(&token.uid, "Thief").await;
    world.state_of(token.id, "assigned_to_external_mdm").await;
    some_looks(&world, &token.uid).await;
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Thief");
    world.must_be_clean().await;
}

async fn an_order_that_was_called_off_takes_nothing(profile: Profile) {
    let world = probing(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    world.apple.give_to_mdm(&location.uid, "Old").await;
    let token = world.token_in_state(&location, "north", "assigned_to_external_mdm").await;
    let down = json!({ "on": { "endpoint": "any" }, "what": { "kind": "status", "status": 503 } });
    world.apple.fault(&down).await;

    let path = format!("/tokens/{}/take-over", token.id);
    let job = world.api.post(&path, &json!({})).await.with(202);
    let again = world.api.post(&path, &json!({})).await.with(202);
    assert_eq!(job["id"], again["id"], "one order waits");
    assert_eq!(world.api.get(&format!("/tokens/{}", token.id)).await["take_over"], true);
    let cancelled = world.api.post(&format!("/jobs/{}/cancel", job["id"]), &json!({})).await.with(200);
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    assert_eq!(world.api.get(&format!("/tokens/{}", token.id)).await["take_over"], false);
    world.apple.heal().await;
    some_looks(&world, &token.uid).await;
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Old");
    world.state_of(token.id, "assigned_to_external_mdm").await;
    world.must_be_clean().await;
}

async fn an_order_called_off_while_it_is_carried_out_takes_nothing(profile: Profile) {
    // Nobody else looks at the token, so that the order's own look is the one that is slow.
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    world.apple.give_to_mdm(&location.uid, "Old").await;
    let token = world.token_in_state(&location, "north", "assigned_to_external_mdm").await;
    nothing_runs(&world, &token).await;
    let slow = json!({ "on": { "endpoint": "client_config" }, "what": { "kind": "latency", "ms": 2_500 } });
    let fault = world.apple.fault(&slow).await;

    let job = world.api.post(&format!("/tokens/{}/take-over", token.id), &json!({})).await.with(202);
    eventually("the look at who has the location to be under way", async || {
        match world.apple.struck(fault).await {
            0 => Err("nobody has asked yet".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
    let cancelled = world.api.post(&format!("/jobs/{}/cancel", job["id"]), &json!({})).await.with(200);
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    // Had it gone on, it would have claimed the location with the second request and looked again with the third.
    nothing_runs(&world, &token).await;
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Old");
    let seen = world.state_of(token.id, "assigned_to_external_mdm").await;
    assert_eq!((&seen["take_over"], &seen["take_overs"]), (&json!(false), &json!([])), "{seen}");
    world.must_be_clean().await;
}

/// Waits until nothing of a token is being carried out any more.
async fn nothing_runs(world: &World, token: &Token) {
    eventually("the token's messages to have ended", async || {
        let running = world.api.list("/queue/running").await;
        if running.is_empty() { Ok(()) } else { Err(format!("of token {}: {running:?}", token.id)) }
    })
    .await;
}

async fn an_order_that_waited_for_apple_is_carried_out_once(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    world.apple.give_to_mdm(&location.uid, "Old").await;
    // The claim arrives at Apple, and its answer is lost: who was there before is known all the same.
    let lost = json!({ "on": { "endpoint": "any_write" }, "what": { "kind": "reset_after" }, "times": 1 });
    world.apple.fault(&lost).await;
    let token = upload_and_take(&world, &location).await;
    let seen = world.state_of(token.id, "valid").await;
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Russet");
    let taken = seen["take_overs"].as_array().cloned().unwrap_or_default();
    assert_eq!(taken.len(), 1, "{seen}");
    assert_eq!(taken[0]["taken_from"]["name"], "Old", "{seen}");
    world.must_be_clean().await;
}

async fn the_command_line_takes_a_location_and_tells_from_whom(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    world.apple.give_to_mdm(&location.uid, "Old").await;
    let token = world.token_in_state(&location, "north", "assigned_to_external_mdm").await;
    let (url, key) = (world.api.url().to_owned(), world.api.key().to_owned());
    let command = |arguments: &[&str]| {
        let environment = [("RUSSET_URL".to_owned(), url.clone()), ("RUSSET_KEY".to_owned(), key.clone())];
        russet_tests::russet(arguments, &environment)
    };
    let told = command(&["token", "take-over", "north"]);
    assert!(told.good().contains("taken from “Old”"), "{told:?}");
    let shown = command(&["token", "show", "north"]);
    assert!(shown.good().contains("taken from") && shown.stdout.contains("ordered by key"), "{shown:?}");
    world.state_of(token.id, "valid").await;
    world.must_be_clean().await;
}

async fn a_take_over_is_ordered_of_the_older_of_two_tokens(profile: Profile) {
    let world = World::of(profile).await;
    let mut location = world.apple.location("North", 2, 100, 0).await;
    let first = world.token(&location, "the first").await;
    location.content = world.apple.another_token(&location.uid).await;
    let second = world.token_in_state(&location, "the second", "duplicate").await;
    let refused = world.api.send(Method::POST, &format!("/tokens/{}/take-over", second.id), None).await;
    let (code, detail) = refused.problem();
    assert_eq!((refused.status, code.as_str()), (409, "token_duplicate"));
    assert!(detail.contains("the first"), "{detail}");

    // Whoever takes the location takes it from both, and both have it back.
    world.apple.give_to_mdm(&location.uid, "Rival").await;
    let _ = world.end_of(world.submit(&first.assign(&[app(1)], &serials(0..1), &[])).await).await;
    world.state_of(second.id, "assigned_to_external_mdm").await;
    world.state_of(first.id, "assigned_to_external_mdm").await;
    let ended = order(&world, &first).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    world.state_of(first.id, "valid").await;
    world.state_of(second.id, "duplicate").await;
    world.must_be_clean().await;
}

async fn a_worker_that_dies_after_apples_yes_has_left_a_record_of_who_was_there(profile: Profile) {
    let setup = Setup::of(profile).workers(1).setting("APPLE__TIMEOUT_MS", "25000");
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    world.apple.give_to_mdm(&location.uid, "Old").await;
    let token = world.token_in_state(&location, "north", "assigned_to_external_mdm").await;
    let hang = json!({ "kind": "timeout", "ms": 20_000, "processed": true });
    world.apple.fault(&json!({ "on": { "endpoint": "any_write" }, "what": hang, "times": 1 })).await;
    let job = world.api.post(&format!("/tokens/{}/take-over", token.id), &json!({})).await.with(202);
    eventually("Apple to have given us the location while the worker waits", async || {
        let mdm = world.apple.mdm_of(&token.uid).await;
        if mdm["name"] == "Russet" { Ok(()) } else { Err(mdm.to_string()) }
    })
    .await;
    if profile == Profile::Cluster {
        world.start_worker().await;
    }
    world.kill_oldest_worker();
    if profile == Profile::Single {
        world.start_worker().await;
    }

    let ended = world.end_of(job["id"].as_i64().expect("a job")).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(ended["result"]["taken_from"]["name"], "Old", "Apple alone no longer knows: {ended}");
    let seen = world.state_of(token.id, "valid").await;
    assert!(seen["take_overs"][0]["taken_at"].is_string(), "{seen}");
    world.must_be_clean().await;
}
