//! Russet at another time: what only comes about in months is played against the simulator with clocks that are ahead.

use std::time::Duration;

use russet_tests::{Profile, Setup, millis, now_ms, on_both_profiles};
use serde_json::{Value, json};

use crate::gate::quick;
use crate::updates::{Fleet, NEWER};

on_both_profiles!(
    a_window_is_kept_to_in_the_night_in_which_clocks_go_forward,
    a_window_is_kept_to_in_the_night_in_which_clocks_go_back,
    an_update_whose_window_went_by_waits_for_the_next,
    a_license_whose_device_is_not_seen_for_weeks_is_idle,
);

/// In Amsterdam it is two in the night, and then three.
const FORWARD: &str = "2027-03-28T01:00:00.000Z";
/// In Amsterdam it is three in the night, and then two again.
const BACK: &str = "2027-10-31T01:00:00.000Z";

/// How far a moment is ahead of this machine.
fn until(moment: &str, offset_s: i64) -> Duration {
    let ahead = (millis(moment) - now_ms()) / 1_000 + offset_s;
    Duration::from_secs(u64::try_from(ahead).expect("a moment to come"))
}

/// Devices in three zones, updates of which keep to a window, and a newer version.
async fn at(profile: Profile, moment: &str, offset_s: i64, window: &str) -> Fleet {
    let fleet = Fleet::start(quick(Setup::of(profile).ahead(until(moment, offset_s))), 3).await;
    for (serial, zone) in fleet.devices.iter().zip(["Europe/Amsterdam", "Etc/UTC", "America/New_York"]) {
        let device = json!({ "serial": serial, "time_zone": zone });
        let _ = fleet.world.api.post("/devices", &device).await.with(200);
    }
    fleet.policy(json!({ "update_window": window })).await;
    fleet.publish(NEWER).await;
    fleet
}

/// When each device's update may go out.
async fn dues(fleet: &Fleet) -> Vec<Value> {
    let mut dues = Vec::new();
    for serial in &fleet.devices {
        dues.push(fleet.world.until_install(serial, "ready").await["due_at"].clone());
    }
    dues
}

async fn a_window_is_kept_to_in_the_night_in_which_clocks_go_forward(profile: Profile) {
    // Clocks in Amsterdam show nothing of it in this night: it is held right after the gap.
    let mut fleet = at(profile, FORWARD, -600, "02:30-02:45").await;
    let others = [json!("2027-03-28T02:30:00.000Z"), json!("2027-03-28T06:30:00.000Z")];
    assert_eq!(dues(&fleet).await, [&[json!(FORWARD)][..], &others].concat());

    let ahead = until(FORWARD, -4);
    fleet.world.move_to(ahead).await;
    fleet.world.until_install(&fleet.devices[0], "installed").await;
    assert!(now_ms() + i64::try_from(ahead.as_millis()).expect("some time") >= millis(FORWARD));
    assert_eq!(dues_of_the_rest(&fleet).await, others);
    assert_eq!(fleet.given().await, 1);
}

async fn a_window_is_kept_to_in_the_night_in_which_clocks_go_back(profile: Profile) {
    // Half past two has been in Amsterdam, and comes once more.
    let mut fleet = at(profile, BACK, -600, "02:30-02:45").await;
    let others = [json!("2027-10-31T02:30:00.000Z"), json!("2027-10-31T06:30:00.000Z")];
    let again = "2027-10-31T01:30:00.000Z";
    assert_eq!(dues(&fleet).await, [&[json!(again)][..], &others].concat());

    fleet.world.move_to(until(again, 60)).await;
    fleet.world.until_install(&fleet.devices[0], "installed").await;
    assert_eq!(dues_of_the_rest(&fleet).await, others);
    assert_eq!(fleet.given().await, 1);
}

async fn an_update_whose_window_went_by_waits_for_the_next(profile: Profile) {
    let mut fleet = at(profile, FORWARD, -86_400, "03:30-04:30").await;
    let first = dues(&fleet).await;
    // Nobody worked while the windows of two of the devices were open.
    fleet.world.move_to(until(FORWARD, -86_400 + 5 * 3_600)).await;
    russet_tests::eventually("the updates to wait for the next night", async || {
        let now = dues(&fleet).await;
        let next = [json!("2027-03-28T01:30:00.000Z"), json!("2027-03-28T03:30:00.000Z"), first[2].clone()];
        if now == next { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    assert_eq!(fleet.given().await, 0);
    // A job that does not wait for windows takes them along at once.
    let ended = fleet.push(json!({ "serials": [fleet.devices[1]] })).await;
    fleet.world.must_have_succeeded(&ended);
    assert_eq!(fleet.given().await, 1);
}

/// When the updates of all but the first device may go out.
async fn dues_of_the_rest(fleet: &Fleet) -> Vec<Value> {
    let mut dues = Vec::new();
    for serial in &fleet.devices[1..] {
        dues.push(fleet.world.until_install(serial, "ready").await["due_at"].clone());
    }
    dues
}

async fn a_license_whose_device_is_not_seen_for_weeks_is_idle(profile: Profile) {
    const DAY: Duration = Duration::from_secs(86_400);
    let mut fleet = Fleet::start(quick(Setup::of(profile)), 3).await;
    fleet.policy(json!({ "idle_days": "14", "drift_idle": "fix" })).await;
    fleet.world.behave(&fleet.devices[..2], &json!({ "asleep": true })).await;
    assert_eq!(idle(&fleet).await, [""; 0]);

    // A device that lives is asked for its apps each day, and answers.
    fleet.world.move_to(20 * DAY).await;
    let now = now_ms() + 20 * 86_400_000 - 3_600_000;
    let awake = &fleet.devices[2];
    let is_seen = |device: &Value| device["last_seen_at"].as_str().is_some_and(|seen| millis(seen) > now);
    fleet.world.until_device(awake, "seen", is_seen).await;
    assert_eq!(idle(&fleet).await, fleet.devices[..2]);
    fleet.world.succeed(&fleet.token.full_sync()).await;
    assert_eq!(idle(&fleet).await, fleet.devices[..2], "for two weeks they are only told");

    fleet.world.move_to(40 * DAY).await;
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
