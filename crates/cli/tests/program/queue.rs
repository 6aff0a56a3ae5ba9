//! What an operator does with the queue.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::setup::{Machine, PATIENCE};

/// Waits until so many messages are dead.
async fn until_dead(machine: &Machine, count: usize) {
    let start = Instant::now();
    loop {
        let dead = machine.run(&["queue", "dead", "--json"]).await.json();
        if dead["items"].as_array().map(Vec::len) == Some(count) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{dead}\n{}", machine.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_new_user_pauses_a_kind_sees_why_it_waits_and_resumes_it() {
    let machine = Machine::new().await;
    let file = machine.token_file("my.vpptoken").await;
    let _server = machine.serve().await;
    machine.run(&["token", "add", &file, "--consent", "--no-sync"]).await.with(0);

    let paused = machine.run(&["queue", "pause", "sync_token"]).await;
    assert!(paused.with(0).contains("sync_token is paused: "), "{}", paused.out);
    let job = machine.run(&["sync", "my", "--no-wait", "--json"]).await.json()["id"].to_string();
    let why = machine.run(&["queue", "why", "--token", "my"]).await;
    assert!(why.with(0).contains("sync_token:1  Its kind sync_token is paused"), "{}", why.out);
    let listed = machine.run(&["queue", "list"]).await;
    let line = listed.with(0).lines().find(|line| line.starts_with("sync_token")).unwrap().to_owned();
    let cells: Vec<_> = line.split_whitespace().collect();
    // One is due, none delayed, running or dead; its age, which is two words, and one worker.
    assert_eq!((&cells[1..5], &cells[7..]), (&["1", "0", "0", "0"][..], &["1", "paused"][..]), "{line}");
    assert!(listed.err.contains("russet queue resume sync_token"), "{}", listed.err);

    machine.run(&["queue", "resume", "sync_token"]).await.with(0);
    machine.run(&["job", "watch", &job]).await.with(0);
    let start = Instant::now();
    // The job has ended a moment before its message has.
    while machine.run(&["queue", "why", "sync_token:1", "--json"]).await.json()["items"][0]["state"]
        != "absent"
    {
        assert!(start.elapsed() < PATIENCE, "{}", machine.log());
    }
    let why = machine.run(&["queue", "why", "sync_token:1"]).await;
    assert!(why.with(0).contains("It is not in the queue"), "{}", why.out);
}

#[tokio::test]
async fn a_dead_message_is_seen_with_its_reason_retried_and_discarded() {
    let machine = Machine::new().await;
    machine.refuse_limits().await;
    let _server = machine.serve().await;
    until_dead(&machine, 1).await;

    let dead = machine.run(&["queue", "dead", "--kind", "refresh_limits"]).await;
    for part in ["refresh_limits:all", "400", r#"{"v":1}"#] {
        assert!(dead.with(0).contains(part), "{part} is not in {}", dead.out);
    }
    let shown = machine.run(&["queue", "show", "refresh_limits"]).await;
    assert!(shown.with(0).contains("refresh_limits:all"), "{}", shown.out);
    let why = machine.run(&["queue", "why", "refresh_limits:all"]).await;
    assert!(why.with(0).contains("runs only when it is retried"), "{}", why.out);

    machine.refuse_nothing().await;
    let retried = machine.run(&["queue", "retry", "refresh_limits:all"]).await;
    assert_eq!(retried.with(0), "1 message was retried\n");
    until_dead(&machine, 0).await;
    let again = machine.run(&["queue", "retry", "refresh_limits:all"]).await;
    again.with(1);
    assert!(again.err.contains("is not dead"), "{}", again.err);
}

#[tokio::test]
async fn the_dead_are_discarded_only_when_that_is_meant() {
    let machine = Machine::new().await;
    machine.refuse_limits().await;
    let _server = machine.serve().await;
    until_dead(&machine, 1).await;

    let unsure = machine.run(&["queue", "discard", "--all"]).await;
    unsure.with(2);
    assert!(unsure.err.contains("say --yes to discard all dead messages"), "{}", unsure.err);
    machine.run(&["queue", "discard", "--all", "refresh_limits:all", "--yes"]).await.with(2);
    machine.run(&["queue", "retry"]).await.with(2);
    let none = machine.run(&["queue", "discard", "--kind", "sweep", "--yes", "--json"]).await;
    assert_eq!(none.json(), json!({ "count": 0 }));
    let all = machine.run(&["queue", "discard", "--all", "--yes"]).await;
    assert_eq!(all.with(0), "1 message was discarded\n");
    assert_eq!(machine.run(&["queue", "dead", "--json"]).await.json(), json!({ "items": [] }));
}

#[tokio::test]
async fn a_kind_that_nobody_knows_is_refused_with_those_there_are() {
    let machine = Machine::new().await;
    let _server = machine.serve().await;
    let refused = machine.run(&["queue", "pause", "sync_tokens"]).await;
    refused.with(4);
    assert!(
        refused.err.contains("no_such_kind") && refused.err.contains("apply_changes, "),
        "{}",
        refused.err
    );
    machine.run(&["queue", "show", "../jobs"]).await.with(2);
    machine.run(&["queue", "why", "sync_tokens:1"]).await.with(4);
    machine.run(&["queue", "why"]).await.with(2);
    let queue = machine.run(&["queue", "list", "--json"]).await.json();
    assert!(queue["kinds"].as_array().is_some_and(|kinds| kinds.len() >= 9), "{queue}");
    assert_eq!(queue["workers"].as_array().map(Vec::len), Some(1), "{queue}");
}
