//! Counts follow what is bought and refunded at Apple, whatever becomes of the notifications about it.

use reqwest::Method;
use russet_tests::{Profile, Setup, World, app, eventually, on_both_profiles, serials};
use serde_json::json;

on_both_profiles!(
    a_purchase_is_counted_at_once_and_costs_one_reading_of_that_product,
    many_purchases_at_once_are_counted_in_few_readings,
    counts_are_right_whatever_becomes_of_notifications,
    a_purchase_while_apple_cannot_be_read_is_counted_once_it_can,
    licenses_that_were_bought_are_given_to_those_who_wait,
    n_28_an_app_of_which_half_is_in_use_is_told_until_more_are_bought,
);

async fn n_28_an_app_of_which_half_is_in_use_is_told_until_more_are_bought(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 3, 10, 0).await;
    let token = world.token(&location, "north").await;
    let low = format!("/assets?token={}&running_low=true", token.id);
    world.succeed(&token.assign(&[app(1)], &serials(0..4), &[])).await;
    world.counts_agree(&token).await;
    assert!(world.api.list(&low).await.is_empty(), "four of ten are in use");
    world.succeed(&token.assign(&[app(1), app(2)], &serials(4..5), &[])).await;
    world.counts_agree(&token).await;
    let told = world.api.list(&low).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["adam_id"], &told[0]["used_percent"]), (&json!(app(1)), &json!(50)));
    world.apple.buy(&token.uid, &app(1), 1).await;
    world.counts_agree(&token).await;
    assert!(world.api.list(&low).await.is_empty(), "five of eleven are in use");

    let policies = format!("/tokens/{}/policies", token.id);
    for (alert, told) in [(json!(46), 0), (json!(45), 1), (json!("off"), 0), (json!(null), 0)] {
        let body = json!({ "alert_percent": alert });
        let _ = world.api.send(Method::PATCH, &policies, Some(&body)).await.with(200);
        assert_eq!(world.api.list(&low).await.len(), told, "from {alert} percent on");
    }
}

async fn a_purchase_is_counted_at_once_and_costs_one_reading_of_that_product(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 30, 10, 0).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..4), &[])).await;
    world.apple.forget().await;
    world.apple.buy(&token.uid, &app(1), 7).await;
    let counts = world.counts_agree(&token).await;
    assert!(counts.contains(&(app(1), 17, 13)), "{counts:?}");
    // A refund, and a product that the location never had.
    world.apple.buy(&token.uid, &app(2), -10).await;
    world.apple.buy(&token.uid, "999000111", 3).await;
    let counts = world.counts_agree(&token).await;
    assert!(counts.contains(&("999000111".to_owned(), 3, 3)), "{counts:?}");
    assert_eq!(world.apple.requests(&token.uid, "assets").await, 3, "one reading a purchase");
    world.must_be_clean().await;
}

async fn many_purchases_at_once_are_counted_in_few_readings(profile: Profile) {
    let world = World::start(Setup::of(profile).apple(|rules| rules.page_size = 1_000)).await;
    let location = world.apple.location("North", 80, 10, 0).await;
    let token = world.token(&location, "north").await;
    world.apple.forget().await;
    for number in 1..=80 {
        world.apple.buy(&token.uid, &app(number), 1).await;
    }
    let counts = world.counts_agree(&token).await;
    assert!(counts.iter().all(|(_, total, free)| (*total, *free) == (11, 11)), "{counts:?}");
    let readings = world.apple.requests(&token.uid, "assets").await;
    assert!(readings < 80, "{readings} readings");
    world.must_be_clean().await;
}

async fn counts_are_right_whatever_becomes_of_notifications(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 3, 10, 0).await;
    let token = world.token(&location, "north").await;
    for fate in
        [json!({ "kind": "doubled" }), json!({ "kind": "late", "ms": 1_500 }), json!({ "kind": "reordered" })]
    {
        world.apple.heal().await;
        world.apple.fault(&json!({ "on": { "endpoint": "notifications" }, "what": fate })).await;
        for number in 1..=3 {
            world.apple.buy(&token.uid, &app(number), 5).await;
            world.apple.buy(&token.uid, &app(number), -2).await;
        }
        world.counts_agree(&token).await;
    }
    // A sync in between has read what a late notification tells again.
    world.apple.heal().await;
    world
        .apple
        .fault(&json!({ "on": { "endpoint": "notifications" }, "what": { "kind": "late", "ms": 3_000 } }))
        .await;
    world.apple.buy(&token.uid, &app(1), 50).await;
    world.succeed(&token.full_sync()).await;
    let counts = world.counts_agree(&token).await;
    eventually("the late notification to be read", async || {
        let path = format!("/tokens/{}/notifications?type=ASSET_COUNT&limit=1", token.id);
        let newest = world.api.get(&path).await["items"][0].clone();
        let sent = world.apple.ledger().await["notifications"]["sent"].as_u64();
        let delivered = world.apple.ledger().await["notifications"]["delivered"].as_u64();
        let is_read = newest["read_at"].is_string();
        if sent == delivered && is_read { Ok(()) } else { Err(format!("{newest}, {sent:?} {delivered:?}")) }
    })
    .await;
    assert_eq!(world.counts_agree(&token).await, counts, "it is not counted twice");
    // A lost one is made good by the next sync.
    world.apple.heal().await;
    world.apple.fault(&json!({ "on": { "endpoint": "notifications" }, "what": { "kind": "lost" } })).await;
    world.apple.buy(&token.uid, &app(2), 9).await;
    world.succeed(&token.full_sync()).await;
    world.counts_agree(&token).await;
    world.must_be_clean().await;
}

async fn a_purchase_while_apple_cannot_be_read_is_counted_once_it_can(profile: Profile) {
    let mut world = World::of(profile).await;
    let location = world.apple.location("North", 2, 10, 0).await;
    let token = world.token(&location, "north").await;
    let down = json!({ "on": { "endpoint": "assets" }, "what": { "kind": "status", "status": 503 } });
    let fault = world.apple.fault(&down).await;
    world.apple.buy(&token.uid, &app(1), 5).await;
    eventually("Apple to have been asked in vain", async || match world.apple.struck(fault).await {
        0 => Err("nobody has asked".to_owned()),
        _ => Ok(()),
    })
    .await;
    // Nor is it forgotten with the process that knew of it.
    world.kill_oldest_worker();
    world.start_worker().await;
    world.apple.heal().await;
    let counts = world.counts_agree(&token).await;
    assert!(counts.contains(&(app(1), 15, 15)), "{counts:?}");
    world.must_be_clean().await;
}

async fn licenses_that_were_bought_are_given_to_those_who_wait(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 3, 0).await;
    let token = world.token(&location, "north").await;
    let first = world.end_of(world.submit(&token.assign(&[app(1)], &serials(0..5), &[])).await).await;
    assert_eq!(first["progress"]["refused"], 2, "{first}");
    world.apple.buy(&token.uid, &app(1), 2).await;
    world.counts_agree(&token).await;
    let id = first["id"].as_i64().expect("a number");
    let _ = world.api.post(&format!("/jobs/{id}/retry"), &json!({})).await.with(202);
    world.must_have_succeeded(&world.end_of(id).await);
    assert_eq!(world.must_agree(&token).await.len(), 5);
    world.must_be_clean().await;
}
