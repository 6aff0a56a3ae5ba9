//! Everybody comes at once: workers, messages, and tokens that Apple lets in again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use russet_domain::TokenId;
use russet_queue::jobs::SyncToken;
use russet_queue::{Claim, Ending, Handler, Push, Queue, Settings, When, WorkerName, WorkerSettings, run};
use russet_services::{PrivateRedis, RedisOptions};
use russet_tests::{Profile, World, app, eventually, on_both_profiles, serials};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

on_both_profiles!(tokens_that_apple_lets_in_again_at_once_keep_to_their_rates);

const TOKENS: usize = 8;

/// How long everything may take to end once Apple is back: far less than a probe that was never made would cost.
const BACK_WITHIN: Duration = Duration::from_secs(25);

async fn tokens_that_apple_lets_in_again_at_once_keep_to_their_rates(profile: Profile) {
    let world = World::of(profile).await;
    let mut tokens = Vec::new();
    for number in 0..TOKENS {
        let name = format!("location-{number}");
        let location = world.apple.location(&name, 3, 100, 0).await;
        tokens.push(world.token(&location, &name).await);
    }
    world.apple.behave(&json!({ "page_size": 5 })).await;
    let closed = json!({ "kind": "status", "status": 503, "retry_after": 2 });
    let fault = world.apple.fault(&json!({ "on": { "endpoint": "any" }, "what": closed })).await;

    let mut jobs = Vec::new();
    for token in &tokens {
        jobs.push(world.submit(&token.assign(&[app(1), app(2), app(3)], &serials(0..20), &[])).await);
        jobs.push(world.submit(&token.full_sync()).await);
    }
    eventually("every token to have been told to wait", async || {
        let mut waiting = 0;
        for token in &tokens {
            let ledger = world.apple.ledger().await;
            waiting += usize::from(ledger["by_location"][&token.uid]["answers"]["503"].as_u64() > Some(0));
        }
        // Once many have failed at once, the rest is not even tried: all of Apple is closed.
        if waiting >= 5 { Ok(()) } else { Err(format!("{waiting} tokens")) }
    })
    .await;
    world.apple.call_off(fault).await;

    let start = Instant::now();
    for job in jobs {
        let ended = loop {
            let seen = world.job(job).await;
            if !matches!(seen["state"].as_str(), Some("queued" | "running")) {
                break seen;
            }
            assert!(start.elapsed() < BACK_WITHIN, "job {job} has not ended: {seen}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(ended["state"], "succeeded", "{ended}");
    }
    for token in &tokens {
        assert_eq!(world.must_agree(token).await.len(), 60);
    }
    // A walk and a write of one token may be on their way together; the second cannot know what the first is told.
    world.must_be_clean_but_for(&["before_retry_after"]).await;
}

/// Counts what it handles, and takes a moment for it.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Handler for Counting {
    async fn handle(&self, claim: Claim) -> Ending {
        assert_eq!(claim.attempt, 1, "no message has failed");
        self.0.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ending::Done
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_workers_shares_a_burst_and_comes_back_together_after_redis_was_away() {
    const WORKERS: usize = 60;
    const MESSAGES: i64 = 6_000;
    let options = RedisOptions { append_only: true, ..RedisOptions::default() };
    let mut redis = PrivateRedis::start(&options).expect("a Redis");
    let settings = Settings { url: redis.url().to_owned(), ..Settings::default() };
    let queue = Queue::open(&settings).await.expect("the queue opens");
    let due = |tokens: std::ops::Range<i64>| -> Vec<Push> {
        tokens.map(|token| Push::of(&SyncToken { token: TokenId(token) }, When::default())).collect()
    };
    queue.push_many(due(0..MESSAGES)).await.expect("the messages are pushed");

    let (counting, stop) = (Counting::default(), CancellationToken::new());
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        // Each has connections of its own, as processes have.
        let queue = Queue::open(&settings).await.expect("the queue opens");
        let name = WorkerName::new(format!("crowd-{number}")).expect("a name");
        let settings = WorkerSettings { concurrency: 4, grace_ms: 5_000 };
        workers.spawn(run(queue, name, counting.clone(), settings, stop.clone()));
    }
    let handled = async |count: usize| {
        eventually("the messages to be handled", async || {
            let seen = counting.0.load(Ordering::SeqCst);
            if seen >= count { Ok(()) } else { Err(format!("{seen} of {count}")) }
        })
        .await;
    };
    let count = usize::try_from(MESSAGES).expect("a small number");
    handled(count).await;
    assert_eq!(counting.0.load(Ordering::SeqCst), count, "each once");

    redis.kill().expect("Redis is killed");
    tokio::time::sleep(Duration::from_secs(2)).await;
    redis.start_again().expect("Redis starts again");
    eventually("the queue to take messages", async || {
        queue.push_many(due(MESSAGES..2 * MESSAGES)).await.map_err(|error| error.to_string())
    })
    .await;
    handled(2 * count).await;
    stop.cancel();
    while let Some(ended) = workers.join_next().await {
        ended.expect("no worker panics").expect("no worker ends with an error");
    }
}
