//! Taking back without saying everything.

use russet_tests::{Profile, World, app, on_both_profiles, serials, users};

on_both_profiles!(
    without_apps_all_that_the_holders_hold_is_taken_back,
    without_holders_all_of_the_apps_is_taken_back,
    what_is_assigned_and_revoked_at_once_ends_as_it_was_wished_last,
);

async fn without_apps_all_that_the_holders_hold_is_taken_back(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 4, 50, 5).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..10), &users(1..3))).await;
    world.succeed(&token.assign(&[app(3), app(4)], &serials(5..15), &[])).await;

    let ended = world.succeed(&token.revoke(&[], &serials(8..12), &users(1..2))).await;
    // Devices 8 and 9 hold four, 10 and 11 hold two, the user holds two.
    assert_eq!(ended["progress"]["total"], 14, "{ended}");
    let held = world.must_agree(&token).await;
    assert_eq!(held.len(), 24 + 20 - 14);
    assert!(
        held.iter().all(|(_, holder)| !serials(8..12).iter().any(|serial| holder.ends_with(serial.as_str())))
    );
    world.must_be_clean().await;
}

async fn without_holders_all_of_the_apps_is_taken_back(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 3, 50, 5).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1), app(2), app(3)], &serials(0..10), &users(1..3))).await;

    let ended = world.succeed(&token.revoke(&[app(1), app(3)], &[], &[])).await;
    assert_eq!(ended["progress"]["total"], 24, "{ended}");
    let held = world.must_agree(&token).await;
    assert_eq!(held.len(), 12);
    assert!(held.iter().all(|(app_held, _)| *app_held == app(2)), "{held:?}");
    world.must_be_clean().await;
}

async fn what_is_assigned_and_revoked_at_once_ends_as_it_was_wished_last(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;
    let (assign, revoke) = (
        token.assign(&[app(1), app(2)], &serials(0..10), &[]),
        token.revoke(&[app(1), app(2)], &serials(0..10), &[]),
    );
    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(world.submit(&assign).await);
        jobs.push(world.submit(&revoke).await);
    }
    let last = world.submit(&assign).await;
    for job in jobs {
        let ended = world.end_of(job).await;
        assert!(ended["progress"]["refused"] == 0, "a wish that was replaced is no failure: {ended}");
    }
    world.must_have_succeeded(&world.end_of(last).await);
    assert_eq!(world.must_agree(&token).await.len(), 20);
    world.must_be_clean().await;
}
