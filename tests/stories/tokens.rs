//! Tokens: renewed, mixed up, uploaded twice.

use reqwest::Method;
use russet_tests::{Profile, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    a_renewal_for_another_location_is_refused_naming_both_and_changes_nothing,
    a_second_token_of_the_same_location_is_a_duplicate_until_the_first_is_removed,
    a_renewed_token_keeps_its_licenses_and_jobs,
    a_removed_token_takes_back_its_licenses_first_when_told_so,
    a_token_uploaded_while_apple_is_down_is_confirmed_once_it_is_up_and_its_jobs_wait,
    a_sync_with_a_token_that_expired_fails_and_says_so,
);

async fn a_renewal_for_another_location_is_refused_naming_both_and_changes_nothing(profile: Profile) {
    let world = World::of(profile).await;
    let north = world.apple.location("North Campus", 1, 10, 0).await;
    let south = world.apple.location("South Campus", 1, 10, 0).await;
    let token = world.token(&north, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    let path = format!("/tokens/{}", token.id);
    let before = world.api.get(&path).await;

    let content = json!({ "content": south.content });
    let refused = world.api.send(Method::PUT, &format!("{path}/content"), Some(&content)).await;
    assert_eq!(refused.status, 409, "{refused}");
    let (code, detail) = refused.problem();
    assert_eq!(code, "token_of_other_location");
    assert!(detail.contains("North Campus") && detail.contains("South Campus"), "{detail}");

    let after = world.api.get(&path).await;
    let without_time = |mut token: Value| {
        token["updated_at"] = Value::Null;
        token
    };
    assert_eq!(without_time(after), without_time(before));
    world.succeed(&token.revoke(&[app(1)], &serials(0..2), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 3);
    assert_eq!(world.apple.mdm_of(&south.uid).await, Value::Null, "the other location was not touched");
    world.must_be_clean().await;
}

async fn a_second_token_of_the_same_location_is_a_duplicate_until_the_first_is_removed(profile: Profile) {
    let world = World::of(profile).await;
    let mut location = world.apple.location("North Campus", 1, 10, 0).await;
    let token = world.token(&location, "the first").await;

    let (code, detail) = world.upload("again", &location.content).await.problem();
    assert_eq!(code, "token_already_uploaded");
    assert!(detail.contains(&format!("token {}", token.id)), "{detail}");

    location.content = world.apple.another_token(&location.uid).await;
    let second = world.token_in_state(&location, "the second", "duplicate").await;
    let seen = world.api.get(&format!("/tokens/{}", second.id)).await;
    let detail = seen["state_detail"].as_str().unwrap_or_default();
    assert!(detail.contains("the first"), "{seen}");
    assert_eq!(world.api.get(&format!("/tokens/{}", token.id)).await["state"], "valid");

    let path = format!("/tokens/{}?licenses=keep", token.id);
    let removed = world.api.send(Method::DELETE, &path, None).await.with(200);
    assert_eq!(removed["successor"]["id"], second.id, "{removed}");
    eventually("the second to work by itself", async || {
        let seen = world.api.get(&format!("/tokens/{}", second.id)).await;
        if seen["state"] == "valid" { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
    world.succeed(&json!({"kind": "sync_token", "token": second.id, "mode": "full"})).await;
    world.succeed(&second.assign(&[app(1)], &serials(0..3), &[])).await;
    assert_eq!(world.must_agree(&second).await.len(), 3);
    world.must_be_clean().await;
}

async fn a_renewed_token_keeps_its_licenses_and_jobs(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North Campus", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let job = world.succeed(&token.assign(&[app(1), app(2)], &serials(0..10), &[])).await;

    let fresh = world.apple.another_token(&token.uid).await;
    let path = format!("/tokens/{}/content", token.id);
    // As a file, the way `curl --data-binary` sends it.
    let sent =
        world.api.request(Method::PUT, &path).header("content-type", "text/plain").body(format!("{fresh}\n"));
    let renewed = sent.send().await.expect("an answer");
    assert_eq!(renewed.status(), 200, "{:?}", renewed.text().await);
    world.apple.set_token_state(&token.content, "revoked").await;

    assert_eq!(world.job(job["id"].as_i64().expect("a number")).await["state"], "succeeded");
    world.succeed(&token.revoke(&[app(1)], &serials(0..10), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 10);
    world.must_be_clean().await;
}

async fn a_removed_token_takes_back_its_licenses_first_when_told_so(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North Campus", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..10), &[])).await;
    let path = format!("/tokens/{}", token.id);

    let (code, _) = world.api.send(Method::DELETE, &path, None).await.problem();
    assert_eq!(code, "choose_licenses");
    let job = world.api.send(Method::DELETE, &format!("{path}?licenses=revoke_first"), None).await.with(202);
    let ended = world.end_of(job["id"].as_i64().expect("a job's number")).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(world.apple.held(&token.uid).await.len(), 0);
    eventually("the token to be gone", async || {
        let answer = world.api.send(Method::GET, &path, None).await;
        if answer.status == 404 { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
    world.must_be_clean().await;
}

async fn a_token_uploaded_while_apple_is_down_is_confirmed_once_it_is_up_and_its_jobs_wait(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North Campus", 2, 50, 0).await;
    world.apple.assign(&location.uid, &app(1), &serials(0..7)).await;
    let down = json!({ "on": { "endpoint": "any" }, "what": { "kind": "status", "status": 503 } });
    let fault = world.apple.fault(&down).await;

    let token = world.token_in_state(&location, "north", "new").await;
    let job = world.submit(&token.full_sync()).await;
    let early = world.api.post("/jobs", &token.assign(&[app(1)], &serials(0..1), &[])).await;
    assert_eq!((early.status, &*early.problem().0), (409, "token_not_synced"));
    eventually("Apple to have been asked in vain", async || match world.apple.struck(fault).await {
        0 => Err("nobody has asked".to_owned()),
        _ => Ok(()),
    })
    .await;
    let waiting = world.job(job).await;
    assert!(matches!(waiting["state"].as_str(), Some("queued" | "running")), "{waiting}");
    world.apple.heal().await;

    world.must_have_succeeded(&world.end_of(job).await);
    world.state_of(token.id, "valid").await;
    assert_eq!(world.must_agree(&token).await.len(), 7);
    world.must_be_clean().await;
}

async fn a_sync_with_a_token_that_expired_fails_and_says_so(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North Campus", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    world.apple.set_token_state(&token.content, "expired").await;

    let ended = world.end_of(world.submit(&token.full_sync()).await).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    assert!(ended["error"]["detail"].as_str().is_some_and(|text| text.contains("expired")), "{ended}");
    let seen = world.state_of(token.id, "expired").await;
    assert!(seen["state_detail"].as_str().is_some_and(|text| text.contains("renew it here")), "{seen}");
    let refused = world.api.post("/jobs", &token.full_sync()).await;
    assert_eq!(refused.problem().0, "token_not_usable");
    assert_eq!(world.must_agree(&token).await.len(), 5, "what was known stays known");
    world.must_be_clean().await;
}
