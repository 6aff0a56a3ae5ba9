//! Workers die at the worst moments.

use std::collections::BTreeSet;
use std::time::Duration;

use russet_tests::{License, Profile, Setup, World, app, eventually, on_both_profiles, serials};
use serde_json::json;

on_both_profiles!(
    a_worker_killed_between_apples_yes_and_our_writing_it_down_leaves_no_license_lost_doubled_or_stuck,
    an_answer_that_is_lost_is_read_back_and_nothing_is_sent_twice,
    a_late_notification_of_a_lost_answer_does_not_bring_a_license_back,
    workers_killed_at_any_moment_lose_nothing,
    a_worker_that_is_asked_to_end_hands_its_work_back,
    an_api_killed_in_mid_submission_has_made_a_job_or_not_and_never_two,
);

async fn a_worker_killed_between_apples_yes_and_our_writing_it_down_leaves_no_license_lost_doubled_or_stuck(
    profile: Profile,
) {
    // Without notifications nobody but the next worker can find out what Apple did.
    let setup = Setup::of(profile).workers(1).without_notifications().setting("APPLE__TIMEOUT_MS", "25000");
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let hang = json!({ "kind": "timeout", "ms": 20_000, "processed": true });
    world.apple.fault(&json!({ "on": { "endpoint": "associate" }, "what": hang, "times": 1 })).await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    eventually("Apple to have moved the licenses while the worker waits", async || {
        match world.apple.held(&token.uid).await.len() {
            40 => Ok(()),
            held => Err(format!("{held} licenses")),
        }
    })
    .await;
    if profile == Profile::Cluster {
        world.start_worker().await;
    }
    world.kill_oldest_worker();
    if profile == Profile::Single {
        world.start_worker().await;
    }

    world.must_have_succeeded(&world.end_of(job).await);
    assert_eq!(world.must_agree(&token).await.len(), 40);
    let ledger = world.apple.ledger().await;
    assert_eq!(ledger["licenses_moved"]["associated"], 40, "{ledger:#}");
    assert_eq!(ledger["requests"]["associate"], 1, "what Apple did is not sent again: {ledger:#}");
    world.must_be_clean().await;
}

async fn an_answer_that_is_lost_is_read_back_and_nothing_is_sent_twice(profile: Profile) {
    for what in [json!({ "kind": "reset_after" }), json!({ "kind": "truncate" })] {
        let world = World::start(Setup::of(profile).without_notifications()).await;
        let location = world.apple.location("North", 2, 50, 0).await;
        let token = world.token(&location, "north").await;
        let fault =
            world.apple.fault(&json!({ "on": { "endpoint": "associate" }, "what": what, "times": 1 })).await;

        let ended = world.succeed(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
        assert_eq!(ended["progress"]["settled"], 40, "{ended}");
        assert_eq!(world.apple.struck(fault).await, 1);
        assert_eq!(world.must_agree(&token).await.len(), 40);
        assert_eq!(world.apple.requests(&token.uid, "associate").await, 1, "after {what}");
        world.must_be_clean().await;
    }
}

async fn a_late_notification_of_a_lost_answer_does_not_bring_a_license_back(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "associate" }, "what": { "kind": "reset_after" }, "times": 1 }))
        .await;
    let late = json!({ "on": { "endpoint": "notifications" }, "what": { "kind": "late", "ms": 6_000 } });
    world.apple.fault(&late).await;

    // Read back, taken back, and all of that before Apple's word of the first comes.
    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    world.succeed(&token.revoke(&[app(1), app(2)], &serials(0..20), &[])).await;
    eventually("the late notifications to have come", async || {
        let ledger = world.apple.ledger().await;
        let delivered = ledger["notifications"]["delivered"].as_u64().unwrap_or(0);
        // The test of the address, and one of each half.
        if delivered >= 3 { Ok(()) } else { Err(ledger["notifications"].to_string()) }
    })
    .await;
    world.succeed(&token.assign(&[app(1)], &serials(20..21), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 1);
    world.must_be_clean().await;
}

async fn workers_killed_at_any_moment_lose_nothing(profile: Profile) {
    // Small requests, so that there is always one under way.
    let setup = Setup::of(profile).apple(|rules| rules.limits.max_serial_numbers = 5);
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", 3, 100, 0).await;
    let token = world.token(&location, "north").await;

    let mut jobs = Vec::new();
    for round in 0..5_u64 {
        let start = usize::try_from(round).expect("a small number") * 12;
        let devices = serials(start..start + 20);
        jobs.push(world.submit(&token.assign(&[app(1), app(2), app(3)], &devices, &[])).await);
        // Not a wait for anything: the moment of the blow is what differs from round to round.
        tokio::time::sleep(Duration::from_millis(90 + 170 * round)).await;
        world.kill_oldest_worker();
        world.start_worker().await;
    }
    for job in jobs {
        world.must_have_succeeded(&world.end_of(job).await);
    }
    let held = world.must_agree(&token).await;
    let wanted: BTreeSet<License> = (1..4)
        .flat_map(|number| {
            serials(0..68).into_iter().map(move |serial| (app(number), format!("device {serial}")))
        })
        .collect();
    assert_eq!(held, wanted);
    assert_eq!(world.apple.ledger().await["licenses_moved"]["associated"], wanted.len());
    world.must_be_clean().await;
}

async fn a_worker_that_is_asked_to_end_hands_its_work_back(profile: Profile) {
    let setup = Setup::of(profile).workers(1).apple(|rules| rules.limits.max_serial_numbers = 5);
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "associate" }, "what": { "kind": "latency", "ms": 200 } }))
        .await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..60), &[])).await;
    eventually("some of the job to be done", async || match world.apple.held(&token.uid).await.len() {
        0 => Err("no license".to_owned()),
        _ => Ok(()),
    })
    .await;
    world.stop_workers().await;
    world.apple.heal().await;
    world.start_worker().await;

    world.must_have_succeeded(&world.end_of(job).await);
    assert_eq!(world.must_agree(&token).await.len(), 120);
    assert_eq!(world.apple.requests(&token.uid, "associate").await, 12, "nothing is sent twice");
    world.must_be_clean().await;
}

async fn an_api_killed_in_mid_submission_has_made_a_job_or_not_and_never_two(profile: Profile) {
    let mut world = World::of(profile).await;
    let location = world.apple.location("North", 5, 2_000, 0).await;
    let token = world.token(&location, "north").await;
    let apps: Vec<String> = (1..6).map(app).collect();

    let mut jobs = BTreeSet::new();
    for round in 0..4_u64 {
        let first = usize::try_from(round).expect("a small number") * 300;
        let (api, body) = (world.api.clone(), token.assign(&apps, &serials(first..first + 300), &[]));
        let key = format!("round-{round}");
        let send = async move |api: &russet_tests::Api| {
            let request =
                api.request(reqwest::Method::POST, "/jobs").header("Idempotency-Key", &key).json(&body);
            request.send().await?.error_for_status()?.text().await
        };
        let (sender, at_first) = tokio::sync::oneshot::channel();
        tokio::spawn({
            let send = send.clone();
            async move { sender.send(send(&api).await.is_ok()) }
        });
        // Not a wait for anything: the moment of the blow is what differs from round to round.
        tokio::time::sleep(Duration::from_millis(15 + 25 * round)).await;
        world.kill_and_restart_api().await;
        let _ = at_first.await;
        let answer = send(&world.api).await.expect("the same request again is answered");
        let job: serde_json::Value = serde_json::from_str(&answer).expect("a job");
        jobs.insert(job["id"].as_i64().expect("a number"));
    }
    for job in &jobs {
        world.must_have_succeeded(&world.end_of(*job).await);
    }
    assert_eq!(jobs.len(), 4);
    assert_eq!(world.api.list("/jobs?kind=assign_license").await.len(), 4);
    assert_eq!(world.must_agree(&token).await.len(), 6_000);
    assert_eq!(world.apple.ledger().await["licenses_moved"]["associated"], 6_000);
    world.must_be_clean().await;
}
