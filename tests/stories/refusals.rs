//! Wishes that cannot be fulfilled, beside those that can.

use russet_tests::{Profile, World, app, on_both_profiles, serials, users};
use serde_json::{Value, json};

on_both_profiles!(
    exactly_as_many_as_are_free_are_held_and_the_rest_is_refused,
    jobs_that_compete_for_the_last_licenses_get_as_many_as_there_are,
    a_book_for_a_device_is_refused_and_the_rest_goes_on,
    a_license_that_cannot_be_taken_back_stays_and_the_rest_goes_on,
    users_that_apple_does_not_know_are_refused_and_the_rest_goes_on,
    a_wish_that_is_already_fulfilled_needs_no_request,
);

async fn exactly_as_many_as_are_free_are_held_and_the_rest_is_refused(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 12, 0).await;
    // Somebody else holds two.
    world.apple.assign(&location.uid, &app(1), &serials(900..902)).await;
    let token = world.token(&location, "north").await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    assert_eq!(ended["progress"]["settled"], 22, "{ended}");
    assert_eq!(ended["progress"]["refused"], 18, "{ended}");
    for change in world.api.list(&format!("/jobs/{job}/changes?state=refused")).await {
        assert_eq!(change["error"]["code"], "no_license_available", "{change}");
    }
    assert_eq!(world.must_agree(&token).await.len(), 24);

    // More are bought, and those that were refused get theirs.
    world.apple.buy(&token.uid, &app(1), 100).await;
    world.apple.buy(&token.uid, &app(2), 100).await;
    let again = world.api.post(&format!("/jobs/{job}/retry"), &json!({})).await.good();
    let ended = world.end_of(again["id"].as_i64().expect("a job")).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(world.must_agree(&token).await.len(), 42);
    world.must_be_clean().await;
}

async fn jobs_that_compete_for_the_last_licenses_get_as_many_as_there_are(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 25, 0).await;
    let token = world.token(&location, "north").await;
    let apps = [app(1), app(2)];

    let mut jobs = Vec::new();
    for number in 0..4 {
        jobs.push(world.submit(&token.assign(&apps, &serials(number * 10..number * 10 + 10), &[])).await);
    }
    let (mut settled, mut refused) = (0, 0);
    for job in jobs {
        let ended = world.end_of(job).await;
        settled += ended["progress"]["settled"].as_u64().expect("a count");
        refused += ended["progress"]["refused"].as_u64().expect("a count");
    }
    assert_eq!((settled, refused), (50, 30));
    assert_eq!(world.must_agree(&token).await.len(), 50);

    // What one job takes back another one gets, although they are submitted together.
    let back = world.submit(&token.revoke(&apps, &serials(0..40), &[])).await;
    let given = world.submit(&token.assign(&apps, &serials(50..75), &[])).await;
    world.must_have_succeeded(&world.end_of(back).await);
    world.must_have_succeeded(&world.end_of(given).await);
    assert_eq!(world.must_agree(&token).await.len(), 50);
    world.must_be_clean().await;
}

async fn a_book_for_a_device_is_refused_and_the_rest_goes_on(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 5).await;
    let book = json!({ "adam_id": "600000001", "product_type": "Book", "total": 50 });
    let users_only = json!({ "adam_id": "600000002", "device_assignable": false, "total": 50 });
    world.apple.put_assets(&location.uid, &json!([book, users_only])).await;
    let token = world.token(&location, "north").await;

    let apps = [app(1), "600000001".to_owned(), "600000002".to_owned()];
    let job = world.submit(&token.assign(&apps, &serials(0..4), &users(1..4))).await;
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    assert_eq!(ended["progress"]["settled"], 13, "{ended}");
    let refused = world.api.list(&format!("/jobs/{job}/changes?state=refused")).await;
    assert_eq!(refused.len(), 8);
    for change in refused {
        let code = if change["adam_id"] == "600000001" { "book_to_device" } else { "not_device_assignable" };
        assert_eq!(change["error"]["code"], code, "{change}");
        assert!(change["serial"].is_string(), "{change}");
    }
    assert_eq!(world.must_agree(&token).await.len(), 13);
    world.must_be_clean().await;
}

async fn a_license_that_cannot_be_taken_back_stays_and_the_rest_goes_on(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 50, 0).await;
    let sticky = json!({ "adam_id": "600000003", "revocable": false, "total": 50 });
    world.apple.put_assets(&location.uid, &json!([sticky])).await;
    let token = world.token(&location, "north").await;
    let apps = [app(1), "600000003".to_owned()];
    world.succeed(&token.assign(&apps, &serials(0..4), &[])).await;

    let job = world.submit(&token.revoke(&apps, &serials(0..4), &[])).await;
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    for change in world.changes(job).await {
        if change["adam_id"] == "600000003" {
            assert_eq!(change["state"], "refused", "{change}");
            assert_eq!(change["error"]["code"], "not_revocable", "{change}");
        } else {
            assert_eq!(change["state"], "settled", "{change}");
        }
    }
    assert_eq!(world.must_agree(&token).await.len(), 4);
    world.must_be_clean().await;
}

async fn users_that_apple_does_not_know_are_refused_and_the_rest_goes_on(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 5).await;
    let token = world.token(&location, "north").await;

    let people = ["user-1".to_owned(), "nobody".to_owned(), "user-2".to_owned()];
    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..4), &people)).await;
    let ended = world.end_of(job).await;
    assert_eq!(ended["state"], "partly_failed", "{ended}");
    assert_eq!(ended["progress"]["settled"], 12, "{ended}");
    let refused = world.api.list(&format!("/jobs/{job}/changes?state=refused")).await;
    assert_eq!(refused.len(), 2);
    for change in refused {
        assert_eq!(change["user"], "nobody", "{change}");
        assert_eq!(change["error"]["code"], "user_not_registered", "{change}");
    }
    assert_eq!(world.must_agree(&token).await.len(), 12);
    world.must_be_clean().await;
}

async fn a_wish_that_is_already_fulfilled_needs_no_request(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let job = token.assign(&[app(1), app(2)], &serials(0..10), &[]);
    world.succeed(&job).await;
    world.apple.forget().await;

    let again = world.succeed(&job).await;
    assert_eq!(again["progress"]["total"], 20, "{again}");
    let gone = world.succeed(&token.revoke(&[app(1)], &serials(20..25), &[])).await;
    assert_eq!(gone["progress"]["total"], 5, "{gone}");
    let ledger = world.apple.ledger().await;
    assert_eq!(ledger["requests"]["associate"], 0, "{ledger:#}");
    assert_eq!(ledger["requests"]["disassociate"], 0, "{ledger:#}");
    let codes: Vec<Value> = world.changes(again["id"].as_i64().expect("a job")).await;
    assert!(codes.iter().all(|change| change["error"]["code"] == "already_held"), "{codes:?}");
    world.must_be_clean().await;
}
