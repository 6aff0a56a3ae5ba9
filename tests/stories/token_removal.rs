//! A token is removed: with its licenses left where they are, or taken back first, and never by halves.

use reqwest::Method;
use russet_tests::{Profile, Setup, Token, World, app, eventually, on_both_profiles, serials, users};
use serde_json::{Value, json};

on_both_profiles!(
    what_can_never_be_taken_back_stops_a_removal_before_anything_is_done,
    what_can_never_be_taken_back_may_be_left_by_choice,
    licenses_that_only_apple_knows_of_are_taken_back_too,
    a_book_that_only_apple_knows_of_stops_a_removal,
    a_removal_that_cannot_read_the_location_takes_nothing_back,
    a_duplicate_takes_the_place_of_the_token_that_is_removed_and_is_synced_at_once,
    a_location_that_two_tokens_open_loses_no_license_with_one_of_them,
    a_removed_token_without_licenses_is_gone_at_once,
);

const BOOK: &str = "900000001";

/// A location with two apps and a book, which no one can take back.
async fn library(world: &World) -> Token {
    let location = world.apple.location("Library", 2, 100, 10).await;
    let book = json!([{
        "adam_id": BOOK, "product_type": "Book", "device_assignable": false, "revocable": false, "total": 50,
    }]);
    world.apple.put_assets(&location.uid, &book).await;
    world.token(&location, "library").await
}

async fn removal(world: &World, token: &Token, licenses: &str) -> russet_tests::Answer {
    world.api.send(Method::DELETE, &format!("/tokens/{}?licenses={licenses}", token.id), None).await
}

async fn end_of_removal(world: &World, token: &Token, licenses: &str) -> Value {
    let job = removal(world, token, licenses).await.with(202);
    world.end_of(job["id"].as_i64().expect("a job's number")).await
}

async fn must_be_gone(world: &World, token: &Token) {
    eventually("the token to be gone", async || {
        let answer = world.api.send(Method::GET, &format!("/tokens/{}", token.id), None).await;
        if answer.status == 404 { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
}

/// Gives books to users as somebody else would.
async fn give_books(world: &World, uid: &str, to: &[String]) {
    let list: Vec<Value> = to.iter().map(|user| json!({ "adam_id": BOOK, "user": user })).collect();
    let path = format!("locations/{uid}/assignments");
    world.apple.control(Method::POST, &path, &json!({ "assignments": list })).await;
}

async fn what_can_never_be_taken_back_stops_a_removal_before_anything_is_done(profile: Profile) {
    let world = World::of(profile).await;
    let token = library(&world).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    world.succeed(&token.assign(&[BOOK.to_owned()], &[], &users(1..4))).await;
    let refused = removal(&world, &token, "revoke_first").await;
    let (code, detail) = refused.problem();
    assert_eq!((refused.status, code.as_str()), (409, "not_revocable"));
    assert!(detail.contains(BOOK) && detail.contains("revoke_what_can_be"), "{detail}");
    let errors = refused.json()["errors"].clone();
    assert_eq!((&errors[0]["field"], errors.as_array().map(Vec::len)), (&json!(BOOK), Some(1)), "{errors}");
    assert!(errors[0]["detail"].as_str().is_some_and(|text| text.starts_with("3 licenses")), "{errors}");
    assert_eq!(world.must_agree(&token).await.len(), 8);
    let seen = world.api.get(&format!("/tokens/{}", token.id)).await;
    assert_eq!((&seen["state"], &seen["removing"]), (&json!("valid"), &json!(false)));
    world.must_be_clean().await;
}

async fn what_can_never_be_taken_back_may_be_left_by_choice(profile: Profile) {
    let world = World::of(profile).await;
    let token = library(&world).await;
    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..5), &[])).await;
    world.succeed(&token.assign(&[BOOK.to_owned()], &[], &users(1..4))).await;
    let ended = end_of_removal(&world, &token, "revoke_what_can_be").await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let left = json!([{ "adam_id": BOOK, "pricing_param": "STDQ", "licenses": 3 }]);
    assert_eq!(ended["result"]["left_with_holders"], left, "{ended}");
    must_be_gone(&world, &token).await;
    let held = world.apple.held(&token.uid).await;
    assert!(held.len() == 3 && held.iter().all(|(adam_id, _)| adam_id == BOOK), "{held:?}");
    world.must_be_clean().await;
}

async fn licenses_that_only_apple_knows_of_are_taken_back_too(profile: Profile) {
    let world = World::start(Setup::of(profile).without_notifications()).await;
    let token = library(&world).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    world.apple.assign(&token.uid, &app(2), &serials(50..57)).await;
    let ended = end_of_removal(&world, &token, "revoke_first").await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(ended["progress"]["settled"], 12, "{ended}");
    must_be_gone(&world, &token).await;
    assert_eq!(world.apple.held(&token.uid).await.len(), 0);
    world.must_be_clean().await;
}

async fn a_book_that_only_apple_knows_of_stops_a_removal(profile: Profile) {
    let world = World::of(profile).await;
    let token = library(&world).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    give_books(&world, &token.uid, &users(1..3)).await;
    let ended = end_of_removal(&world, &token, "revoke_first").await;
    assert_eq!(
        (&ended["state"], &ended["error"]["code"]),
        (&json!("failed"), &json!("not_revocable")),
        "{ended}"
    );
    assert!(ended["error"]["detail"].as_str().is_some_and(|text| text.contains("2 of 900000001")), "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 7, "nothing was taken back");
    world.succeed(&token.revoke(&[app(1)], &serials(0..1), &[])).await;
    world.must_be_clean().await;
}

async fn a_removal_that_cannot_read_the_location_takes_nothing_back(profile: Profile) {
    let world = World::of(profile).await;
    let token = library(&world).await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    let what = json!({ "kind": "status", "status": 400, "error_number": 9602 });
    world.apple.fault(&json!({ "on": { "endpoint": "assignments" }, "what": what })).await;
    let ended = end_of_removal(&world, &token, "revoke_first").await;
    assert_eq!(
        (&ended["state"], &ended["error"]["code"]),
        (&json!("failed"), &json!("sync_failed")),
        "{ended}"
    );
    world.apple.heal().await;
    let seen = world.api.get(&format!("/tokens/{}", token.id)).await;
    assert_eq!(seen["removing"], false, "{seen}");
    assert_eq!(world.must_agree(&token).await.len(), 5);
    world.must_be_clean().await;
}

async fn a_duplicate_takes_the_place_of_the_token_that_is_removed_and_is_synced_at_once(profile: Profile) {
    let world = World::of(profile).await;
    let mut location = world.apple.location("North", 2, 100, 0).await;
    let first = world.token(&location, "the first").await;
    world.succeed(&first.assign(&[app(1)], &serials(0..5), &[])).await;
    location.content = world.apple.another_token(&location.uid).await;
    let second = world.token_in_state(&location, "the second", "duplicate").await;
    let shown = world.api.get(&format!("/tokens/{}", first.id)).await;
    assert_eq!(shown["same_location"][0]["id"], second.id, "{shown}");

    let removed = removal(&world, &first, "keep").await.with(200);
    let successor = json!({ "id": second.id, "name": "the second", "state": "duplicate" });
    assert_eq!(removed, json!({ "removed": true, "successor": successor }));
    world.state_of(second.id, "valid").await;
    // Nobody asked for a sync.
    eventually("the licenses to be known", async || {
        let held = world.held(&second).await.len();
        if held == 5 { Ok(()) } else { Err(format!("{held} licenses")) }
    })
    .await;
    world.succeed(&second.revoke(&[app(1)], &serials(0..5), &[])).await;
    assert_eq!(world.must_agree(&second).await.len(), 0);
    world.must_be_clean().await;
}

async fn a_location_that_two_tokens_open_loses_no_license_with_one_of_them(profile: Profile) {
    let world = World::of(profile).await;
    let mut location = world.apple.location("North", 2, 100, 0).await;
    let first = world.token(&location, "the first").await;
    world.succeed(&first.assign(&[app(1)], &serials(0..5), &[])).await;
    location.content = world.apple.another_token(&location.uid).await;
    let second = world.token_in_state(&location, "the second", "duplicate").await;
    for token in [&first, &second] {
        let refused = removal(&world, token, "revoke_first").await;
        assert_eq!((refused.status, refused.problem().0.as_str()), (409, "location_shared"));
        let path = format!("/tokens/{}/hand-over", token.id);
        assert_eq!(world.api.post(&path, &json!({})).await.problem().0, "location_shared");
    }
    let _ = removal(&world, &second, "keep").await.good();
    assert_eq!(world.must_agree(&first).await.len(), 5);
    world.must_be_clean().await;
}

async fn a_removed_token_without_licenses_is_gone_at_once(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token_in_state(&location, "north", "valid").await;
    let ended = end_of_removal(&world, &token, "revoke_first").await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    must_be_gone(&world, &token).await;
    world.must_be_clean().await;
}
