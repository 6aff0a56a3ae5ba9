//! Apple's notifications get lost, come twice, late or in the wrong order; jobs end right all the same.

use russet_tests::{Profile, Setup, Token, World, app, eventually, on_both_profiles, serials, users};
use serde_json::{Value, json};

on_both_profiles!(
    jobs_end_right_whatever_becomes_of_notifications,
    without_an_address_for_notifications_apple_is_asked,
    with_notifications_apple_need_not_be_asked,
    an_event_that_stays_pending_is_waited_for,
    a_notification_as_quick_as_the_answer_ends_its_changes,
);

async fn jobs_end_right_whatever_becomes_of_notifications(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 3, 100, 10).await;
    let token = world.token(&location, "north").await;
    let fates = [
        json!({ "kind": "lost" }),
        json!({ "kind": "doubled" }),
        json!({ "kind": "late", "ms": 2_500 }),
        json!({ "kind": "reordered" }),
    ];
    for fate in &fates {
        world.apple.heal().await;
        world.apple.fault(&json!({ "on": { "endpoint": "notifications" }, "what": fate })).await;
        give_and_take(&world, &token, fate).await;
    }
    // What came late belongs to jobs that have long ended, and changes nothing.
    world.apple.heal().await;
    give_and_take(&world, &token, &json!("none")).await;
    world.must_be_clean().await;
}

async fn give_and_take(world: &World, token: &Token, fate: &Value) {
    let apps = [app(1), app(2), app(3)];
    let given = world.submit(&token.assign(&apps, &serials(0..20), &users(1..6))).await;
    world.must_have_succeeded(&world.end_of(given).await);
    assert_eq!(world.must_agree(token).await.len(), 75, "notifications: {fate}");
    let first = world.submit(&token.revoke(&apps, &serials(0..10), &[])).await;
    let second = world.submit(&token.revoke(&[], &serials(10..20), &users(1..6))).await;
    world.must_have_succeeded(&world.end_of(first).await);
    world.must_have_succeeded(&world.end_of(second).await);
    assert_eq!(world.must_agree(token).await.len(), 0, "notifications: {fate}");
}

async fn without_an_address_for_notifications_apple_is_asked(profile: Profile) {
    let world = World::start(Setup::of(profile).without_notifications()).await;
    let location = world.apple.location("North", 2, 100, 10).await;
    let token = world.token(&location, "north").await;
    let seen = world.api.get(&format!("/tokens/{}", token.id)).await;
    assert_eq!(seen["notifications"]["registered"], false, "{seen}");

    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..20), &users(1..6))).await;
    assert_eq!(world.must_agree(&token).await.len(), 50);
    assert_eq!(world.apple.ledger().await["notifications"]["sent"], 0);
    world.must_be_clean().await;
}

async fn with_notifications_apple_need_not_be_asked(profile: Profile) {
    let world = World::start(
        Setup::of(profile).setting("APPLE__POLL_AFTER_S", "60").setting("APPLE__READ_BACK_AFTER_S", "60"),
    )
    .await;
    let location = world.apple.location("North", 2, 100, 10).await;
    let token = world.token(&location, "north").await;
    let seen = world.api.get(&format!("/tokens/{}", token.id)).await;
    assert_eq!(seen["notifications"]["registered"], true, "{seen}");

    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..20), &users(1..6))).await;
    world.succeed(&token.revoke(&[app(1)], &serials(0..20), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 30);
    assert_eq!(world.apple.requests(&token.uid, "status").await, 0);
    world.must_be_clean().await;
}

async fn an_event_that_stays_pending_is_waited_for(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "associate" }, "what": { "kind": "event_pending" }, "times": 1 }))
        .await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    // Longer than until the licenses are read back, which finds that nothing has happened.
    eventually("Apple to have been asked more than once and read back", async || {
        let (asked, read) = (
            world.apple.requests(&token.uid, "status").await,
            world.apple.requests(&token.uid, "assignments").await,
        );
        if asked >= 2 && read >= 2 { Ok(()) } else { Err(format!("{asked} questions, {read} readings")) }
    })
    .await;
    let waiting = world.job(job).await;
    assert_eq!(waiting["state"], "running", "{waiting}");
    assert_eq!(waiting["progress"]["refused"], 0, "{waiting}");
    world.apple.heal().await;

    world.must_have_succeeded(&world.end_of(job).await);
    assert_eq!(world.must_agree(&token).await.len(), 40);
    world.must_be_clean().await;
}

async fn a_notification_as_quick_as_the_answer_ends_its_changes(profile: Profile) {
    // Many requests, and nothing but a notification ends them in time.
    let setup =
        Setup::of(profile).setting("APPLE__POLL_AFTER_S", "120").setting("APPLE__READ_BACK_AFTER_S", "200");
    let setup = setup.apple(|rules| {
        rules.limits.max_serial_numbers = 1;
        rules.limits.max_request_per_second = 200;
        rules.event_delay_ms = 3;
    });
    let world = World::start(setup).await;
    let location = world.apple.location("North", 1, 300, 0).await;
    let token = world.token(&location, "north").await;

    world.succeed(&token.assign(&[app(1)], &serials(0..300), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 300);
    assert_eq!(world.apple.requests(&token.uid, "status").await, 0, "nobody had to ask");
    world.must_be_clean().await;
}
