//! Apple asks for fewer requests, breaks down, and recovers.

use russet_tests::{Profile, Setup, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    a_storm_of_429_that_says_how_long_to_wait_is_waited_out,
    a_storm_of_429_that_says_nothing_is_waited_out,
    an_apple_that_breaks_down_in_every_way_costs_no_license,
    the_rate_is_never_exceeded,
    one_tokens_storm_does_not_delay_another_token,
);

async fn a_storm_of_429_that_says_how_long_to_wait_is_waited_out(profile: Profile) {
    let seconds = json!({ "kind": "status", "status": 429, "error_number": 9646, "retry_after": 1 });
    let date =
        json!({ "kind": "status", "status": 429, "error_number": 9646, "retry_after": { "date_in_s": 2 } });
    // Apple may say it with any status.
    let unavailable = json!({ "kind": "status", "status": 503, "retry_after": 1 });
    weather(profile, &[(seconds, 2), (date, 1), (unavailable, 1)]).await;
}

async fn a_storm_of_429_that_says_nothing_is_waited_out(profile: Profile) {
    let bare = json!({ "kind": "status", "status": 429 });
    let numbered = json!({ "kind": "status", "status": 429, "error_number": 9646 });
    weather(profile, &[(bare, 2), (numbered, 1)]).await;
}

async fn an_apple_that_breaks_down_in_every_way_costs_no_license(profile: Profile) {
    weather(
        profile,
        &[
            (json!({ "kind": "status", "status": 500, "error_number": 9603 }), 1),
            (json!({ "kind": "status", "status": 503 }), 1),
            (json!({ "kind": "not_json", "status": 502 }), 1),
            (json!({ "kind": "not_json", "status": 200 }), 1),
            (json!({ "kind": "error_in_200", "error_number": 9644 }), 1),
            (json!({ "kind": "reset_before" }), 1),
            (json!({ "kind": "reset_after" }), 1),
        ],
    )
    .await;
}

/// Submits jobs into a storm: each fault strikes so often, at whatever request comes.
async fn weather(profile: Profile, faults: &[(Value, u32)]) {
    // Few devices fit one request, so that there are many of them to go wrong.
    let world = World::start(Setup::of(profile).apple(|rules| rules.limits.max_serial_numbers = 20)).await;
    let location = world.apple.location("North", 3, 100, 0).await;
    let token = world.token(&location, "north").await;
    let mut ordered = Vec::new();
    for (what, times) in faults {
        let order = json!({ "on": { "endpoint": "any", "uid": token.uid }, "what": what, "times": times });
        ordered.push((world.apple.fault(&order).await, u64::from(*times)));
    }

    let apps = [app(1), app(2), app(3)];
    let first = world.submit(&token.assign(&apps, &serials(0..20), &[])).await;
    let second = world.submit(&token.assign(&apps[..2], &serials(10..40), &[])).await;
    world.must_have_succeeded(&world.end_of(first).await);
    world.must_have_succeeded(&world.end_of(second).await);
    world.succeed(&token.revoke(&[], &serials(0..5), &[])).await;
    // The storm may not have had its fill of requests yet.
    for _ in 0..10 {
        world.succeed(&token.full_sync()).await;
        let mut spent = true;
        for (fault, times) in &ordered {
            spent &= world.apple.struck(*fault).await == *times;
        }
        if spent {
            break;
        }
    }
    for (fault, times) in ordered {
        assert_eq!(world.apple.struck(fault).await, times, "the storm was not over");
    }
    assert_eq!(world.must_agree(&token).await.len(), 85);
    world.must_be_clean().await;
}

async fn the_rate_is_never_exceeded(profile: Profile) {
    // Three devices fit one request and answers come at once: without a limit there would be hundreds a second.
    let setup = Setup::of(profile).without_notifications().apple(|rules| {
        rules.limits.max_serial_numbers = 3;
        rules.page_size = 10;
    });
    let world = World::start(setup).await;
    let location = world.apple.location("North", 3, 200, 0).await;
    let token = world.token(&location, "north").await;

    let job = world.submit(&token.assign(&[app(1), app(2), app(3)], &serials(0..60), &[])).await;
    let sync = world.submit(&token.full_sync()).await;
    world.must_have_succeeded(&world.end_of(job).await);
    assert_eq!(world.end_of(sync).await["state"], "succeeded");
    world.succeed(&token.full_sync()).await;
    assert_eq!(world.must_agree(&token).await.len(), 180);
    let ledger = world.apple.ledger().await;
    let most = ledger["max_in_any_second"][&token.uid].as_u64().expect("a count");
    assert!(most <= 15, "{most} requests in one second");
    assert!(most >= 8, "{most} requests in one second is less than the pace that Apple allows");
    world.must_be_clean().await;
}

async fn one_tokens_storm_does_not_delay_another_token(profile: Profile) {
    let world = World::of(profile).await;
    let north = world.apple.location("North", 2, 100, 0).await;
    let south = world.apple.location("South", 2, 100, 0).await;
    let (north, south) = (world.token(&north, "north").await, world.token(&south, "south").await);
    let wait = json!({ "kind": "status", "status": 429, "error_number": 9646, "retry_after": 600 });
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "associate", "uid": north.uid }, "what": wait, "times": 1 }))
        .await;

    let stuck = world.submit(&north.assign(&[app(1), app(2)], &serials(0..10), &[])).await;
    eventually("the first token to have been told to wait", async || {
        match world.apple.requests(&north.uid, "associate").await {
            0 => Err("it has not asked yet".to_owned()),
            _ => Ok(()),
        }
    })
    .await;
    world.succeed(&south.assign(&[app(1), app(2)], &serials(0..10), &[])).await;
    world.succeed(&south.full_sync()).await;
    assert_eq!(world.must_agree(&south).await.len(), 20);
    let waiting = world.job(stuck).await;
    assert!(matches!(waiting["state"].as_str(), Some("queued" | "running")), "{waiting}");
    assert_eq!(waiting["progress"]["refused"], 0, "{waiting}");
    world.must_be_clean().await;
}
