//! Redis goes away, comes back with nothing, and costs no license.

use std::time::Duration;

use russet_domain::TokenId;
use russet_queue::jobs::SyncToken;
use russet_queue::{Claim, Ending, Handler, Queue, Settings, When, WorkerName, WorkerSettings, run};
use russet_services::{PrivateRedis, RedisOptions};
use russet_tests::{Profile, Setup, World, app, eventually, serials};
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_submitted_while_redis_is_down_is_done_once_it_is_back() {
    let mut world = World::of(Profile::Cluster).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;

    world.redis().stop().expect("Redis stops");
    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    let sync = world.submit(&token.full_sync()).await;
    let waiting = world.job(job).await;
    assert_eq!(waiting["state"], "queued", "{waiting}");
    world.redis().start_again().expect("Redis starts again");

    world.must_have_succeeded(&world.end_of(job).await);
    assert_eq!(world.end_of(sync).await["state"], "succeeded");
    assert_eq!(world.must_agree(&token).await.len(), 40);
    world.must_be_clean().await;
    for worker in world.workers() {
        assert!(!worker.has_ended(), "{} ended because Redis was away", worker.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_forgets_everything_in_mid_job_costs_no_license() {
    let setup =
        Setup::of(Profile::Cluster).without_notifications().apple(|rules| rules.event_delay_ms = 1_000);
    let mut world = World::start(setup).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;

    let job = world.submit(&token.assign(&[app(1), app(2)], &serials(0..20), &[])).await;
    eventually("Apple to have accepted the request", async || {
        let job = world.job(job).await;
        if job["progress"]["accepted"] == 40 { Ok(()) } else { Err(job.to_string()) }
    })
    .await;
    world.redis().command(&["FLUSHALL"]).expect("Redis forgets");

    world.must_have_succeeded(&world.end_of(job).await);
    assert_eq!(world.must_agree(&token).await.len(), 40);
    assert_eq!(world.apple.requests(&token.uid, "associate").await, 1);
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_stalls_is_waited_for() {
    let mut world =
        World::start(Setup::of(Profile::Cluster).setting("QUEUE__RESPONSE_TIMEOUT_MS", "500")).await;
    let location = world.apple.location("North", 2, 50, 0).await;
    let token = world.token(&location, "north").await;

    world.redis().freeze().expect("Redis freezes");
    let body = token.assign(&[app(1)], &serials(0..20), &[]);
    let submitted = world.api.post("/jobs", &body).await;
    world.redis().thaw().expect("Redis thaws");

    let job = submitted.with(202)["id"].as_i64().expect("a job's number");
    world.must_have_succeeded(&world.end_of(job).await);
    assert_eq!(world.must_agree(&token).await.len(), 20);
    assert_eq!(world.apple.ledger().await["licenses_moved"], json!({ "associated": 20, "disassociated": 0 }));
    world.must_be_clean().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_out_of_memory_while_a_worker_starts_is_waited_for() {
    let mut world = World::start(Setup::of(Profile::Cluster).workers(0)).await;
    let location = world.apple.location("North", 2, 50, 0).await;

    world.redis().command(&["CONFIG", "SET", "maxmemory", "1"]).expect("Redis takes the setting");
    world.start_worker().await;
    eventually("the worker to have been refused", async || {
        let logs = world.logs();
        let waits = |(name, log): &(String, String)| name == "worker-1" && log.contains("cannot be used yet");
        if logs.iter().any(waits) { Ok(()) } else { Err(format!("{logs:?}")) }
    })
    .await;
    world.redis().command(&["CONFIG", "SET", "maxmemory", "0"]).expect("Redis takes the setting");

    let token = world.token(&location, "north").await;
    world.succeed(&token.assign(&[app(1)], &serials(0..10), &[])).await;
    assert_eq!(world.must_agree(&token).await.len(), 10);
    world.must_be_clean().await;
}

/// Ends everything at once.
#[derive(Clone)]
struct Done;

impl Handler for Done {
    async fn handle(&self, _: Claim) -> Ending {
        Ending::Done
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_still_loading_is_waited_for() {
    // Half a millisecond for each of what it has to read back.
    let slow = ["--key-load-delay", "500"].map(str::to_owned).to_vec();
    let options = RedisOptions { append_only: true, arguments: slow, ..RedisOptions::default() };
    let mut redis = PrivateRedis::start(&options).expect("a Redis");
    let settings = Settings { url: redis.url().to_owned(), ..Settings::default() };
    let queue = Queue::open(&settings).await.expect("the queue opens");
    let stop = CancellationToken::new();
    let name = WorkerName::new("patient").expect("a name");
    let worker = tokio::spawn(run(queue.clone(), name, Done, WorkerSettings::default(), stop.clone()));
    let message = |token| SyncToken { token: TokenId(token) };
    queue.push(&message(1), When::default()).await.expect("the message is pushed");
    let much = "for i = 1, 6000 do redis.call('SET', 'much:' .. i, i) end";
    redis.command(&["EVAL", much, "0"]).expect("Redis has much to read back");

    redis.kill().expect("Redis is killed");
    redis.start_again().expect("Redis starts again");
    let state = redis.command(&["INFO", "persistence"]).expect("Redis says how far it is");
    assert!(state.contains("loading:1"), "it has read everything already: {state}");
    let refused = queue.push(&message(2), When::default()).await.expect_err("it reads");
    assert!(refused.may_pass(), "{refused}");
    eventually("the message to be pushed", async || {
        queue.push(&message(2), When::default()).await.map_err(|error| error.to_string())
    })
    .await;
    eventually("everything to be handled", async || {
        let depths = queue.depths().await.map_err(|error| error.to_string())?;
        let left: u64 = depths.iter().map(|depth| depth.waiting + depth.running).sum();
        if left == 0 { Ok(()) } else { Err(format!("{left} left")) }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!worker.is_finished(), "the worker ended because Redis was loading");
    stop.cancel();
    worker.await.expect("no panic").expect("no error");
}
