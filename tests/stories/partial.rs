//! Events of which Apple does only a part.

use russet_tests::{Profile, World, app, on_both_profiles, serials};
use serde_json::json;

on_both_profiles!(
    what_apple_refuses_of_an_event_is_named_and_the_rest_is_held,
    what_apple_could_not_do_just_now_is_done_a_little_later,
);

async fn what_apple_refuses_of_an_event_is_named_and_the_rest_is_held(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    // 9635: the account cannot be associated; a final no.
    let fails = json!({ "kind": "event_fails_in_part", "fraction": 0.25, "error_number": 9635 });
    world.apple.fault(&json!({ "on": { "endpoint": "associate" }, "what": fails, "times": 1 })).await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    assert_eq!(ended["progress"]["refused"], 10, "{ended}");
    assert_eq!(ended["progress"]["settled"], 30, "{ended}");
    let held = world.must_agree(&token).await;
    assert_eq!(held.len(), 30);
    let refused = world.api.list(&format!("/jobs/{job}/changes?state=refused")).await;
    assert_eq!(refused.len(), 10);
    for change in &refused {
        assert_eq!(change["error"]["code"], "account_not_associable", "{change}");
        assert_eq!(change["error"]["number"], 9635, "{change}");
        assert!(change["error"]["detail"].as_str().is_some_and(|text| text.ends_with('.')), "{change}");
        let license = (
            change["adam_id"].as_str().expect("an app").to_owned(),
            format!("device {}", change["serial"].as_str().expect("a device")),
        );
        assert!(!held.contains(&license), "{license:?} was refused and is held");
    }

    // Whatever was in the way is gone: what was refused, and only that, is sent again.
    world.apple.forget().await;
    let again = world.api.post(&format!("/jobs/{job}/retry"), &json!({})).await.good();
    let ended = world.end_of(again["id"].as_i64().expect("a job")).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 40);
    assert_eq!(world.apple.ledger().await["licenses_moved"]["associated"], 10);
    world.must_be_clean().await;
}

async fn what_apple_could_not_do_just_now_is_done_a_little_later(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    // 9603: an error inside Apple.
    let fails = json!({ "kind": "event_fails_in_part", "fraction": 0.5, "error_number": 9603 });
    world.apple.fault(&json!({ "on": { "endpoint": "associate" }, "what": fails, "times": 1 })).await;

    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 40);
    world.must_be_clean().await;
}
