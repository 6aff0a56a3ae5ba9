//! Second thoughts: cancelled before it was sent.

use russet_tests::{Profile, Setup, World, app, on_both_profiles, serials};
use serde_json::json;

on_both_profiles!(
    a_job_cancelled_before_it_was_sent_moves_nothing,
    of_a_job_cancelled_on_the_way_what_was_sent_is_done_and_the_rest_is_not,
);

async fn a_job_cancelled_before_it_was_sent_moves_nothing(profile: Profile) {
    // Submitted changes wait for company longer than this story takes to cancel them.
    let world = World::start(Setup::of(profile).setting("WORKER__LINGER_MS", "2000")).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..10), &[])).await;
    let other = world.submit(&token.assign(&[app(2)], &serials(5..15), &[])).await;
    let cancelled = world.api.post(&format!("/jobs/{job}/cancel"), &json!({})).await.good();
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    assert_eq!(cancelled["progress"]["cancelled"], 20, "{cancelled}");

    // What another job wants as well is done all the same.
    world.must_have_succeeded(&world.end_of(other).await);
    assert_eq!(world.must_agree(&token).await.len(), 10);
    assert_eq!(world.job(job).await["state"], "cancelled");
    for change in world.changes(job).await {
        assert_eq!(change["state"], "cancelled", "{change}");
        assert_eq!(change["error"]["code"], "withdrawn", "{change}");
    }
    let (code, _) = world.api.post(&format!("/jobs/{job}/retry"), &json!({})).await.problem();
    assert_eq!(code, "nothing_to_retry");
    world.must_be_clean().await;
}

async fn of_a_job_cancelled_on_the_way_what_was_sent_is_done_and_the_rest_is_not(profile: Profile) {
    let world = World::start(Setup::of(profile).apple(|rules| rules.limits.max_serial_numbers = 5)).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "associate" }, "what": { "kind": "latency", "ms": 300 } }))
        .await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..50), &[])).await;
    russet_tests::eventually("the first part of the job to be done", async || {
        match world.apple.held(&token.uid).await.len() {
            0 => Err("no license".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
    let _ = world.api.post(&format!("/jobs/{job}/cancel"), &json!({})).await.good();
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    let held = world.must_agree(&token).await.len();
    assert!((10..100).contains(&held), "{held}");
    assert_eq!(ended["progress"]["settled"], held, "{ended}");
    assert_eq!(ended["progress"]["cancelled"], 100 - held, "{ended}");
    world.must_be_clean().await;
}
