//! What a person decides about a token holds, and is kept apart from what Apple says.

use reqwest::Method;
use russet_tests::{Profile, Setup, World, eventually, on_both_profiles};
use serde_json::{Value, json};

on_both_profiles!(
    a_token_has_its_own_schedule_or_none_while_the_others_follow_that_of_all,
    what_a_person_changes_stays_when_apple_is_asked_again,
);

async fn a_token_has_its_own_schedule_or_none_while_the_others_follow_that_of_all(profile: Profile) {
    let setup = Setup::of(profile)
        .setting("SCHEDULE__SYNC_TOKEN", "*/2 * * * * *")
        .setting("SCHEDULE__SPREAD", "false");
    let world = World::start(setup).await;
    let usual = world.token_in_state(&world.apple.location("North", 1, 10, 0).await, "usual", "valid").await;
    let never = world.token_in_state(&world.apple.location("South", 1, 10, 0).await, "never", "valid").await;
    let yearly = world.token_in_state(&world.apple.location("East", 1, 10, 0).await, "yearly", "valid").await;
    for (token, schedule) in [(&never, "never"), (&yearly, "0 0 1 1 *")] {
        let patch = json!({ "sync_schedule": schedule });
        let path = format!("/tokens/{}", token.id);
        let changed = world.api.send(Method::PATCH, &path, Some(&patch)).await.with(200);
        assert_eq!(changed["sync_schedule"], schedule, "{changed}");
    }
    let scheduled = async |id: i64| {
        let jobs = world.api.list(&format!("/jobs?kind=sync_token&token={id}")).await;
        jobs.iter().filter(|job| job["origin"] == "schedule").count()
    };
    let (before_never, before_yearly) = (scheduled(never.id).await, scheduled(yearly.id).await);
    let start = scheduled(usual.id).await;
    eventually("three more ticks for the usual one", async || {
        let now = scheduled(usual.id).await;
        if now >= start + 3 { Ok(()) } else { Err(format!("{start} then, {now} now")) }
    })
    .await;
    assert_eq!((scheduled(never.id).await, scheduled(yearly.id).await), (before_never, before_yearly));
    // As all are, again.
    let patch = json!({ "sync_schedule": "default" });
    let _ = world.api.send(Method::PATCH, &format!("/tokens/{}", never.id), Some(&patch)).await.with(200);
    eventually("a tick for it", async || {
        let now = scheduled(never.id).await;
        if now > before_never { Ok(()) } else { Err(format!("{now}")) }
    })
    .await;
    world.must_be_clean().await;
}

async fn what_a_person_changes_stays_when_apple_is_asked_again(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North Campus", 1, 10, 0).await;
    let token = world.token(&location, "north").await;
    let path = format!("/tokens/{}", token.id);
    let patch = json!({
        "name": "North of all", "apple_id": "apps@example.org", "account_type": "education", "country": "DE",
        "auto_update": true, "sync_schedule": "15 4 * * 1-5",
    });
    let changed = world.api.send(Method::PATCH, &path, Some(&patch)).await.with(200);
    world.succeed(&token.full_sync()).await;
    let _ = world.api.post(&format!("{path}/notifications/test"), &json!({})).await.with(200);
    let seen = world.api.get(&path).await;
    for (field, value) in patch.as_object().expect("an object") {
        assert_eq!((&changed[field], &seen[field]), (value, value), "{field}: {seen}");
    }
    assert_eq!(seen["location"]["country"], "NL", "what Apple says stands beside it: {seen}");
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_uploaded_before_somebody_agreed_to_what_is_sent_to_apple() {
    let world = World::of(Profile::Single).await;
    let location = world.apple.location("North Campus", 1, 10, 0).await;
    let text = world.api.get("/consent").await;
    let attempt = async |consent: Value| {
        let body = json!({
            "name": "north", "content": location.content, "account_type": "business", "consent": consent,
        });
        world.api.post("/tokens", &body).await
    };
    assert_eq!(attempt(json!(null)).await.problem().0, "consent_required");
    assert_eq!(attempt(json!({ "agreed": true, "version": 4_711 })).await.problem().0, "consent_outdated");
    let made = attempt(json!({ "agreed": true, "version": text["version"] })).await.with(201);
    assert_eq!(made["consent"]["version"], text["version"], "{made}");
    let shown = world.russet(&["token", "show", "north"]);
    assert!(shown.good().contains("consent") && shown.good().contains("version 1"), "{shown:?}");

    let file = world.directory().join("south.vpptoken");
    let south = world.apple.location("South Campus", 1, 10, 0).await;
    std::fs::write(&file, &south.content).expect("a file");
    let file = file.display().to_string();
    let refused = world.russet(&["token", "add", &file]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    for thing in text["things"].as_array().expect("four things") {
        assert!(refused.stderr.contains(thing.as_str().expect("a text")), "{thing}: {refused:?}");
    }
    let added =
        world.russet(&["token", "add", &file, "--consent", "--sync-schedule", "never", "--json"]).json();
    assert_eq!(added["sync_schedule"], "never", "{added}");
    world.must_be_clean().await;
}
