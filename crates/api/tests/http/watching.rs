//! Server-sent events: a job as it moves.

use std::time::Duration;

use futures::StreamExt as _;
use reqwest::Method;
use russet_domain::JobId;
use russet_domain::job::JobState;
use russet_store::jobs;
use serde_json::{Value, json};

use crate::harness::{NOW, Server, send};

/// Reads events from a stream until it closes; tells each to `seen`.
async fn read_events(response: reqwest::Response, mut seen: impl AsyncFnMut(&str, Value)) {
    let mut stream = response.bytes_stream();
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let line = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
            };
            let (name, data) = (line("event:").to_owned(), line("data:").to_owned());
            text = rest.to_owned();
            if !name.is_empty() {
                seen(&name, serde_json::from_str(&data).unwrap()).await;
            }
        }
    }
}

#[tokio::test]
async fn a_watched_job_is_told_as_it_moves_and_to_its_end() {
    let server = Server::start_with(|settings| settings.sse_every_ms = 20).await;
    let token = server.location("Lab", 0).await;
    let job = server.post("/api/v1/jobs", &json!({"kind":"sync_token","token":token.0})).await.id();
    let response = server.request(Method::GET, &format!("/api/v1/jobs/{job}/events")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut told = Vec::new();
    let watching = read_events(response, async |name, data| {
        told.push((name.to_owned(), data["state"].as_str().unwrap().to_owned()));
        match told.len() {
            1 => {
                let mut tx = server.store.begin().await.unwrap();
                jobs::started(&mut tx, JobId(job), NOW).await.unwrap();
                tx.commit().await.unwrap();
            }
            2 => server.end_job(JobId(job), JobState::Succeeded, None).await,
            _ => {}
        }
    });
    tokio::time::timeout(Duration::from_secs(10), watching).await.unwrap();
    let told: Vec<_> = told.iter().map(|(name, state)| (name.as_str(), state.as_str())).collect();
    assert_eq!(told, [("progress", "queued"), ("progress", "running"), ("end", "succeeded")]);
}

#[tokio::test]
async fn a_stream_closes_after_its_time_and_at_the_stop() {
    let server = Server::start_with(|settings| {
        settings.sse_every_ms = 20;
        settings.sse_max_s = 1;
        settings.sse_streams_max = 1;
    })
    .await;
    let token = server.location("Lab", 0).await;
    let job = server.post("/api/v1/jobs", &json!({"kind":"sync_token","token":token.0})).await.id();
    let path = format!("/api/v1/jobs/{job}/events");
    let response = server.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(server.get(&path).await.problem(), (503, "too_many_streams"));
    let mut events = 0;
    let watching = read_events(response, async |_, _| events += 1);
    tokio::time::timeout(Duration::from_secs(10), watching).await.unwrap();
    assert_eq!(events, 1);
    let response = server.request(Method::GET, &path).send().await.unwrap();
    server.stop.cancel();
    tokio::time::timeout(Duration::from_millis(900), read_events(response, async |_, _| {})).await.unwrap();
}

#[tokio::test]
async fn only_a_job_that_is_there_can_be_watched() {
    let server = Server::start().await;
    assert_eq!(
        send(server.request(Method::GET, "/api/v1/jobs/7/events")).await.problem(),
        (404, "no_such_job")
    );
}
