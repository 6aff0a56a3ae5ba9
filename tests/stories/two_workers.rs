//! Many jobs for one token at once.

use std::collections::BTreeSet;

use russet_tests::{License, Profile, World, app, on_both_profiles, serials, users};
use tokio::task::JoinSet;

on_both_profiles!(many_jobs_for_one_token_at_once_move_each_license_once);

async fn many_jobs_for_one_token_at_once_move_each_license_once(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 4, 100, 20).await;
    let token = world.token(&location, "north").await;
    world.apple.forget().await;

    let mut submitting = JoinSet::new();
    let mut wanted: BTreeSet<License> = BTreeSet::new();
    for number in 0..12 {
        let apps: Vec<String> = (1 + number % 2..3 + number % 3).map(app).collect();
        let devices = serials(number * 4..number * 4 + 20);
        let people = users(1 + number..3 + number);
        let holders = devices.iter().map(|serial| format!("device {serial}"));
        let holders: Vec<String> = holders.chain(people.iter().map(|user| format!("user {user}"))).collect();
        wanted.extend(apps.iter().flat_map(|app| holders.iter().map(|holder| (app.clone(), holder.clone()))));
        let (api, body) = (world.api.clone(), token.assign(&apps, &devices, &people));
        submitting.spawn(async move { api.post("/jobs", &body).await.with(202) });
    }
    let jobs = submitting.join_all().await;
    for job in jobs {
        let ended = world.end_of(job["id"].as_i64().expect("a job's number")).await;
        world.must_have_succeeded(&ended);
    }

    assert_eq!(world.must_agree(&token).await, wanted);
    let ledger = world.apple.ledger().await;
    assert_eq!(ledger["licenses_moved"]["associated"], wanted.len(), "{ledger:#}");
    let used = ledger["requests"]["associate"].as_u64().expect("a count");
    assert!(used <= 24, "{used} requests for twelve overlapping rectangles");
    world.must_be_clean().await;
}
