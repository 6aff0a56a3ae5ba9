//! Newer versions go out in their time, to few devices first, and where a job asks for them (wish 13).

use std::time::Duration;

use reqwest::Method;
use russet_tests::{Profile, Setup, World, app, eventually, on_both_profiles};
use serde_json::{Value, json};

use crate::gate::quick;
use crate::updates::{Fleet, NEWER};

on_both_profiles!(
    a_new_version_begins_anew_and_a_job_tries_again,
    a_ring_of_failures_halts_the_version_until_somebody_says_otherwise,
    updates_keep_to_the_window_by_the_clock_of_the_device,
    a_job_pushes_what_it_names_and_nothing_else,
    bad_update_jobs_and_policies_are_refused_in_words,
);

async fn a_new_version_begins_anew_and_a_job_tries_again(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 1).await;
    fleet.world.behave(&fleet.devices, &json!({ "refuses": true })).await;
    fleet.publish(NEWER).await;
    fleet.world.until_install(&fleet.devices[0], "resting").await;
    fleet.world.behave(&fleet.devices, &json!({ "refuses": false })).await;
    let ended = fleet.push(json!({})).await;
    fleet.world.must_have_succeeded(&ended);
    assert_eq!(fleet.version_of(&fleet.devices[0]).await, json!(NEWER));
    let of_job = fleet.world.api.list(&format!("/jobs/{}/installs", ended["id"])).await;
    assert_eq!((of_job.len(), &of_job[0]["state"]), (1, &json!("installed")), "{of_job:?}");
    fleet.publish(NEWER + 1).await;
    eventually("the next version", async || {
        let version = fleet.version_of(&fleet.devices[0]).await;
        if version == json!(NEWER + 1) { Ok(()) } else { Err(version.to_string()) }
    })
    .await;
}

async fn a_ring_of_failures_halts_the_version_until_somebody_says_otherwise(profile: Profile) {
    must_halt_and_go_on(&Fleet::start(quick(Setup::of(profile)), 60).await).await;
}

/// Sixty devices: those of the first ring decline, so that the version goes to nobody else until somebody lets it.
pub(crate) async fn must_halt_and_go_on(fleet: &Fleet) {
    fleet.policy(json!({ "update_rings": "30,100", "update_soak_hours": "0" })).await;
    fleet.world.behave(&fleet.devices, &json!({ "refuses": true })).await;
    fleet.publish(NEWER).await;
    let first = eventually("the first ring to end", async || {
        let installs = fleet.installs().await;
        let resting = installs.iter().filter(|install| install["state"] == "resting").count();
        if resting >= 5 && resting == installs.len() {
            Ok(resting)
        } else {
            Err(format!("{resting} of {}", installs.len()))
        }
    })
    .await;
    assert!(first < 40, "{first} of 60 devices are no first ring of thirty percent");
    fleet.read_store().await;
    let rollout = eventually("the halt", async || {
        let rollouts = fleet.world.api.list(&format!("/tokens/{}/rollouts", fleet.token.id)).await;
        match rollouts.first() {
            Some(rollout) if rollout["halted"] == true => Ok(rollout.clone()),
            _ => Err(format!("{rollouts:?}")),
        }
    })
    .await;
    assert!(rollout["reason"].as_str().is_some_and(|reason| reason.contains("failed")), "{rollout}");
    for _ in 0..2 {
        fleet.read_store().await;
    }
    assert_eq!(fleet.installs().await.len(), first, "nobody else gets it");
    fleet.world.behave(&fleet.devices, &json!({ "refuses": false })).await;
    let path = format!("/tokens/{}/rollouts/resume", fleet.token.id);
    let _ = fleet.world.api.post(&path, &json!({ "adam_id": app(1) })).await.with(204);
    eventually("the rest to have it", async || {
        let installs = fleet.installs().await;
        let installed = installs.iter().filter(|install| install["state"] == "installed").count();
        if installed == 60 - first { Ok(()) } else { Err(format!("{installed}")) }
    })
    .await;
    assert_eq!(
        fleet.world.api.post(&path, &json!({ "adam_id": app(1) })).await.problem().0,
        "nothing_halted"
    );
}

async fn updates_keep_to_the_window_by_the_clock_of_the_device(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 2).await;
    // Two zones of which at any time one is in the window of twelve hours and the other is not.
    let half_past = |serial: &String, zone: &str| json!({ "serial": serial, "time_zone": zone });
    let _ = fleet.world.api.post("/devices", &half_past(&fleet.devices[0], "Etc/GMT")).await.with(200);
    let _ = fleet.world.api.post("/devices", &half_past(&fleet.devices[1], "Etc/GMT-12")).await.with(200);
    let hour = russet_tests::now_ms() / 3_600_000 % 24;
    let window = format!("{:02}:00-{:02}:00", (hour + 24 - 1) % 24, (hour + 6) % 24);
    fleet.policy(json!({ "update_window": window })).await;
    fleet.publish(NEWER).await;
    fleet.world.until_install(&fleet.devices[0], "installed").await;
    let waiting = fleet.world.until_install(&fleet.devices[1], "ready").await;
    let due = russet_tests::millis(waiting["due_at"].as_str().expect("a moment"));
    assert!(due > russet_tests::now_ms() + 3_600_000, "{waiting}");
    assert_eq!(fleet.world.installs_given(&fleet.devices[1]).await, Vec::<Value>::new());
    // A job may wait for the window, or not.
    let id = fleet
        .world
        .submit(&json!({ "kind": "push_update", "token": fleet.token.id, "when": "window" }))
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let job = fleet.world.job(id).await;
    assert_eq!(job["progress"]["planned"], 1, "{job}");
}

async fn a_job_pushes_what_it_names_and_nothing_else(profile: Profile) {
    let fleet = Fleet::start(quick(Setup::of(profile)), 3).await;
    let token = format!("/tokens/{}", fleet.token.id);
    let _ =
        fleet.world.api.send(Method::PATCH, &token, Some(&json!({ "auto_update": false }))).await.with(200);
    fleet.publish(NEWER).await;
    let ended = fleet.push(json!({ "apps": [app(2)] })).await;
    assert_eq!((&ended["state"], &ended["result"]["updates"]), (&json!("succeeded"), &json!(0)), "{ended}");
    let ended = fleet.push(json!({ "apps": [app(1)], "serials": [fleet.devices[2]] })).await;
    fleet.world.must_have_succeeded(&ended);
    assert_eq!((&ended["progress"]["settled"], fleet.given().await), (&json!(1), 1), "{ended}");
    assert_eq!(fleet.version_of(&fleet.devices[2]).await, json!(NEWER));
}

async fn bad_update_jobs_and_policies_are_refused_in_words(profile: Profile) {
    let world = World::start(quick(Setup::of(profile))).await;
    let location = world.apple.location("North", 1, 1, 0).await;
    let token = world.token(&location, "north").await;
    let job = |field: &str, value: Value| {
        let mut job = json!({ "kind": "push_update", "token": token.id });
        job[field] = value;
        job
    };
    for (field, value, code) in [
        ("apps", json!([]), "empty_list"),
        ("apps", json!(["pages"]), "invalid_field"),
        ("serials", json!(["not a serial"]), "invalid_field"),
        ("when", json!("later"), "invalid_field"),
        ("token", json!(99), "unknown_token"),
    ] {
        assert_eq!(world.api.post("/jobs", &job(field, value)).await.problem().0, code, "{field}");
    }
    let path = format!("/tokens/{}/policies", token.id);
    for (name, value) in [("update_window", "22-5"), ("update_rings", "10,1,100"), ("update_soak_hours", "x")]
    {
        let (code, detail) =
            world.api.send(Method::PATCH, &path, Some(&json!({ name: value }))).await.problem();
        assert_eq!(code, "invalid_field", "{name}");
        assert!(detail.contains("such as") || detail.contains("number"), "{detail}");
    }
    let zone = json!({ "serial": "C0A", "time_zone": "Mars/Olympus" });
    assert!(world.api.post("/devices", &zone).await.problem().1.contains("time_zone"));
}
