//! What people do in Apple's portal ends a token or its rights, and what they do next mends it.

use reqwest::Method;
use russet_tests::{Profile, Setup, Token, World, app, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    a_changed_password_ends_a_token_until_a_new_one_is_put_in_its_place,
    when_its_owner_leaves_a_token_is_renewed_by_somebody_else,
    a_location_that_goes_to_apples_own_management_is_only_read_until_it_comes_back,
    a_legacy_token_is_replaced_by_one_of_its_location,
    a_token_downloaded_anew_ends_the_one_before_and_takes_its_place,
);

const ANN: &str = "ann@school.example";
const BEN: &str = "ben@school.example";

async fn probing(profile: Profile) -> World {
    let setup = Setup::of(profile)
        .setting("SCHEDULE__PROBE_TOKEN", "* * * * * *")
        .setting("SCHEDULE__SPREAD", "false");
    World::start(setup).await
}

async fn act(world: &World, method: Method, path: &str, body: &Value) -> Value {
    world.apple.control(method, path, body).await
}

/// A token that somebody downloads for a location.
async fn downloaded(world: &World, uid: &str, owner: &str) -> String {
    let made = act(world, Method::POST, &format!("locations/{uid}/tokens"), &json!({ "owner": owner })).await;
    made["content"].as_str().expect("a token").to_owned()
}

/// A location with Ann's token here, and five licenses given.
async fn north(world: &World) -> Token {
    let mut location = world.apple.location("North", 2, 100, 0).await;
    location.content = downloaded(world, &location.uid, ANN).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    token
}

async fn renew(world: &World, token: &Token, content: &str) {
    let path = format!("/tokens/{}/content", token.id);
    let renewed = world.api.send(Method::PUT, &path, Some(&json!({ "content": content }))).await.with(200);
    assert_eq!(renewed["id"], token.id, "{renewed}");
    world.state_of(token.id, "valid").await;
}

/// Nothing was lost on the way, and work goes on.
async fn must_work(world: &World, token: &Token) {
    world.succeed(&token.assign(&[app(2)], &serials(0..3), &[])).await;
    assert_eq!(world.must_agree(token).await.len(), 8);
    world.must_be_clean().await;
}

async fn a_changed_password_ends_a_token_until_a_new_one_is_put_in_its_place(profile: Profile) {
    let world = probing(profile).await;
    let token = north(&world).await;
    act(&world, Method::POST, "owners/password", &json!({ "owner": ANN })).await;
    let seen = world.state_of(token.id, "invalid").await;
    let detail = seen["state_detail"].as_str().unwrap_or_default();
    assert!(detail.contains("password") && detail.contains("renew"), "{seen}");
    let refused = world.api.post("/jobs", &token.assign(&[app(1)], &serials(0..1), &[])).await;
    assert_eq!(refused.problem(), ("token_not_usable".to_owned(), detail.to_owned()));
    let new = downloaded(&world, &token.uid, ANN).await;
    renew(&world, &token, &new).await;
    must_work(&world, &token).await;
}

async fn when_its_owner_leaves_a_token_is_renewed_by_somebody_else(profile: Profile) {
    let world = probing(profile).await;
    let token = north(&world).await;
    act(&world, Method::POST, "owners/leave", &json!({ "owner": ANN })).await;
    world.state_of(token.id, "invalid").await;
    let new = downloaded(&world, &token.uid, BEN).await;
    renew(&world, &token, &new).await;
    must_work(&world, &token).await;
}

async fn a_location_that_goes_to_apples_own_management_is_only_read_until_it_comes_back(profile: Profile) {
    let world = probing(profile).await;
    let token = north(&world).await;
    let path = format!("locations/{}/managed-by-apple", token.uid);
    act(&world, Method::PUT, &path, &json!({ "managed": true })).await;
    let ended = world.end_of(world.submit(&token.assign(&[app(2)], &serials(0..3), &[])).await).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    let seen = world.state_of(token.id, "read_only").await;
    assert_eq!(seen["state_code"], "managed_by_apple", "{seen}");
    world.succeed(&token.full_sync()).await;
    assert_eq!(world.must_agree(&token).await.len(), 5);

    act(&world, Method::PUT, &path, &json!({ "managed": false })).await;
    world.state_of(token.id, "valid").await;
    must_work(&world, &token).await;
}

async fn a_legacy_token_is_replaced_by_one_of_its_location(profile: Profile) {
    let world = probing(profile).await;
    let token = north(&world).await;
    world.apple.set_token_state(&token.content, "legacy").await;
    let seen = world.state_of(token.id, "legacy").await;
    assert_eq!(seen["state_code"], "legacy_token", "{seen}");
    let new = downloaded(&world, &token.uid, ANN).await;
    renew(&world, &token, &new).await;
    must_work(&world, &token).await;
}

async fn a_token_downloaded_anew_ends_the_one_before_and_takes_its_place(profile: Profile) {
    let world = probing(profile).await;
    let token = north(&world).await;
    world.apple.behave(&json!({ "new_token_ends_old": true })).await;
    let new = downloaded(&world, &token.uid, BEN).await;
    let seen = world.state_of(token.id, "invalid").await;
    assert!(seen["state_code"].is_string(), "{seen}");
    renew(&world, &token, &new).await;
    must_work(&world, &token).await;
}
