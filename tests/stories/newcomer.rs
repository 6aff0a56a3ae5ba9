//! Somebody tries Russet for the first time, with nothing but two terminals.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use russet_services::{Services, Wanted};
use russet_tests::{Output, Profile, World, app, russet, serials};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_in_one_terminal_and_commands_in_another_need_no_setting() {
    let world = World::of(Profile::Single).await;
    let location = world.apple.location("North Campus", 2, 50, 2).await;
    let file = world.directory().join("my.vpptoken");
    fs::write(&file, format!("{}\n", location.content)).expect("a file");
    let file = file.display().to_string();

    let added = world.russet(&["token", "add", &file, "--yes", "--json"]).json();
    assert_eq!(added["state"], "valid", "{added}");
    let listed = world.russet(&["token", "list"]);
    assert!(listed.good().contains("North Campus"), "{listed:?}");
    let name = added["name"].as_str().expect("a name").to_owned();
    let _ = world.russet(&["sync", &name]).good();

    let assigned = world.russet(&[
        "assign",
        "--token",
        &name,
        "--app",
        &app(1),
        &app(2),
        "--serial",
        "C0STORY00000",
        "C0STORY00001",
        "--user",
        "user-1",
    ]);
    let _ = assigned.good();
    let pairs = world.directory().join("pairs.csv");
    fs::write(&pairs, format!("adam_id,serial,user\n{},C0STORY00007,\n{},,user-2\n", app(1), app(2)))
        .expect("a file");
    let from_file =
        world.russet(&["assign", "--token", &name, "--pairs", &pairs.display().to_string(), "--json"]).json();
    assert_eq!(from_file["state"], "succeeded", "{from_file}");
    assert_eq!(world.apple.held(&location.uid).await.len(), 8);
    let _ = world.russet(&["revoke", "--token", &name, "--serial", "C0STORY00001"]).good();
    assert_eq!(world.apple.held(&location.uid).await.len(), 6);

    let jobs = world.russet(&["job", "list", "--json"]).json();
    let text = jobs.to_string();
    assert!(
        text.contains("assign_license") && text.contains("revoke_license") && text.contains("sync_token"),
        "{text}"
    );
    let _ = world.russet(&["doctor"]).good();
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_codes_say_how_it_went() {
    let mut world = World::of(Profile::Single).await;
    let location = world.apple.location("North Campus", 1, 3, 0).await;
    let token = world.token(&location, "north").await;
    let code = |output: Output| {
        assert!(!output.stderr.contains("panicked"), "{output:?}");
        output.code.expect("no signal ended it")
    };

    let devices = serials(0..5);
    let mut some = vec!["assign", "--token", "north", "--app", "500000001", "--serial"];
    some.extend(devices.iter().map(String::as_str));
    assert_eq!(code(world.russet(&some)), 1, "two of five licenses are not there");
    assert_eq!(world.must_agree(&token).await.len(), 3);
    assert_eq!(code(world.russet(&["assign", "--token"])), 2, "wrong usage");
    assert_eq!(code(world.russet(&["sync", "nobody's"])), 2, "there is no such token");
    let refused = world.russet(&["assign", "--token", "north", "--app", "999", "--serial", "C0STORY00001"]);
    assert!(refused.stderr.contains("unknown_asset"), "{refused:?}");
    assert_eq!(code(refused), 4);
    world.stop_workers().await;
    let away = world.russet(&["job", "list"]);
    assert!(away.stderr.contains("russet serve") || away.stderr.contains("reach"), "{away:?}");
    assert_eq!(code(away), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_data_are_for_their_owner_alone() {
    let world = World::of(Profile::Single).await;
    let data = world.directory().join("data");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("secret.key")), 0o600);
    assert_eq!(mode(&data.join("admin.key")), 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_finds_everything_where_it_was() {
    let mut world = World::of(Profile::Single).await;
    let location = world.apple.location("North Campus", 1, 10, 0).await;
    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..5), &[])).await;
    world.stop_workers().await;
    world.start_worker().await;
    assert_eq!(world.must_agree(&token).await.len(), 5);
    world.succeed(&token.assign(&[app(1)], &serials(5..10), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 10);
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_finds_on_one_machine_that_everything_holds() {
    the_demo_finds_that_everything_holds("single", &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_finds_on_a_cluster_that_everything_holds() {
    let services = Services::find(&Wanted { postgres: true, redis: true }).expect("servers");
    let given = [("DATABASE_URL", services.postgres_url()), ("REDIS_URL", services.redis_url())];
    let given = given.map(|(name, url)| (name.to_owned(), url.expect("a server was wanted").to_owned()));
    the_demo_finds_that_everything_holds("cluster", &given);
}

fn the_demo_finds_that_everything_holds(profile: &str, environment: &[(String, String)]) {
    let home = tempfile::tempdir().expect("a directory");
    let mut environment = environment.to_vec();
    environment.push(("HOME".to_owned(), home.path().display().to_string()));
    let output = russet(&["demo", "--exit", "--json", "--profile", profile], &environment);
    let last = output.good().lines().last().unwrap_or_default();
    let result: serde_json::Value = serde_json::from_str(last).expect("the last line is JSON");
    let requests = |kind: &str| result["apple_requests"][kind].as_u64().expect("a count");
    let bound = |kind: &str| result["lower_bound"][kind].as_u64().expect("a count");
    assert_eq!(result["ok"], true, "{result}");
    assert_eq!(result["profile"], profile, "{result}");
    assert_eq!(result["rate_violations"], 0, "{result}");
    assert_eq!(result["mismatches"], 0, "{result}");
    // A newer version went out to all, and ended in words where a person declined; hundreds of devices share a call.
    assert_eq!(
        (&result["updates"]["updated"], &result["updates"]["declined"]),
        (&1_950.into(), &50.into()),
        "{result}"
    );
    assert!(result["updates"]["mdm_calls"].as_u64().is_some_and(|calls| calls < 60), "{result}");
    for kind in ["associate", "disassociate"] {
        assert!(bound(kind) >= 1 && requests(kind) >= bound(kind), "{result}");
        assert!(requests(kind) <= 4 * bound(kind), "{result}");
    }
}
