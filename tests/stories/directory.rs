//! Other systems tell of devices, people and groups, one by one or many at once, and what is wrong refuses all of it.

use reqwest::Method;
use russet_tests::{Profile, World, on_both_profiles};
use serde_json::json;

on_both_profiles!(
    a_hundred_thousand_devices_are_taken_in_whole_or_refused_whole,
    what_is_not_told_of_a_device_stays_as_it_was,
    a_key_for_some_tokens_sees_nothing_of_the_directory,
    people_do_it_on_the_command_line,
);

async fn a_hundred_thousand_devices_are_taken_in_whole_or_refused_whole(profile: Profile) {
    let world = World::of(profile).await;
    let mut rows = "serial,platform,supervised,user\n".to_owned();
    for number in 0..99_997 {
        rows.push_str(&format!("D{number:07},ipados,true,person-{}\n", number % 1_000));
    }
    let wrong = format!("{rows}D0000005,ios,,\nno serial,ios,,\nX1,palmos,,\n");
    let refused = world.api.upload("/devices/import", "text/csv", wrong.clone()).await.with(422);
    assert_eq!(refused["code"], "bad_rows", "{refused}");
    let lines: Vec<&str> = refused["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["field"].as_str())
        .collect();
    assert_eq!(lines, ["line 99999", "line 100000", "line 100001"], "{refused}");
    assert!(world.api.get("/devices?limit=1").await["items"].as_array().is_some_and(Vec::is_empty));

    let taken = world.api.upload("/devices/import?partial=true", "text/csv", wrong).await.with(200);
    assert_eq!(
        (&taken["taken"], &taken["new"], &taken["rejected"]["count"]),
        (&json!(99_997), &json!(99_997), &json!(3))
    );
    let again = world.api.upload("/devices/import", "text/csv", rows).await.with(200);
    assert_eq!((&again["taken"], &again["new"]), (&json!(99_997), &json!(0)), "{again}");
    // Whom the devices belong to is known by that.
    assert_eq!(world.api.list("/people").await.len(), 1_000);
    assert_eq!(world.api.list("/devices?user=person-7").await.len(), 100);
    world.must_be_clean().await;
}

async fn what_is_not_told_of_a_device_stays_as_it_was(profile: Profile) {
    let world = World::of(profile).await;
    let first = json!({
        "serial": "C02X", "platform": "macos", "os_version": "15.1", "ownership": "corporate", "supervised": true,
        "enrollment": "automated", "mdm": "nano", "mdm_enrollment_id": "E-1", "user": "u1", "last_seen_at": "2031-04-09T12:20:30+02:00",
    });
    let made = world.api.post("/devices", &first).await.with(200);
    assert_eq!(
        (&made["state"], &made["last_seen_at"]),
        (&json!("enrolled"), &json!("2031-04-09T10:20:30.000Z")),
        "{made}"
    );
    let second =
        world.api.post("/devices", &json!({ "serial": "C02X", "os_version": "15.2" })).await.with(200);
    for field in ["platform", "ownership", "supervised", "enrollment", "mdm", "mdm_enrollment_id", "user"] {
        assert_eq!(second[field], made[field], "{field}: {second}");
    }
    assert_eq!(second["os_version"], "15.2");
    let nobodys = world.api.post("/devices", &json!({ "serial": "C02X", "user": "" })).await.with(200);
    assert_eq!(nobodys["user"], json!(null), "{nobodys}");
    let answer = world.api.post("/devices", &json!({ "serial": "C02X", "platform": "palmos" })).await;
    assert!(answer.text.contains("ipados"), "what it can be is said: {answer}");
    assert_eq!(world.api.send(Method::GET, "/devices/NONE", None).await.problem().0, "no_such_device");
    world.must_be_clean().await;
}

async fn a_key_for_some_tokens_sees_nothing_of_the_directory(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token(&location, "north").await;
    let id = token.id.to_string();
    let bound = world.another_key("bound", &["--role", "operator", "--token", &id]);
    let answer = bound.send(Method::GET, "/devices", None).await;
    assert_eq!((answer.status, answer.problem().0), (403, "key_is_bound".to_owned()));
    let answer = bound.post("/groups", &json!({ "name": "x", "kind": "devices" })).await;
    assert_eq!(answer.problem().0, "key_is_bound");
}

async fn people_do_it_on_the_command_line(profile: Profile) {
    let world = World::of(profile).await;
    let location = world.apple.location("North", 1, 10, 0).await;
    let token = world.token(&location, "north").await;
    let file = world.directory().join("devices.csv");
    std::fs::write(&file, "serial,platform,user\nSER1,ipados,ann\nSER2,ipados,\n").expect("a file");
    let run = |arguments: &[&str]| world.command(arguments);
    let file = file.to_str().expect("a path");
    assert!(run(&["device", "import", file]).good().contains("taken"));
    assert!(run(&["group", "create", "lab", "--kind", "devices"]).good().contains("lab"));
    let unknown = run(&["group", "add", "lab", "SER1", "GHOST"]);
    assert!(unknown.code != Some(0) && unknown.stderr.contains("GHOST"), "{unknown:?}");
    assert!(run(&["group", "add", "lab", "SER1,SER2"]).good().contains("added"));
    assert_eq!(run(&["group", "members", "lab"]).good().lines().count(), 2);
    let app = russet_tests::app(1);
    let made =
        run(&["assignment", "add", "--token", "north", "--app", &app, "--group", "lab", "--json"]).json();
    let id = made["id"].to_string();
    russet_tests::eventually("both to have it", async || {
        let shown = run(&["assignment", "show", &id, "--json"]).json();
        if shown["held"] == 2 { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
    assert!(run(&["assignment", "list"]).good().contains("required"));
    assert!(run(&["assignment", "policy", "north", "on_unenroll=free"]).good().contains("on_unenroll"));
    assert!(run(&["person", "list"]).good().contains("ann"));
    assert!(run(&["assignment", "remove", &id]).good().contains("lab"));
    russet_tests::eventually("both to have given it back", async || {
        let held = world.apple.held(&token.uid).await.len();
        if held == 0 { Ok(()) } else { Err(format!("{held} are held")) }
    })
    .await;
    assert!(run(&["device", "delete", "SER2"]).good().contains("deleted"));
    world.must_be_clean().await;
}
