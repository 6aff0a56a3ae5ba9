//! Workers are told to hurry, or stand still for longer than anybody waits for them.

use std::time::Duration;

use russet_tests::{Profile, Setup, World, app, eventually, on_both_profiles, serials};
use serde_json::json;

on_both_profiles!(a_second_signal_ends_a_worker_at_once_and_its_work_is_taken_up_again);

/// What a shell gives a program that SIGINT ended.
const AT_ONCE: i32 = 130;

async fn a_second_signal_ends_a_worker_at_once_and_its_work_is_taken_up_again(profile: Profile) {
    // Its grace is longer than this story would wait.
    let setup = Setup::of(profile).workers(1).without_notifications();
    let setup = setup.setting("APPLE__TIMEOUT_MS", "25000").setting("WORKER__GRACE_MS", "60000");
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let hang = json!({ "kind": "timeout", "ms": 20_000, "processed": true });
    world.apple.fault(&json!({ "on": { "endpoint": "associate" }, "what": hang, "times": 1 })).await;
    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    eventually("Apple to have moved the licenses while the worker waits", async || {
        let held = world.apple.held(&token.uid).await.len();
        if held == 40 { Ok(()) } else { Err(format!("{held} licenses")) }
    })
    .await;

    let worker = &mut world.workers()[0];
    worker.ask_to_end();
    eventually("the worker to be stopping", async || {
        let log = worker.log();
        if log.contains("a second signal stops at once") { Ok(()) } else { Err(log) }
    })
    .await;
    assert!(worker.end_within(Duration::from_millis(500)).await.is_none(), "it did not wait for its work");
    worker.ask_to_end();
    let status = worker.end_within(Duration::from_secs(2)).await.expect("it ends at once");
    assert_eq!(status.code(), Some(AT_ONCE), "{status}");

    world.kill_oldest_worker();
    world.start_worker().await;
    world.must_have_succeeded(&world.end_of(job).await);
    assert_eq!(world.must_agree(&token).await.len(), 40);
    assert_eq!(world.apple.requests(&token.uid, "associate").await, 1, "what Apple did is not sent again");
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_finds_its_work_taken_over_and_changes_nothing_any_more() {
    let setup = Setup::of(Profile::Cluster).workers(1).without_notifications();
    let mut world = World::start(setup.setting("APPLE__TIMEOUT_MS", "25000")).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let hang = json!({ "kind": "timeout", "ms": 4_000, "processed": true });
    world.apple.fault(&json!({ "on": { "endpoint": "associate" }, "what": hang, "times": 1 })).await;
    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    eventually("Apple to have moved the licenses while the worker waits", async || {
        let held = world.apple.held(&token.uid).await.len();
        if held == 40 { Ok(()) } else { Err(format!("{held} licenses")) }
    })
    .await;

    world.workers()[0].freeze();
    world.start_worker().await;
    world.must_have_succeeded(&world.end_of(job).await);
    // Another job, so that what the first worker still has in mind is out of date.
    world.succeed(&token.revoke(&[app(1)], &serials(0..20), &[])).await;
    world.workers()[0].thaw();
    eventually("the first worker to have noticed", async || {
        let log = world.workers()[0].log();
        if log.contains("the lease was lost") { Ok(()) } else { Err(log) }
    })
    .await;

    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 25);
    let moved = &world.apple.ledger().await["licenses_moved"];
    assert_eq!(*moved, json!({ "associated": 45, "disassociated": 20 }), "nothing was moved twice");
    for worker in world.workers() {
        assert!(!worker.has_ended(), "{} ended", worker.name());
    }
    world.must_be_clean().await;
}
