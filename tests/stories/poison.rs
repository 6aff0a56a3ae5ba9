//! Work that takes its worker down or never lets go of it harms nobody else.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use russet_domain::TokenId;
use russet_queue::jobs::SyncToken;
use russet_queue::{Claim, Ending, Handler, Push, Queue, Settings, When, WorkerName, WorkerSettings, run};
use russet_services::{PrivateRedis, RedisOptions};
use russet_tests::eventually;
use tokio_util::sync::CancellationToken;

/// Where the worker that dies finds its Redis; set by the story that starts it.
const REDIS: &str = "STORY_POISONED_REDIS";

/// Messages that one worker handles at the same time.
const TOGETHER: usize = 4;

/// How long the worker that dies may live.
const LIFE: Duration = Duration::from_secs(20);

fn settings(url: &str) -> Settings {
    Settings { url: url.to_owned(), lease_ms: 600, renew_ms: 200, ..Settings::default() }
}

fn due(tokens: std::ops::Range<i64>) -> Vec<Push> {
    tokens.map(|token| Push::of(&SyncToken { token: TokenId(token) }, When::default())).collect()
}

/// Does what the message with the key 0 does to it, and ends all others.
#[derive(Clone)]
struct Poisoned(fn());

impl Handler for Poisoned {
    async fn handle(&self, claim: Claim) -> Ending {
        if claim.job.key() == "0" {
            (self.0)();
        }
        Ending::Done
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_aborts_its_process_is_set_aside_and_the_others_are_handled() {
    let redis = PrivateRedis::start(&RedisOptions::default()).expect("a Redis");
    let settings = settings(redis.url());
    let queue = Queue::open(&settings).await.expect("the queue opens");
    queue.push_many(due(0..50)).await.expect("the messages are pushed");

    let start = Instant::now();
    let mut deaths = 0;
    // What an administrator's supervisor does.
    loop {
        let mut child = Command::new(std::env::current_exe().expect("a test knows its own file"))
            .args(["--ignored", "--exact", "poison::a_worker_that_dies_of_one_message"])
            .env(REDIS, redis.url())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the worker starts");
        let left = async || depth(&queue).await.expect("the messages are counted");
        while child.try_wait().expect("a status").is_none() && left().await > 0 {
            assert!(start.elapsed() < Duration::from_secs(60), "the message is not set aside");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if left().await == 0 {
            let _ = child.kill();
            let _ = child.wait();
            break;
        }
        deaths += 1;
        assert!(deaths <= settings.max_rescues + 1, "{deaths} workers died of it");
    }
    let dead = queue.dead(10, None).await.expect("the dead are listed").items;
    // Those that ran beside it each time came back apart from it, and lived.
    assert_eq!(dead.iter().map(|message| message.key.as_str()).collect::<Vec<_>>(), ["0"]);
    assert_eq!(dead[0].reason, "poison");
}

/// How many messages wait or run.
async fn depth(queue: &Queue) -> Result<u64, String> {
    let depths = queue.depths().await.map_err(|error| error.to_string())?;
    Ok(depths.iter().map(|depth| depth.waiting + depth.running).sum())
}

/// Started by the story above, in a process of its own.
#[ignore = "dies"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_of_one_message() {
    let Ok(url) = std::env::var(REDIS) else { return };
    let queue = Queue::open(&settings(&url)).await.expect("the queue opens");
    let name = WorkerName::of_this_process();
    let working = run(
        queue,
        name,
        Poisoned(|| std::process::abort()),
        WorkerSettings { concurrency: TOGETHER, grace_ms: 1_000 },
        CancellationToken::new(),
    );
    let _ = tokio::time::timeout(LIFE, working).await;
}

/// How often the message with the key 0 began to block a thread, and a hundred for each end.
static BLOCKED: AtomicUsize = AtomicUsize::new(0);

/// Far longer than a lease, and without a single await.
fn block() {
    BLOCKED.fetch_add(1, Ordering::SeqCst);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        std::hint::spin_loop();
    }
    BLOCKED.fetch_add(100, Ordering::SeqCst);
}

/// A worker in a runtime of its own, as a process of its own has.
fn start_worker(name: &'static str, settings: &Settings, stop: &CancellationToken) -> JoinHandle<()> {
    let (settings, stop) = (settings.clone(), stop.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let queue = Queue::open(&settings).await.expect("the queue opens");
            let name = WorkerName::new(name).expect("a name");
            let settings = WorkerSettings { concurrency: TOGETHER, grace_ms: 5_000 };
            run(queue, name, Poisoned(block), settings, stop).await.expect("no worker ends with an error");
        });
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_blocks_a_thread_keeps_its_lease_and_delays_no_other_worker() {
    let redis = PrivateRedis::start(&RedisOptions::default()).expect("a Redis");
    let settings = settings(redis.url());
    let queue = Queue::open(&settings).await.expect("the queue opens");
    let stop = CancellationToken::new();
    let blocked = start_worker("blocked", &settings, &stop);
    queue.push_many(due(0..1)).await.expect("the message is pushed");
    let state = async || -> Result<(u64, usize), String> {
        Ok((depth(&queue).await?, BLOCKED.load(Ordering::SeqCst)))
    };
    eventually("the thread to be blocked", async || match state().await? {
        (1, 1) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;

    let other = start_worker("other", &settings, &stop);
    queue.push_many(due(1..200)).await.expect("the messages are pushed");
    eventually("all others to be handled, and the blocked one still to run", async || {
        match state().await? {
            (1, 1) => Ok(()),
            (left, 1) => Err(format!("{left} left")),
            (_, blocked) => panic!("the others waited for the blocked one: {blocked}"),
        }
    })
    .await;
    eventually("the blocked one to end", async || match state().await? {
        (0, _) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    stop.cancel();
    for worker in [blocked, other] {
        tokio::task::block_in_place(|| worker.join()).expect("no worker panics");
    }
    assert_eq!(BLOCKED.load(Ordering::SeqCst), 101, "it ran once, though nobody could look after its lease");
    assert!(queue.dead(10, None).await.expect("the dead are listed").items.is_empty());
}
