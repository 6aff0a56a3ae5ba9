//! Things happen at Apple that Russet had no part in.

use reqwest::Method;
use russet_tests::{Profile, Setup, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    a_sync_finds_what_others_assigned_and_took_back,
    a_sync_of_changes_finds_what_others_assigned,
    licenses_settled_during_a_sync_are_not_undone_by_it,
    when_another_mdm_takes_the_location_writes_stop_until_it_is_taken_back,
    a_token_that_may_only_read_still_reads,
);

async fn a_sync_finds_what_others_assigned_and_took_back(profile: Profile) {
    let world = World::start(Setup::of(profile).apple(|rules| rules.page_size = 7)).await;
    let location = world.apple.location("North", 3, 100, 0).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;

    world.apple.assign(&token.uid, &app(3), &serials(50..80)).await;
    world.apple.unassign(&token.uid, &app(1), &serials(0..15)).await;
    world.apple.buy(&token.uid, &app(2), 11).await;
    assert_eq!(world.held(&token).await.len(), 40, "nobody has looked yet");
    world.succeed(&token.full_sync()).await;

    assert_eq!(world.must_agree(&token).await.len(), 55);
    let assets = world.api.list(&format!("/assets?token={}", token.id)).await;
    let of = |number: usize| assets.iter().find(|asset| asset["adam_id"] == app(number)).expect("an app");
    assert_eq!(of(1)["assigned"], 5, "{assets:?}");
    assert_eq!(of(2)["total"], 111, "{assets:?}");
    assert_eq!(of(2)["available"], 91, "{assets:?}");
    assert_eq!(of(3)["assigned"], 30, "{assets:?}");
    world.must_be_clean().await;
}

async fn a_sync_of_changes_finds_what_others_assigned(profile: Profile) {
    let world = World::start(Setup::of(profile).apple(|rules| rules.page_size = 7)).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    world.apple.assign(&location.uid, &app(1), &serials(0..60)).await;
    let token = world.token(&location, "north").await;
    assert_eq!(world.must_agree(&token).await.len(), 60);

    world.apple.assign(&token.uid, &app(2), &serials(0..9)).await;
    world.apple.forget().await;
    world.succeed(&json!({ "kind": "sync_token", "token": token.id, "mode": "changes" })).await;
    assert_eq!(world.must_agree(&token).await.len(), 69);
    let pages = world.apple.requests(&token.uid, "assignments").await;
    assert!(pages <= 4, "{pages} pages for nine licenses");
    world.must_be_clean().await;
}

async fn licenses_settled_during_a_sync_are_not_undone_by_it(profile: Profile) {
    let world = World::start(Setup::of(profile).apple(|rules| rules.page_size = 5)).await;
    let location = world.apple.location("North", 3, 200, 0).await;
    world.apple.assign(&location.uid, &app(1), &serials(0..100)).await;
    let token = world.token(&location, "north").await;
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "assignments" }, "what": { "kind": "latency", "ms": 150 } }))
        .await;

    let sync = world.submit(&token.full_sync()).await;
    eventually("the walk to have begun", async || {
        let job = world.job(sync).await;
        if job["sync"]["pages_done"].as_u64() >= Some(2) { Ok(()) } else { Err(job.to_string()) }
    })
    .await;
    let given = world.submit(&token.assign(&[app(2)], &serials(0..20), &[])).await;
    let taken = world.submit(&token.revoke(&[app(1)], &serials(0..40), &[])).await;
    world.must_have_succeeded(&world.end_of(given).await);
    world.must_have_succeeded(&world.end_of(taken).await);
    let ended = world.end_of(sync).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 80);
    world.must_be_clean().await;
}

async fn when_another_mdm_takes_the_location_writes_stop_until_it_is_taken_back(profile: Profile) {
    let world = World::start(Setup::of(profile).apple(|rules| rules.limits.max_serial_numbers = 5)).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    let ours = world.apple.mdm_of(&token.uid).await;
    assert!(ours["id"].is_string(), "{ours}");
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "associate" }, "what": { "kind": "latency", "ms": 300 } }))
        .await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..50), &[])).await;
    eventually("the first part of the job to be done", async || {
        match world.apple.held(&token.uid).await.len() {
            0 => Err("no license".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
    world.apple.give_to_mdm(&token.uid, "Rival").await;
    let seen = world.state_of(token.id, "assigned_to_external_mdm").await;
    assert_eq!(seen["other_mdm"]["name"], "Rival", "{seen}");
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    let held = world.must_agree(&token).await.len();
    assert!((10..100).contains(&held), "{held}");

    // Nothing is written while another one manages the location.
    let before = world.apple.requests(&token.uid, "associate").await;
    let refused = world.api.post("/jobs", &token.assign(&[app(1)], &serials(90..91), &[])).await;
    assert_eq!(refused.problem().0, "token_not_usable");
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Rival");
    assert_eq!(world.apple.requests(&token.uid, "associate").await, before);

    world.apple.heal().await;
    let patch = json!({ "take_over": true });
    let _ = world.api.send(Method::PATCH, &format!("/tokens/{}", token.id), Some(&patch)).await.with(200);
    let seen = world.state_of(token.id, "valid").await;
    assert_eq!(seen["other_mdm"], Value::Null, "{seen}");
    assert_eq!(world.apple.mdm_of(&token.uid).await, ours);
    let again = world.api.post(&format!("/jobs/{job}/retry"), &json!({})).await.good();
    let ended = world.end_of(again["id"].as_i64().expect("a job")).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 100);
    world.must_be_clean().await;
}

async fn a_token_that_may_only_read_still_reads(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world.apple.set_token_state(&token.content, "read_only").await;

    let job = world.submit(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "failed", "{ended}");
    world.state_of(token.id, "read_only").await;
    world.apple.assign(&token.uid, &app(2), &serials(0..3)).await;
    world.succeed(&token.full_sync()).await;
    assert_eq!(world.must_agree(&token).await.len(), 3);
    world.must_be_clean().await;
}
