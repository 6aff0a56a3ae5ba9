//! A request that is sent again does nothing again.

use reqwest::Method;
use russet_tests::{Answer, Profile, World, app, on_both_profiles, serials};
use serde_json::{Value, json};
use tokio::task::JoinSet;

on_both_profiles!(the_same_post_twice_makes_one_job, the_same_post_many_times_at_once_makes_one_job);

async fn post(api: &russet_tests::Api, path: &str, key: &str, body: &Value) -> Answer {
    api.once(key, Method::POST, path, Some(body)).await
}

async fn the_same_post_twice_makes_one_job(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let body = token.assign(&[app(1)], &serials(0..10), &[]);

    let first = post(&world.api, "/jobs", "story-1", &body).await;
    assert!(!first.headers.contains_key("Idempotency-Replayed"), "{first}");
    let first = first.with(202);
    let job = first["id"].as_i64().expect("a number");
    world.must_have_succeeded(&world.end_of(job).await);
    let again = post(&world.api, "/jobs", "story-1", &body).await;
    assert_eq!(
        again.headers.get("Idempotency-Replayed").map(|value| value.as_bytes()),
        Some(&b"true"[..]),
        "{again}"
    );
    assert_eq!(again.with(202)["id"], job);

    let other = post(&world.api, "/jobs", "story-1", &token.assign(&[app(2)], &serials(0..10), &[])).await;
    assert_eq!((other.status, &*other.problem().0), (422, "idempotency_key_reused"));
    let bad = post(&world.api, "/jobs", "no blanks", &body).await;
    assert_eq!((bad.status, &*bad.problem().0), (400, "idempotency_key_invalid"));
    let jobs = world.api.list("/jobs?kind=assign_license").await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    assert_eq!(world.must_agree(&token).await.len(), 10);

    // A request that was refused may be corrected and sent with the same key.
    let wrong = post(&world.api, "/jobs", "story-2", &json!({ "kind": "nonsense" })).await;
    assert_eq!(wrong.status, 422, "{wrong}");
    let corrected = post(&world.api, "/jobs", "story-2", &token.revoke(&[app(1)], &serials(0..2), &[])).await;
    assert_eq!(corrected.status, 202, "{corrected}");
    world.must_be_clean().await;
}

async fn the_same_post_many_times_at_once_makes_one_job(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let mut sending = JoinSet::new();
    for _ in 0..8 {
        let (api, body) = (world.api.clone(), token.assign(&[app(1)], &serials(0..10), &[]));
        sending.spawn(async move { post(&api, "/jobs", "all-at-once", &body).await.with(202)["id"].clone() });
    }
    let mut ids = sending.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    world.must_have_succeeded(&world.end_of(ids[0].as_i64().expect("a number")).await);
    assert_eq!(world.api.list("/jobs?kind=assign_license").await.len(), 1);
    world.must_be_clean().await;
}
