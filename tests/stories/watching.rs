//! A job is watched while it runs.

use reqwest::Method;
use russet_tests::{Profile, Setup, World, app, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(a_job_can_be_watched_until_its_end);

async fn a_job_can_be_watched_until_its_end(profile: Profile) {
    let setup = Setup::of(profile)
        .setting("API__SSE_EVERY_MS", "50")
        .apple(|rules| rules.limits.max_serial_numbers = 5);
    let world = World::start(setup).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "associate" }, "what": { "kind": "latency", "ms": 150 } }))
        .await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..25), &[])).await;
    let stream = world.api.send(Method::GET, &format!("/jobs/{job}/events"), None).await;
    assert_eq!(stream.status, 200, "{stream}");
    let events = events(&stream.text);
    let (last, before) = events.split_last().expect("an event");
    assert_eq!(last.0, "end", "{stream}");
    assert_eq!(last.1["state"], "succeeded", "{stream}");
    assert!(before.len() >= 3, "a job of five requests moves more often: {stream}");
    assert!(before.iter().all(|(name, _)| name == "progress"), "{stream}");
    let settled: Vec<u64> =
        events.iter().map(|(_, job)| job["progress"]["settled"].as_u64().expect("a count")).collect();
    assert!(settled.is_sorted(), "progress goes forward: {settled:?}");
    assert!(events.iter().all(|(_, job)| job["progress"]["total"] == 50), "{stream}");
    assert_eq!(world.must_agree(&token).await.len(), 50);
    world.must_be_clean().await;
}

/// The events of a stream: name and data.
fn events(text: &str) -> Vec<(String, Value)> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty() && !block.starts_with(':'));
    blocks
        .map(|block| {
            let field = |name: &str| {
                let line = block.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_else(|| panic!("{block:?} has no {name}")).trim().to_owned()
            };
            (field("event:"), serde_json::from_str(&field("data:")).expect("data is JSON"))
        })
        .collect()
}
