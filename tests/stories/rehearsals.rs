//! Russet at another time: what only comes about in months is played against the simulator with clocks that are ahead.

use std::time::Duration;

use russet_tests::{Profile, Setup, millis, next_last_sunday, now_ms, on_both_profiles};
use serde_json::{Value, json};

use crate::gate::quick;
use crate::updates::{Fleet, NEWER};

on_both_profiles!(
    a_window_is_kept_to_in_the_night_in_which_clocks_go_forward,
    a_window_is_kept_to_in_the_night_in_which_clocks_go_back,
    an_update_whose_window_went_by_waits_for_the_next,
    what_waits_for_a_window_goes_by_the_one_that_is_decided_later,
    a_license_whose_device_is_not_seen_for_weeks_is_idle,
);

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The month in whose last night of a Sunday clocks in Europe go forward at one by UTC: in Amsterdam it is two, and then three.
const FORWARD: u32 = 3;
/// The month in which they go back: in Amsterdam it is three, and then two again.
const BACK: u32 = 10;

/// When clocks in Europe change next in a month, far enough ahead to play the day before.
fn change_of(month: u32) -> i64 {
    next_last_sunday(month, now_ms() + 2 * DAY) + HOUR
}

/// How far a moment is ahead of this machine.
fn until(moment: i64) -> Duration {
    Duration::from_millis(u64::try_from(moment - now_ms()).expect("a moment to come"))
}

/// Devices in three zones, updates of which keep to a window, and a newer version.
async fn at(profile: Profile, moment: i64, window: &str) -> Fleet {
    let fleet = Fleet::start(quick(Setup::of(profile).ahead(until(moment))), 3).await;
    for (serial, zone) in fleet.devices.iter().zip(["Europe/Amsterdam", "Etc/UTC", "America/New_York"]) {
        let device = json!({ "serial": serial, "time_zone": zone });
        let _ = fleet.world.api.post("/devices", &device).await.with(200);
    }
    fleet.policy(json!({ "update_window": window })).await;
    fleet.publish(NEWER).await;
    fleet
}

/// When the updates of devices may go out.
async fn dues(fleet: &Fleet, devices: &[String]) -> Vec<i64> {
    let mut dues = Vec::new();
    for serial in devices {
        let install = fleet.world.until_install(serial, "ready").await;
        dues.push(millis(install["due_at"].as_str().expect("a moment")));
    }
    dues
}

async fn a_window_is_kept_to_in_the_night_in_which_clocks_go_forward(profile: Profile) {
    let change = change_of(FORWARD);
    let mut fleet = at(profile, change - 10 * MINUTE, "02:30-02:45").await;
    // Clocks in Amsterdam show nothing of it in this night: it is held right after the gap.
    let expected = [change, change + 3 * HOUR / 2, change + 11 * HOUR / 2];
    assert_eq!(dues(&fleet, &fleet.devices).await, expected);

    let ahead = until(change - 4_000);
    fleet.world.move_to(ahead).await;
    fleet.world.until_install(&fleet.devices[0], "installed").await;
    assert!(now_ms() + i64::try_from(ahead.as_millis()).expect("some time") >= change);
    assert_eq!(dues(&fleet, &fleet.devices[1..]).await, expected[1..]);
    assert_eq!(fleet.given().await, 1);
}

async fn a_window_is_kept_to_in_the_night_in_which_clocks_go_back(profile: Profile) {
    let change = change_of(BACK);
    let mut fleet = at(profile, change - 10 * MINUTE, "02:30-02:45").await;
    // Half past two has been in Amsterdam, and comes once more.
    let expected = [change + HOUR / 2, change + 3 * HOUR / 2, change + 11 * HOUR / 2];
    assert_eq!(dues(&fleet, &fleet.devices).await, expected);
    let listed = fleet.world.until_install(&fleet.devices[0], "ready").await;
    let why = "It goes out in the token's update window, by the clock of the device.";
    assert_eq!((&listed["window"], &listed["explanation"]), (&json!("02:30-02:45"), &json!(why)));

    fleet.world.move_to(until(expected[0] + MINUTE)).await;
    fleet.world.until_install(&fleet.devices[0], "installed").await;
    assert_eq!(dues(&fleet, &fleet.devices[1..]).await, expected[1..]);
    assert_eq!(fleet.given().await, 1);
}

async fn an_update_whose_window_went_by_waits_for_the_next(profile: Profile) {
    let change = change_of(FORWARD);
    let mut fleet = at(profile, change - DAY, "03:30-04:30").await;
    let first = dues(&fleet, &fleet.devices).await;
    // Nobody worked while the windows of two of the devices were open.
    fleet.world.move_to(until(change - DAY + 5 * HOUR)).await;
    let next = [change + HOUR / 2, change + 5 * HOUR / 2, first[2]];
    russet_tests::eventually("the updates to wait for the next night", async || {
        let now = dues(&fleet, &fleet.devices).await;
        if now == next { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    assert_eq!(fleet.given().await, 0);
    // A job that does not wait for windows takes them along at once.
    let ended = fleet.push(json!({ "serials": [fleet.devices[1]] })).await;
    fleet.world.must_have_succeeded(&ended);
    assert_eq!(fleet.given().await, 1);
}

async fn what_waits_for_a_window_goes_by_the_one_that_is_decided_later(profile: Profile) {
    let change = change_of(FORWARD);
    let fleet = at(profile, change - DAY, "12:00-13:00").await;
    let first = dues(&fleet, &fleet.devices).await;
    fleet.policy(json!({ "update_window": "14:00-15:00" })).await;
    let moved: Vec<i64> = first.iter().map(|due| due + 2 * HOUR).collect();
    russet_tests::eventually("the updates to wait for the other window", async || {
        let now = dues(&fleet, &fleet.devices).await;
        if now == moved { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    assert_eq!(fleet.given().await, 0);
    fleet.policy(json!({ "update_window": null })).await;
    for serial in &fleet.devices {
        fleet.world.until_install(serial, "installed").await;
    }
    assert_eq!(fleet.given().await, 3);
}

async fn a_license_whose_device_is_not_seen_for_weeks_is_idle(profile: Profile) {
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let mut fleet = Fleet::start(quick(Setup::of(profile)), 3).await;
    fleet.policy(json!({ "idle_days": "14", "drift_idle": "fix" })).await;
    fleet.world.behave(&fleet.devices[..2], &json!({ "asleep": true })).await;
    assert_eq!(idle(&fleet).await, [""; 0]);

    // A device that lives is asked for its apps each day, and answers.
    fleet.world.move_to(days(20)).await;
    let now = now_ms() + 20 * DAY - HOUR;
    let awake = &fleet.devices[2];
    let is_seen = |device: &Value| device["last_seen_at"].as_str().is_some_and(|seen| millis(seen) > now);
    fleet.world.until_device(awake, "seen", is_seen).await;
    assert_eq!(idle(&fleet).await, fleet.devices[..2]);
    fleet.world.succeed(&fleet.token.full_sync()).await;
    assert_eq!(idle(&fleet).await, fleet.devices[..2], "for two weeks they are only told");

    fleet.world.move_to(days(40)).await;
    fleet.world.until_device(awake, "seen", |device| is_seen(device)).await;
    fleet.world.succeed(&fleet.token.full_sync()).await;
    fleet.world.until_held(&fleet.token, 1).await;
    let jobs = fleet.world.api.list(&format!("/jobs?token={}&kind=revoke_license", fleet.token.id)).await;
    assert_eq!((jobs.len(), &jobs[0]["args"]["drift"]), (1, &json!("idle")), "{jobs:?}");
    fleet.world.must_agree(&fleet.token).await;
}

/// The devices whose licenses count as idle.
async fn idle(fleet: &Fleet) -> Vec<String> {
    let rows = fleet.world.api.list(&format!("/tokens/{}/drift/idle", fleet.token.id)).await;
    let mut serials: Vec<String> =
        rows.iter().map(|row| row["serial"].as_str().expect("a serial").to_owned()).collect();
    serials.sort();
    serials
}
