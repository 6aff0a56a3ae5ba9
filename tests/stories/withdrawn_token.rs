//! A token stops working in the middle of a job.

use reqwest::Method;
use russet_tests::{Profile, Setup, World, app, eventually, on_both_profiles, serials};
use serde_json::json;

on_both_profiles!(what_was_not_sent_when_a_token_was_revoked_is_refused_and_done_after_its_renewal);

async fn what_was_not_sent_when_a_token_was_revoked_is_refused_and_done_after_its_renewal(profile: Profile) {
    let world = World::start(Setup::of(profile).apple(|rules| rules.limits.max_serial_numbers = 5)).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "associate" }, "what": { "kind": "latency", "ms": 300 } }))
        .await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..50), &[])).await;
    eventually("the first part of the job to be done", async || {
        match world.apple.held(&token.uid).await.len() {
            0 => Err("no license".to_owned()),
            held => Ok(held),
        }
    })
    .await;
    world.apple.set_token_state(&token.content, "revoked").await;
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    let seen = world.state_of(token.id, "invalid").await;
    assert!(seen["state_detail"].as_str().is_some_and(|text| text.contains("renew it here")), "{seen}");
    for change in world.changes(job).await {
        match change["state"].as_str() {
            Some("settled") => {}
            Some("refused") => {
                assert_eq!(change["error"]["code"], "token_not_usable", "{change}");
                assert!(
                    change["error"]["detail"].as_str().is_some_and(|text| text.ends_with('.')),
                    "{change}"
                );
            }
            other => panic!("a change of a job that has ended is {other:?}"),
        }
    }
    let held = world.must_agree(&token).await.len();
    assert!((10..100).contains(&held), "{held} licenses were moved");

    // Nothing new is taken meanwhile.
    let (code, _) = world.api.post("/jobs", &token.assign(&[app(1)], &serials(0..1), &[])).await.problem();
    assert_eq!(code, "token_not_usable");

    world.apple.heal().await;
    let fresh = world.apple.another_token(&token.uid).await;
    let (path, content) = (format!("/tokens/{}/content", token.id), json!({ "content": fresh }));
    let renewed = world.api.send(Method::PUT, &path, Some(&content)).await.with(200);
    assert_eq!(renewed["state"], "valid", "{renewed}");
    let again = world.api.post(&format!("/jobs/{job}/retry"), &json!({})).await.good();
    let ended = world.end_of(again["id"].as_i64().expect("a job")).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 100);
    world.must_be_clean().await;
}
