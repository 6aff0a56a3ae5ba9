//! How servers start and stop, and what the doctor says.

use std::time::{Duration, Instant};

use crate::setup::{Machine, PATIENCE, mode};

#[tokio::test]
async fn a_first_start_makes_what_it_needs_for_its_owner_alone() {
    let machine = Machine::new().await;
    let mut server = machine.serve().await;
    let data = machine.data_dir();
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("secret.key")), 0o600);
    assert_eq!(mode(&data.join("admin.key")), 0o600);
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(files.iter().all(|name| !name.to_string_lossy().ends_with(".new")), "{files:?}");

    let key = std::fs::read_to_string(data.join("admin.key")).unwrap();
    assert!(!machine.log().contains(key.trim()));
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_work_under_way() {
    let machine = Machine::new().await;
    machine.slow_limits(60_000).await;
    let mut server = machine.serve().await;
    let start = Instant::now();
    while !machine.was_asked_for_limits().await {
        assert!(start.elapsed() < PATIENCE, "{}", machine.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Apple is asked, and is in no hurry.
    server.terminate();
    while !machine.log().contains("a second signal stops at once") {
        assert!(start.elapsed() < PATIENCE, "{}", machine.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.stop().await, Some(130));
}

#[tokio::test]
async fn a_second_start_finds_what_the_first_one_made() {
    let machine = Machine::new().await;
    let file = machine.token_file("my.vpptoken").await;
    let mut server = machine.serve().await;
    machine.run(&["token", "add", &file, "--consent"]).await.with(0);
    let admin = std::fs::read(machine.data_dir().join("admin.key")).unwrap();
    assert_eq!(server.stop().await, Some(0));

    let _server = machine.serve().await;
    assert_eq!(std::fs::read(machine.data_dir().join("admin.key")).unwrap(), admin);
    machine.run(&["sync", "my"]).await.with(0);
    let keys = machine.run(&["key", "list", "--json"]).await.json();
    assert_eq!(keys["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_lost_key_file_is_not_replaced_while_tokens_are_stored() {
    let machine = Machine::new().await;
    let file = machine.token_file("my.vpptoken").await;
    let mut server = machine.serve().await;
    machine.run(&["token", "add", &file, "--consent", "--no-sync"]).await.with(0);
    assert_eq!(server.stop().await, Some(0));
    let key = machine.data_dir().join("secret.key");
    std::fs::remove_file(&key).unwrap();

    let refused = machine.run(&["serve"]).await;
    refused.with(1);
    assert!(refused.err.contains("secret.key") && refused.err.contains("backup"), "{}", refused.err);
    assert!(!key.exists());
    let doctor = machine.run(&["doctor"]).await;
    assert!(doctor.with(1).contains("fail  key"), "{}", doctor.out);
}

#[tokio::test]
async fn an_admin_key_whose_hash_was_not_written_down_is_taken_up_again() {
    let machine = Machine::new().await;
    // As after a stop between writing the file and the database.
    machine.run(&["migrate"]).await.with(0);
    let key = format!("rsk_{}", "ab".repeat(32));
    std::fs::write(machine.data_dir().join("admin.key"), &key).unwrap();
    let _server = machine.serve().await;
    machine.run(&["token", "list"]).await.with(0);
}

#[tokio::test]
async fn api_and_worker_refuse_a_queue_that_they_cannot_share() {
    let machine = Machine::new().await;
    for command in ["api", "worker"] {
        let refused = machine.run(&[command]).await;
        refused.with(2);
        assert!(refused.err.contains("russet serve") && refused.err.contains("redis://"), "{}", refused.err);
    }
}

#[tokio::test]
async fn every_wrong_setting_is_named_and_makes_exit_code_2() {
    let machine = Machine::new().await;
    let wrong = [
        ("RUSSET_WORKER__CONCURRENCY", "many"),
        ("RUSSET_API__LISTN", "x"),
        ("RUSSET_APPLE__RATE_SHARE", "7"),
    ];
    let refused = machine.run_with(&["serve"], &wrong).await;
    refused.with(2);
    for part in ["worker.concurrency", "RUSSET_API__LISTN", "RUSSET_API__LISTEN", "apple.rate_share"] {
        assert!(refused.err.contains(part), "{part} is not in {}", refused.err);
    }
    let doctor = machine.run_with(&["doctor"], &wrong).await;
    assert_eq!(doctor.with(1).matches("fail  settings").count(), 3, "{}", doctor.out);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let machine = Machine::new().await;
    let _server = machine.serve().await;
    let refused = machine.run(&["serve"]).await;
    refused.with(1);
    assert!(refused.err.contains("api.listen") && refused.err.contains("another port"), "{}", refused.err);
}

#[tokio::test]
async fn the_doctor_finds_a_sound_installation_sound() {
    let machine = Machine::new().await;
    machine.run(&["doctor"]).await.with(0);
    assert!(!machine.data_dir().exists(), "looking at it has made it");
    let server = machine.serve().await;
    let doctor = machine.run(&["doctor", "--json"]).await;
    doctor.with(0);
    let checks = doctor.json()["checks"].as_array().cloned().unwrap_or_default();
    let about: Vec<_> = checks.iter().filter_map(|check| check["about"].as_str()).collect();
    assert_eq!(
        about,
        [
            "settings",
            "data_dir",
            "store",
            "schema",
            "tokens",
            "mdm",
            "key",
            "queue",
            "clock",
            "apple",
            "catalog",
            "public_url",
            "notify"
        ]
    );
    assert!(checks.iter().all(|check| check["verdict"] == "ok"), "{}", doctor.out);
    machine.run(&["probe", &format!("{}/readyz", server.url)]).await.with(0);
    machine.run(&["probe", &format!("{}/nowhere", server.url)]).await.with(1);
}

#[tokio::test]
async fn the_doctor_names_what_cannot_be_reached() {
    let machine = Machine::new().await;
    let away = [
        ("RUSSET_APPLE__BASE_URL", "http://127.0.0.1:1/mdm/v2"),
        ("RUSSET_QUEUE__URL", "redis://127.0.0.1:1"),
        ("RUSSET_STORE__URL", "postgres://u:hunter2@127.0.0.1:1/russet"),
    ];
    let doctor = machine.run_with(&["doctor"], &away).await;
    doctor.with(1);
    for line in ["fail  store", "fail  queue", "fail  apple", "fail  key", "warn  public_url"] {
        assert!(doctor.out.contains(line), "{line} is not in {}", doctor.out);
    }
    assert!(!doctor.out.contains("hunter2"), "{}", doctor.out);
}
