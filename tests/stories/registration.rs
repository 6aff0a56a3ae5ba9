//! Apple's notifications are kept coming: registered, changed by others, tested, with new secrets, or not at all.

use reqwest::Method;
use russet_tests::{Profile, Setup, Token, World, app, eventually, on_both_profiles, serials};
use serde_json::{Value, json};

on_both_profiles!(
    a_registration_that_others_changed_is_registered_again_at_the_next_check,
    a_new_secret_takes_the_place_of_the_old_one_and_nothing_is_lost,
    a_test_says_when_the_notification_came,
    an_address_that_apple_cannot_reach_is_named_and_everything_works_by_polling,
    a_notification_about_another_location_changes_nothing_and_is_counted,
    a_type_that_nobody_knows_is_kept_as_it_came,
);

/// With a look at every registration each two seconds.
fn checked(profile: Profile) -> Setup {
    Setup::of(profile)
        .setting("SCHEDULE__CHECK_NOTIFICATIONS", "*/2 * * * * *")
        .setting("SCHEDULE__SPREAD", "false")
}

async fn a_registration_that_others_changed_is_registered_again_at_the_next_check(profile: Profile) {
    let world = World::start(checked(profile)).await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token(&location, "north").await;
    let ours = world.apple.notified(&token.content).await;
    let url = ours["notificationUrl"].as_str().expect("an address").to_owned();
    assert!(url.ends_with(&format!("/api/v1/apple/notifications/{}", token.id)), "{ours}");
    let types = ours["subscribedNotificationTypes"].as_array().expect("types").len();
    assert_eq!(types, 5, "all that Apple offers and Russet reads: {ours}");

    // Somebody wants to hear of less.
    let less = json!({ "notificationTypes": ["ASSET_COUNT"] });
    world.apple.as_another_server(&token.content, Method::POST, "client/config", &less).await;
    eventually("the types to be as they were", async || {
        let (_, now) = world.apple.registered(&token.uid).await;
        if now.len() == types { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;

    // Somebody has them sent elsewhere: to where another location's go.
    let south = world.token(&world.apple.location("South", 1, 10, 0).await, "south").await;
    send_to(&world, &token, &south).await;
    eventually("the address to be ours again", async || {
        let (now, _) = world.apple.registered(&token.uid).await;
        if now == url { Ok(()) } else { Err(now) }
    })
    .await;
    let now = world.apple.notified(&token.content).await;
    assert_ne!(
        now["notificationAuthToken"], ours["notificationAuthToken"],
        "whoever knew the old secret is out"
    );
    world.must_be_clean().await;
}

/// Has the notifications of one location sent to the address of another, as a server with both tokens can.
async fn send_to(world: &World, from: &Token, to: &Token) {
    let there = world.apple.notified(&to.content).await;
    let moved = json!({
        "notificationUrl": there["notificationUrl"],
        "notificationAuthToken": there["notificationAuthToken"],
    });
    world.apple.as_another_server(&from.content, Method::POST, "client/config", &moved).await;
}

async fn a_new_secret_takes_the_place_of_the_old_one_and_nothing_is_lost(profile: Profile) {
    let setup =
        Setup::of(profile).setting("APPLE__POLL_AFTER_S", "60").setting("APPLE__READ_BACK_AFTER_S", "60");
    let world = World::start(setup).await;
    let location = world.apple.location("North", 1, 100, 0).await;
    let token = world.token(&location, "north").await;
    let before = world.apple.notified(&token.content).await;
    let path = format!("/tokens/{}/notifications/rotate", token.id);
    let rotated = world.api.post(&path, &json!({})).await.with(200);
    assert_eq!(rotated["notifications"]["registered"], true, "{rotated}");
    let after = world.apple.notified(&token.content).await;
    assert_ne!(after["notificationAuthToken"], before["notificationAuthToken"]);

    // Only notifications end this job in time.
    world.succeed(&token.assign(&[app(1)], &serials(0..20), &[])).await;
    assert_eq!(world.apple.requests(&token.uid, "status").await, 0);
    // One that Apple tries again with the secret of its first attempt.
    let old = before["notificationAuthToken"].as_str().expect("a secret");
    let again = world.api.with_key(old);
    let late =
        json!({ "notificationId": "late", "notificationType": "TEST_NOTIFICATION", "notification": {} });
    let answer = again.post(&format!("/apple/notifications/{}", token.id), &late).await;
    assert_eq!(answer.status, 200, "{answer}");
    let audited = world.api.list(&format!("/jobs?kind=register_notifications&token={}", token.id)).await;
    assert_eq!((audited.len(), &audited[0]["state"]), (1, &json!("succeeded")), "{audited:?}");
    world.must_be_clean().await;
}

async fn a_test_says_when_the_notification_came(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token(&location, "north").await;
    let before = world.apple.notified(&token.content).await;
    let tested =
        world.api.post(&format!("/tokens/{}/notifications/test", token.id), &json!({})).await.with(200);
    assert_eq!(tested["came"], true, "{tested}");
    assert!(tested["received_at"].is_string() && tested["after_ms"].is_u64(), "{tested}");
    let key_file = world.directory().join("key");
    std::fs::write(&key_file, world.api.key()).expect("a file");
    let key_file = key_file.display().to_string();
    let url = world.api.url().to_owned();
    let access = ["--url", &url, "--key-file", &key_file];
    let said = world.russet(&[&["token", "notify-test", "north"][..], &access].concat());
    assert!(said.good().contains("came after"), "{said:?}");
    let listed = world.russet(&[&["token", "notifications", "north"][..], &access].concat());
    assert!(listed.good().contains("TEST_NOTIFICATION"), "{listed:?}");
    assert_eq!(world.apple.notified(&token.content).await, before, "a test changes nothing");
    world.must_be_clean().await;
}

async fn an_address_that_apple_cannot_reach_is_named_and_everything_works_by_polling(profile: Profile) {
    let world = World::start(Setup::of(profile).called_at("http://127.0.0.1:1")).await;
    let location = world.apple.location("North", 1, 100, 0).await;
    let token = world.token(&location, "north").await;
    let shown = world.api.get(&format!("/tokens/{}", token.id)).await;
    assert_eq!(shown["notifications"]["registered"], false, "{shown}");
    assert_eq!(shown["notifications"]["error"]["code"], "notification_address_unreachable", "{shown}");
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Russet", "the location is ours all the same");

    let tested =
        world.api.post(&format!("/tokens/{}/notifications/test", token.id), &json!({})).await.with(200);
    assert_eq!(
        (&tested["came"], &tested["code"]),
        (&json!(false), &json!("notification_address_unreachable"))
    );
    let look_at = tested["look_at"].to_string();
    for word in ["DNS", "TLS", "443", "Authorization"] {
        assert!(look_at.contains(word), "{look_at}");
    }
    let rotated = world.api.post(&format!("/tokens/{}/notifications/rotate", token.id), &json!({})).await;
    assert_eq!(rotated.problem().0, "notification_address_unreachable");
    let doctor = world.russet(&["doctor", "--json"]);
    let said = doctor.stdout.clone();
    assert!(said.contains("notify-test") && said.contains("north"), "{doctor:?}");

    world.succeed(&token.assign(&[app(1)], &serials(0..20), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 20);
    world.must_be_clean().await;
}

async fn a_notification_about_another_location_changes_nothing_and_is_counted(profile: Profile) {
    let world = World::of(profile).await;
    let north = world.token(&world.apple.location("North", 1, 10, 0).await, "north").await;
    let south = world.token(&world.apple.location("South", 1, 10, 0).await, "south").await;
    send_to(&world, &north, &south).await;
    let before = world.owned(&south).await;
    world.apple.buy(&north.uid, &app(1), 5).await;
    let seen = eventually("the purchase to be read as another location's", async || {
        let list = world.api.list(&format!("/tokens/{}/notifications?type=ASSET_COUNT", south.id)).await;
        match list.first() {
            Some(one) if one["verdict"] == "other_location" => Ok(one.clone()),
            _ => Err(format!("{list:?}")),
        }
    })
    .await;
    assert!(seen["read_at"].is_string(), "{seen}");
    assert_eq!(world.owned(&south).await, before);
    let metrics = world.api.send(Method::GET, "//metrics", None).await.text;
    let counted =
        metrics.lines().find(|line| line.contains("outcome=\"other_location\"")).unwrap_or_default();
    assert!(!counted.ends_with(" 0") && !counted.is_empty(), "{metrics}");
    world.must_be_clean().await;
}

async fn a_type_that_nobody_knows_is_kept_as_it_came(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token(&location, "north").await;
    let config = world.apple.notified(&token.content).await;
    let apple = world.api.with_key(config["notificationAuthToken"].as_str().expect("a secret"));
    let body = json!({
        "notificationId": "n-new", "notificationType": "SOMETHING_NEW", "uId": token.uid,
        "notification": { "shape": ["nobody", { "knows": true }] },
    });
    let sent = apple.post(&format!("/apple/notifications/{}", token.id), &body).await;
    assert_eq!(sent.status, 200, "{sent}");
    let one = eventually("it to be read", async || {
        let list = world.api.list(&format!("/tokens/{}/notifications?type=SOMETHING_NEW", token.id)).await;
        match list.first() {
            Some(one) if one["verdict"] == "other" => Ok(one.clone()),
            _ => Err(format!("{list:?}")),
        }
    })
    .await;
    let whole: Value = world.api.get(&format!("/tokens/{}/notifications/{}", token.id, one["id"])).await;
    assert_eq!(whole["body"], body, "{whole}");
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_address_the_doctor_says_how_old_news_gets_and_a_test_says_what_is_missing() {
    let setup =
        Setup::of(Profile::Single).without_notifications().setting("SCHEDULE__SYNC_TOKEN", "0 */6 * * *");
    let world = World::start(setup).await;
    let location = world.apple.location("North", 1, 10, 0).await;
    world.token(&location, "north").await;
    let doctor = world.russet(&["doctor"]);
    assert!(doctor.good().contains("Apple is polled") && doctor.good().contains("6 h"), "{doctor:?}");
    let tested = world.russet(&["token", "notify-test", "north"]);
    assert_eq!(tested.code, Some(1), "{tested:?}");
    assert!(tested.stdout.contains("api.public_url"), "{tested:?}");
    world.must_be_clean().await;
}
