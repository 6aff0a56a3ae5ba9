//! What other hands do to users at Apple, and what Apple says of them by number.

use reqwest::Method;
use russet_tests::{Profile, Token, World, app, eventually, on_both_profiles, users};
use serde_json::{Value, json};

on_both_profiles!(
    a_user_whom_somebody_else_retired_is_registered_anew_by_a_change,
    retiring_one_whom_somebody_else_retired_is_done,
    what_passes_at_apple_is_tried_again_until_it_is_done,
    records_of_users_that_cannot_be_read_take_nobody_away,
);

/// The end of the only job of an answer.
async fn end(world: &World, answer: &Value) -> Value {
    world.end_of(answer["jobs"][0]["id"].as_i64().expect("a job")).await
}

async fn register(world: &World, token: &Token, id: &str) {
    let body = json!({ "token": token.id, "client_user_id": id, "email": "a@example.org" });
    let made = world.api.post("/users", &body).await.with(202);
    world.must_have_succeeded(&end(world, &made).await);
    until(world, token, id, "registered").await;
}

async fn until(world: &World, token: &Token, id: &str, status: &str) -> Value {
    eventually(&format!("{id} to be {status}"), async || {
        let person = world.api.get(&format!("/users/{id}?token={}", token.id)).await;
        let seen = person["registrations"][0].clone();
        if seen["status"] == status { Ok(seen) } else { Err(seen.to_string()) }
    })
    .await
}

/// Retires a user as another server with the same token could, without a word to us.
async fn retire_behind_our_back(world: &World, token: &Token, id: &str) {
    let lost = json!({ "on": { "endpoint": "notifications" }, "what": { "kind": "lost" } });
    let fault = world.apple.fault(&lost).await;
    let body = json!({ "users": [{ "clientUserId": id }] });
    world.apple.as_another_server(&token.content, Method::POST, "users/retire", &body).await;
    eventually("Apple to have retired the user", async || {
        let there = world.apple.users(&token.uid).await;
        let retired = |user: &&Value| user["client_user_id"] == id && user["status"] == "Retired";
        if there.iter().any(|user| retired(&user)) { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;
    world.apple.call_off(fault).await;
}

async fn a_user_whom_somebody_else_retired_is_registered_anew_by_a_change(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    register(&world, &token, "u1").await;
    retire_behind_our_back(&world, &token, "u1").await;

    // For us he is registered still, so that Apple is asked for a change, which it refuses.
    let patch = json!({ "email": "b@example.org" });
    let made = world.api.send(Method::PATCH, "/users/u1", Some(&patch)).await.with(202);
    world.must_have_succeeded(&end(&world, &made).await);
    assert_eq!(world.apple.requests(&token.uid, "update_users").await, 1);
    assert_eq!(world.apple.requests(&token.uid, "create_users").await, 2);
    let user = until(&world, &token, "u1", "registered").await;
    assert_eq!(user["email"], "b@example.org", "{user}");
    let there = world.apple.users(&token.uid).await;
    let active: Vec<&Value> = there.iter().filter(|user| user["status"] == "Registered").collect();
    assert_eq!((active.len(), &active[0]["email"]), (1, &json!("b@example.org")), "{there:?}");
    world.must_be_clean().await;
}

async fn retiring_one_whom_somebody_else_retired_is_done(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    register(&world, &token, "u1").await;
    retire_behind_our_back(&world, &token, "u1").await;
    let retire = async || world.api.once("retire-u1", Method::DELETE, "/users/u1", None).await.with(202);
    let gone = retire().await;
    world.must_have_succeeded(&end(&world, &gone).await);
    until(&world, &token, "u1", "retired").await;

    // The same request again, such as after a lost answer, is the same job.
    let again = retire().await;
    assert_eq!(again["jobs"][0]["id"], gone["jobs"][0]["id"], "{again}");
    // The other server's, and ours.
    assert_eq!(world.apple.requests(&token.uid, "retire_users").await, 2);
    world.must_be_clean().await;
}

async fn what_passes_at_apple_is_tried_again_until_it_is_done(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let token = world.token(&location, "north").await;
    let mut jobs = Vec::new();
    for (number, id) in [(9603, "u1"), (9644, "u2"), (9729, "u3")] {
        let fails = json!({ "kind": "event_fails", "error_number": number });
        let order = json!({ "on": { "endpoint": "create_users" }, "what": fails, "times": 1 });
        let fault = world.apple.fault(&order).await;
        let body = json!({ "token": token.id, "client_user_id": id });
        let made = world.api.post("/users", &body).await.with(202);
        eventually("the fault to have struck", async || match world.apple.struck(fault).await {
            0 => Err(format!("{number} has not come yet")),
            _ => Ok(()),
        })
        .await;
        jobs.push(made);
    }
    for (made, id) in jobs.iter().zip(["u1", "u2", "u3"]) {
        world.must_have_succeeded(&end(&world, made).await);
        until(&world, &token, id, "registered").await;
    }
    assert_eq!(world.apple.users(&token.uid).await.len(), 3);
    world.must_be_clean().await;
}

async fn records_of_users_that_cannot_be_read_take_nobody_away(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 12).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &[], &users(1..13))).await;
    let held = world.must_agree(&token).await;
    assert_eq!(held.len(), 12);

    for (endpoint, field) in
        [("users", "clientUserId"), ("assignments", "adamId"), ("assets", "pricingParam")]
    {
        let what = json!({ "kind": "spoil_records", "every": 2, "field": field, "value": { "new": true } });
        let fault = world.apple.fault(&json!({ "on": { "endpoint": endpoint }, "what": what })).await;
        let ended = world.end_of(world.submit(&token.full_sync()).await).await;
        assert!(world.apple.struck(fault).await > 0, "{endpoint} was read");
        // What could not be read is not taken for gone.
        assert_eq!(world.must_agree(&token).await, held, "after {endpoint}: {ended}");
        let known = world.api.list(&format!("/users?token={}&status=associated", token.id)).await;
        assert_eq!(known.len(), 12, "after {endpoint}: {ended}");
        assert_eq!(world.api.list(&format!("/assets?token={}", token.id)).await.len(), 2, "{ended}");
        world.apple.call_off(fault).await;
    }
    world.succeed(&token.full_sync()).await;
    assert_eq!(world.must_agree(&token).await, held);
    world.must_be_clean().await;
}
