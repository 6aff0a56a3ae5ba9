//! What the stories need: a queue of their own, a clock that can be moved, and short words for long calls.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use russet_domain::TokenId;
use uuid::Uuid;

use crate::clock::Clock;
use crate::contract::{Ask, Claimant, Claimed, End, Fate, Taken};
use crate::jobs::SyncToken;
use crate::pace::SETTLE_MS;
use crate::{AnyJob, Depth, Job as _, Push, Queue, Settings, When};

/// Where a story's clock stands once its queue is open.
pub(crate) const START: i64 = 1_800_000_000_000;

/// Where a story takes place. What it leaves in Redis is removed at its end.
pub(crate) struct Place {
    pub(crate) settings: Settings,
    now: Arc<AtomicI64>,
    requests: AtomicU64,
}

impl Place {
    pub(crate) fn in_process() -> Self {
        Self::at("memory:".to_owned())
    }

    pub(crate) fn over_redis() -> Self {
        Self::at(redis_url())
    }

    pub(crate) fn at(url: String) -> Self {
        let settings =
            Settings { url, prefix: format!("test-{}", Uuid::new_v4().simple()), ..Settings::default() };
        Self { settings, now: Arc::new(AtomicI64::new(START - SETTLE_MS)), requests: AtomicU64::new(1) }
    }

    /// A queue on real time.
    pub(crate) async fn queue(&self) -> Queue {
        Queue::open(&self.settings).await.expect("the queue opens")
    }

    /// A queue on real time whose limiter has been there for long enough.
    pub(crate) async fn settled_queue(&self) -> Queue {
        let queue = self.queue().await;
        tokio::time::sleep(Duration::from_millis(SETTLE_MS as u64)).await;
        queue
    }

    /// A queue whose clock stands until moved.
    pub(crate) async fn still_queue(&self) -> Queue {
        let queue = Queue::open_with(&self.settings, self.clock()).await.expect("the queue opens");
        // A limiter that has just begun gives no turns yet; how that is has a story of its own.
        self.now.fetch_max(START, Ordering::SeqCst);
        queue
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::Given(Arc::clone(&self.now))
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    /// Claims up to `max` messages, as a new request.
    pub(crate) async fn claim(&self, queue: &Queue, claimant: &Claimant, max: usize) -> Claimed {
        let request = self.requests.fetch_add(1, Ordering::SeqCst);
        queue.claim(claimant, Ask { request, max }).await.expect("the claim is answered")
    }

    /// Claims the one message that is ready.
    pub(crate) async fn claim_one(&self, queue: &Queue, claimant: &Claimant) -> Taken {
        let mut claimed = self.claim(queue, claimant, 10).await;
        assert_eq!(claimed.taken.len(), 1, "{claimed:?}");
        claimed.taken.remove(0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.settings.url == "memory:" {
            return;
        }
        let client = ::redis::Client::open(self.settings.url.as_str()).expect("the address is right");
        let Ok(mut connection) = client.get_connection() else { return };
        let pattern = format!("{{{}}}:*", self.settings.prefix);
        let keys: Vec<String> = ::redis::cmd("KEYS").arg(pattern).query(&mut connection).unwrap_or_default();
        if !keys.is_empty() {
            let _: Result<i64, _> = ::redis::cmd("DEL").arg(keys).query(&mut connection);
        }
    }
}

/// The Redis that tests share.
pub(crate) fn redis_url() -> String {
    std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned())
}

/// Tries a property with random input: so many cases, or `PROPTEST_CASES`. A failure says with which seed it comes again.
pub(crate) fn try_many<S: Strategy>(usual: u32, input: &S, property: impl Fn(S::Value)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("PROPTEST_RNG_SEED").unwrap_or_else(rand::random);
    let cases = number("PROPTEST_CASES").and_then(|cases| u32::try_from(cases).ok()).unwrap_or(usual);
    let rng_seed = RngSeed::Fixed(seed);
    let config = Config { cases, rng_seed, failure_persistence: None, ..Config::default() };
    let tried = TestRunner::new(config).run(input, |value| {
        property(value);
        Ok(())
    });
    if let Err(error) = tried {
        panic!("PROPTEST_RNG_SEED={seed} plays this again: {error}");
    }
}

pub(crate) fn job(token: i64) -> SyncToken {
    SyncToken { token: TokenId(token) }
}

pub(crate) fn pushes(tokens: std::ops::Range<i64>, when: When) -> Vec<Push> {
    tokens.map(|token| Push::of(&job(token), when)).collect()
}

pub(crate) fn worker(queue: &Queue, name: &str) -> Claimant {
    queue.claimant(name, AnyJob::KINDS)
}

pub(crate) fn keys(claimed: &Claimed) -> Vec<&str> {
    claimed.taken.iter().map(|taken| taken.id.split_once(':').expect("an id has a kind").1).collect()
}

pub(crate) fn end(taken: &Taken, fate: Fate) -> End {
    End { id: taken.id.clone(), lease: taken.text.clone(), fate }
}

/// The counts of the kind that [`job`] is of.
pub(crate) async fn depth(queue: &Queue) -> Depth {
    let depths = queue.depths().await.expect("the messages are counted");
    depths.into_iter().find(|depth| depth.kind == SyncToken::KIND).expect("the kind is known")
}

/// Ends a run; true when the ending was accepted.
pub(crate) async fn ended(queue: &Queue, taken: &Taken, fate: Fate) -> bool {
    queue.end(&[end(taken, fate)]).await.expect("the ending is answered").is_empty()
}

/// Waits until a condition holds, at most for `limit`.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    limit: Duration,
    what: &str,
    mut holds: impl FnMut() -> F,
) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
