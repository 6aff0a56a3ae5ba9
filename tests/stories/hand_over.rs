//! A location is handed over: who holds what is written down and signed, and Apple is told that it is nobody's.

use std::collections::BTreeSet;

use reqwest::Method;
use russet_tests::{
    License, Output, Profile, Setup, World, app, eventually, license, on_both_profiles, serials, users,
};
use serde_json::{Value, json};

on_both_profiles!(
    a_location_that_is_handed_over_leaves_all_its_licenses_in_signed_files,
    a_location_that_was_handed_over_is_read_and_not_written_until_it_is_taken_again,
    a_hand_over_waits_for_no_open_job_and_takes_no_new_one,
    a_hand_over_that_is_called_off_changes_nothing,
    a_hand_over_that_apple_does_not_take_keeps_the_claim_and_says_why,
    a_location_that_another_russet_let_go_of_is_claimed_without_an_order,
    a_worker_that_dies_while_it_lets_go_leaves_the_rest_to_the_next,
);

async fn probing(profile: Profile) -> World {
    let setup = Setup::of(profile)
        .setting("SCHEDULE__PROBE_TOKEN", "* * * * * *")
        .setting("SCHEDULE__SPREAD", "false");
    World::start(setup).await
}

fn command(world: &World, arguments: &[&str]) -> Output {
    let environment = [
        ("RUSSET_URL".to_owned(), world.api.url().to_owned()),
        ("RUSSET_KEY".to_owned(), world.api.key().to_owned()),
    ];
    russet_tests::russet(arguments, &environment)
}

async fn hand_over(world: &World, token: i64) -> Value {
    let job = world.api.post(&format!("/tokens/{token}/hand-over"), &json!({})).await.with(202);
    world.end_of(job["id"].as_i64().expect("a job's number")).await
}

fn licenses_in(text: &str) -> BTreeSet<License> {
    let spelled = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).expect("a line is JSON");
        entry["user"] = entry["client_user_id"].clone();
        license(&entry)
    };
    text.lines().map(spelled).collect()
}

async fn a_location_that_is_handed_over_leaves_all_its_licenses_in_signed_files(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 3, 100, 10).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1), app(2)], &serials(0..20), &users(1..6))).await;
    // Somebody else's, which is known only after a look.
    world.apple.assign(&token.uid, &app(3), &serials(90..93)).await;
    let held = world.apple.held(&token.uid).await;

    let out = world.directory().join("north-handed-over");
    let directory = out.display().to_string();
    let told = command(&world, &["token", "hand-over", "north", "--out", &directory, "--json"]).json();
    assert_eq!((&told["state"], &told["result"]["licenses"]), (&json!("succeeded"), &json!(53)), "{told}");
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect("the file");
    assert_eq!(licenses_in(&read("licenses.ndjson")), held);
    let table = read("licenses.csv");
    assert_eq!(table.lines().count(), 54, "a head and a line for each license");
    assert_eq!(table.lines().next(), Some("adam_id,pricing_param,serial,client_user_id"));
    let summary: Value = serde_json::from_str(&read("summary.json")).expect("JSON");
    assert_eq!(summary["location"]["uid"], token.uid, "{summary}");
    let first = summary["assets"].as_array().and_then(|assets| assets.first()).cloned().unwrap_or_default();
    assert_eq!(
        (&first["adam_id"], &first["device_licenses"], &first["user_licenses"]),
        (&json!(app(1)), &json!(20), &json!(5))
    );

    // Signed by this installation, and by nobody else.
    let ours = world.api.get("/installation").await;
    assert_eq!(ours["signing_key"]["public_key"], told["verified"]["public_key"], "{ours}");
    assert_eq!(summary["installation"]["id"], ours["id"]);
    let key = ours["signing_key"]["public_key"].as_str().expect("a key");
    let _ = command(&world, &["token", "verify", &directory, "--key", key]).good();
    let stranger = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(command(&world, &["token", "verify", &directory, "--key", stranger]).code, Some(1));
    std::fs::write(out.join("licenses.csv"), table.replacen("C0STORY00001", "C0STORY00099", 1))
        .expect("written");
    let damaged = command(&world, &["token", "verify", &directory]);
    assert!(damaged.code == Some(1) && damaged.stderr.contains("licenses.csv"), "{damaged:?}");

    // Apple shows in words that nobody has the location.
    let mdm = world.apple.mdm_of(&token.uid).await;
    assert!(mdm["id"].as_str().is_some_and(|id| id.starts_with("released-by-russet:")), "{mdm}");
    assert_eq!(mdm["name"], "Released by Russet");
    assert_eq!(world.apple.held(&token.uid).await, held, "no license moved");
    world.must_be_clean().await;
}

async fn a_location_that_was_handed_over_is_read_and_not_written_until_it_is_taken_again(profile: Profile) {
    let world = probing(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    let ended = hand_over(&world, token.id).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let seen = world.state_of(token.id, "handed_over").await;
    assert!(seen["state_detail"].as_str().is_some_and(|text| text.contains("handed over on")), "{seen}");
    assert!(seen["handed_over_at"].is_string(), "{seen}");
    let refused = world.api.post("/jobs", &token.revoke(&[app(1)], &serials(0..1), &[])).await;
    assert_eq!(refused.problem().0, "token_not_usable");

    // The files tell of the moment of the hand-over, whatever is read later.
    let files = world.api.get(&format!("/jobs/{}/files", ended["id"])).await;
    assert_eq!(files["items"].as_array().map(Vec::len), Some(4), "{files}");
    let path = format!("/jobs/{}/files/licenses.ndjson", ended["id"]);
    let before = world.api.send(Method::GET, &path, None).await.text;
    world.apple.give_to_mdm(&token.uid, "Next").await;
    world.apple.assign(&token.uid, &app(2), &serials(0..2)).await;
    world.succeed(&token.full_sync()).await;
    assert_eq!(world.must_agree(&token).await.len(), 7);
    assert_eq!(world.api.send(Method::GET, &path, None).await.text, before);
    let seen = eventually("the next server to be shown", async || {
        let seen = world.state_of(token.id, "handed_over").await;
        if seen["other_mdm"]["name"] == "Next" { Ok(seen) } else { Err(seen.to_string()) }
    })
    .await;
    assert!(seen["state_detail"].as_str().is_some_and(|text| text.contains("handed over on")), "{seen}");

    let job = world.api.post(&format!("/tokens/{}/take-over", token.id), &json!({})).await.with(202);
    let ended = world.end_of(job["id"].as_i64().expect("a job")).await;
    assert_eq!(ended["result"]["taken_from"]["name"], "Next", "{ended}");
    let seen = world.state_of(token.id, "valid").await;
    assert_eq!(seen["handed_over_at"], Value::Null, "{seen}");
    world.succeed(&token.assign(&[app(2)], &serials(5..7), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 9);
    world.must_be_clean().await;
}

async fn a_hand_over_waits_for_no_open_job_and_takes_no_new_one(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    let slow = json!({ "on": { "endpoint": "associate" }, "what": { "kind": "latency", "ms": 1500 } });
    world.apple.fault(&slow).await;
    let job = world.submit(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    let refused = world.api.post(&format!("/tokens/{}/hand-over", token.id), &json!({})).await;
    let (code, detail) = refused.problem();
    assert_eq!((refused.status, code.as_str()), (409, "jobs_open"));
    assert!(detail.contains(&job.to_string()), "{detail}");
    world.must_have_succeeded(&world.end_of(job).await);
    world.apple.heal().await;

    let hold = json!({ "on": { "endpoint": "assignments" }, "what": { "kind": "latency", "ms": 1000 } });
    world.apple.fault(&hold).await;
    let path = format!("/tokens/{}/hand-over", token.id);
    let begun = world.api.post(&path, &json!({})).await.with(202);
    assert_eq!(world.api.post(&path, &json!({})).await.with(202)["id"], begun["id"], "it is one hand-over");
    let refused = world.api.post("/jobs", &token.assign(&[app(2)], &serials(0..1), &[])).await;
    assert_eq!(refused.problem().0, "token_not_usable");
    let early = world.api.send(Method::GET, &format!("/jobs/{}/files/summary.json", begun["id"]), None).await;
    assert_eq!(early.problem().0, "files_not_ready");
    let none = world.api.send(Method::GET, &format!("/jobs/{job}/files/summary.json"), None).await;
    assert_eq!((none.status, none.problem().0.as_str()), (404, "no_such_file"));
    let ended = world.end_of(begun["id"].as_i64().expect("a job")).await;
    assert_eq!((&ended["state"], &ended["result"]["licenses"]), (&json!("succeeded"), &json!(5)), "{ended}");
    world.must_be_clean().await;
}

async fn a_hand_over_that_is_called_off_changes_nothing(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    let ours = world.apple.mdm_of(&token.uid).await;
    let hold = json!({ "on": { "endpoint": "assignments" }, "what": { "kind": "latency", "ms": 2000 } });
    world.apple.fault(&hold).await;
    let job = world.api.post(&format!("/tokens/{}/hand-over", token.id), &json!({})).await.with(202);
    world.state_of(token.id, "handed_over").await;
    let cancelled = world.api.post(&format!("/jobs/{}/cancel", job["id"]), &json!({})).await.with(200);
    assert_eq!(cancelled["state"], "cancelled", "{cancelled}");
    world.apple.heal().await;
    let seen = world.state_of(token.id, "valid").await;
    assert_eq!(seen["handed_over_at"], Value::Null, "{seen}");
    assert_eq!(world.apple.mdm_of(&token.uid).await, ours);
    world.succeed(&token.assign(&[app(1)], &serials(0..3), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 3);
    world.must_be_clean().await;
}

async fn a_hand_over_that_apple_does_not_take_keeps_the_claim_and_says_why(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    let ours = world.apple.mdm_of(&token.uid).await;
    world.apple.set_token_state(&token.content, "revoked").await;
    let ended = hand_over(&world, token.id).await;
    assert_eq!(
        (&ended["state"], &ended["error"]["code"]),
        (&json!("failed"), &json!("sync_failed")),
        "{ended}"
    );
    world.state_of(token.id, "invalid").await;
    assert_eq!(world.apple.mdm_of(&token.uid).await, ours);

    // Renewed, it is as it was, and not half handed over.
    let fresh = json!({ "content": world.apple.another_token(&token.uid).await });
    let path = format!("/tokens/{}/content", token.id);
    let renewed = world.api.send(Method::PUT, &path, Some(&fresh)).await.with(200);
    assert_eq!(renewed["handed_over_at"], Value::Null, "{renewed}");
    world.state_of(token.id, "valid").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..3), &[])).await;
    world.must_be_clean().await;
}

async fn a_location_that_another_russet_let_go_of_is_claimed_without_an_order(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let left = json!({
        "id": "released-by-russet:another-one", "name": "Released by Russet", "metadata": "any may claim it",
    });
    world.apple.control(Method::PUT, &format!("locations/{}/mdm", location.uid), &left).await;
    let token = world.token(&location, "north").await;
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Russet");
    world.must_be_clean().await;
}

async fn a_worker_that_dies_while_it_lets_go_leaves_the_rest_to_the_next(profile: Profile) {
    let setup = Setup::of(profile).workers(1).setting("APPLE__TIMEOUT_MS", "25000");
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", 2, 100, 0).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    // Apple lets go, and the worker never hears of it.
    let hang = json!({ "kind": "timeout", "ms": 20_000, "processed": true });
    world.apple.fault(&json!({ "on": { "endpoint": "any_write" }, "what": hang, "times": 1 })).await;
    let job = world.api.post(&format!("/tokens/{}/hand-over", token.id), &json!({})).await.with(202);
    eventually("Apple to have let go while the worker waits", async || {
        let mdm = world.apple.mdm_of(&token.uid).await;
        if mdm["name"] == "Released by Russet" { Ok(()) } else { Err(mdm.to_string()) }
    })
    .await;
    let path = format!("/jobs/{}/files/signature.json", job["id"]);
    let signed = world.api.send(Method::GET, &path, None).await.text;
    if profile == Profile::Cluster {
        world.start_worker().await;
    }
    world.kill_oldest_worker();
    if profile == Profile::Single {
        world.start_worker().await;
    }

    let ended = world.end_of(job["id"].as_i64().expect("a job")).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(world.api.send(Method::GET, &path, None).await.text, signed, "it is signed once");
    world.state_of(token.id, "handed_over").await;
    assert_eq!(world.apple.mdm_of(&token.uid).await["name"], "Released by Russet");
    world.must_be_clean().await;
}
