//! Says when Apple may be called: one limiter shared by all replicas.

mod booked;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use russet_domain::{Timestamp, TokenId};

pub use self::booked::{Booked, Booking};
use crate::lock::lock;
use crate::pace::{Answer, Class, Verdict, Wait};
use crate::queue::Backing;
use crate::{Queue, QueueError};

/// A token that works is reported so often and no more, as that is all the breaker needs to know.
const WORKED_EVERY: Duration = Duration::from_secs(10);
/// The most tokens whose last report is remembered.
const REPORTS_MAX: usize = 10_000;

/// Whether Apple may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Call now: the turn is used up. Send at once, as the limit counts arrivals at Apple.
    Go,
    /// Not before `until`, on the queue's clock. No turn is used up.
    Wait {
        /// When asking again makes sense; exact if nobody else takes the turn.
        until: Timestamp,
        /// What is in the way.
        why: Wait,
    },
}

/// The limiter. Cloning it is cheap.
///
/// A token's turns are at least so far apart that no sliding second holds more than its rate, rounded up. The rate is
/// 90 % of what Apple allows: at 15 a second the tenth that is left absorbs requests that overtake each other by up to
/// 100 ms on the way.
#[derive(Clone)]
pub struct Pace {
    queue: Queue,
    reported: Arc<Mutex<HashMap<TokenId, Instant>>>,
}

impl Queue {
    /// The limiter that says when Apple may be called.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace { queue: self.clone(), reported: Arc::default() }
    }
}

impl Pace {
    /// Takes a turn if there is one now. One round trip.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer: then nobody may call.
    pub async fn take(&self, token: TokenId, class: Class) -> Result<Turn, QueueError> {
        let answer = self.ask(token, class, Duration::ZERO).await?;
        Ok(match reason(answer.verdict) {
            None => Turn::Go,
            Some(why) => Turn::Wait { until: until(answer.at_us), why },
        })
    }

    /// Takes a turn that comes within `patience`, and waits for it; a turn further off is left, and its time told.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer: then nobody may call.
    pub async fn turn(&self, token: TokenId, class: Class, patience: Duration) -> Result<Turn, QueueError> {
        match self.book(token, class, patience).await? {
            Booking::Turn(booked) => booked.come().await,
            Booking::Wait { until, why } => Ok(Turn::Wait { until, why }),
        }
    }

    /// Takes a turn that comes within `patience`, and leaves it to the caller to wait for it: what has to be written
    /// down before the call can be written down meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Self::turn`].
    pub async fn book(
        &self,
        token: TokenId,
        class: Class,
        patience: Duration,
    ) -> Result<Booking, QueueError> {
        let deadline = Instant::now() + patience;
        loop {
            let asked = Instant::now();
            let left = deadline.saturating_duration_since(asked);
            let answer = self.ask(token, class, left).await?;
            let off = Duration::from_micros(u64::try_from(answer.at_us - answer.now_us).unwrap_or(0));
            let Some(why) = reason(answer.verdict) else {
                // Counted from before the question: an answer that was long on its way brings a turn that is past.
                let (at, booked_us, is_probe) = (asked + off, answer.now_us, answer.probe);
                let pace = self.clone();
                return Ok(Booking::Turn(Booked {
                    pace,
                    token,
                    class,
                    deadline,
                    at,
                    off,
                    booked_us,
                    is_probe,
                }));
            };
            // Each round waits at least a millisecond, so there are no more rounds than milliseconds of patience.
            let off = off.max(Duration::from_millis(1));
            if off > left {
                return Ok(Booking::Wait { until: until(answer.at_us), why });
            }
            tokio::time::sleep(off).await;
        }
    }

    /// Sets how many requests a second a token may send, as Apple's service configuration and the share of it that
    /// is used say. Kept for a day after the token's last request.
    ///
    /// # Errors
    ///
    /// [`QueueError::Setting`] for a rate outside 1/60 to 1000; [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn set_rate(&self, token: TokenId, per_second: f64) -> Result<(), QueueError> {
        if !per_second.is_finite() || !(1.0 / 60.0..=1_000.0).contains(&per_second) {
            return Err(QueueError::Setting {
                name: "the rate",
                expected: "between 1/60 and 1000 requests a second",
            });
        }
        match self.queue.backing() {
            Backing::Memory(memory) => lock(&memory.paces).set_rate(token, per_second, memory.now_ms()),
            Backing::Redis(redis) => redis.pace_rate(token, per_second).await?,
        }
        Ok(())
    }

    /// Apple said 429 or 9646: halves the token's rate, which climbs back by a tenth a minute, and closes the token for
    /// a random moment, longer with each refusal. Refusals within a second count as one. Returns until when.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn slow_down(&self, token: TokenId) -> Result<Timestamp, QueueError> {
        let unit = rand::rng().random_range(0.0..1.0);
        self.slow_down_by(token, unit).await
    }

    /// As [`Self::slow_down`], with the random part of the moment, below 1.
    pub(crate) async fn slow_down_by(&self, token: TokenId, unit: f64) -> Result<Timestamp, QueueError> {
        match self.queue.backing() {
            Backing::Memory(memory) => {
                let rate = memory.settings().default_rate;
                Ok(Timestamp(lock(&memory.paces).slow_down(token, memory.now_ms(), unit, rate)))
            }
            Backing::Redis(redis) => redis.pace_slow(token, unit).await,
        }
    }

    /// Apple said when to come back (`Retry-After`): closes the token until then, at most for a day.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn close_until(&self, token: TokenId, until: Timestamp) -> Result<(), QueueError> {
        match self.queue.backing() {
            Backing::Memory(memory) => {
                lock(&memory.paces).close(token, until.0, memory.now_ms());
                Ok(())
            }
            Backing::Redis(redis) => redis.pace_close(token, until).await,
        }
    }

    /// A request failed in a way that may not be the token's: 5xx, a time-out, a connection lost. When many tokens fail
    /// at once, and more than work, all of Apple is closed for a while; then a single request probes it.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn failed(&self, token: TokenId) -> Result<(), QueueError> {
        lock(&self.reported).remove(&token);
        self.report(token, true).await
    }

    /// A request worked. Call it after each; few of the calls reach Redis.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn worked(&self, token: TokenId) -> Result<(), QueueError> {
        if lock(&self.reported).get(&token).is_some_and(|last| last.elapsed() < WORKED_EVERY) {
            return Ok(());
        }
        self.report(token, false).await?;
        let mut reported = lock(&self.reported);
        if reported.len() >= REPORTS_MAX {
            reported.clear();
        }
        reported.insert(token, Instant::now());
        Ok(())
    }

    pub(crate) async fn report(&self, token: TokenId, failed: bool) -> Result<(), QueueError> {
        let closed = match self.queue.backing() {
            Backing::Memory(memory) => memory.report(token, failed),
            Backing::Redis(redis) => redis.pace_report(token, failed).await?,
        };
        if closed && failed {
            tracing::warn!(
                token.id = token.0,
                "many tokens fail at once, so Apple is left alone for a while"
            );
        }
        Ok(())
    }

    pub(crate) async fn ask(
        &self,
        token: TokenId,
        class: Class,
        ahead: Duration,
    ) -> Result<Answer, QueueError> {
        let ahead_us = i64::try_from(ahead.as_micros()).unwrap_or(i64::MAX / 4);
        let answer = match self.queue.backing() {
            Backing::Memory(memory) => {
                let rate = memory.settings().default_rate;
                lock(&memory.paces).take(token, class, memory.clock().now_us(), ahead_us, rate)
            }
            Backing::Redis(redis) => redis.pace_take(token, class, ahead_us).await?,
        };
        if answer.probe {
            // What becomes of the probe must be told, however lately this token was reported to work.
            lock(&self.reported).remove(&token);
        }
        Ok(answer)
    }

    async fn holds(&self, token: TokenId, booked_us: i64) -> Result<Answer, QueueError> {
        match self.queue.backing() {
            Backing::Memory(memory) => {
                Ok(lock(&memory.paces).holds(token, memory.clock().now_us(), booked_us))
            }
            Backing::Redis(redis) => redis.pace_holds(token, booked_us).await,
        }
    }

    async fn give_back_probe(&self, token: TokenId) -> Result<(), QueueError> {
        match self.queue.backing() {
            Backing::Memory(memory) => {
                memory.give_back_probe(token);
                Ok(())
            }
            Backing::Redis(redis) => redis.pace_unused(token).await,
        }
    }
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pace").finish_non_exhaustive()
    }
}

fn reason(verdict: Verdict) -> Option<Wait> {
    match verdict {
        Verdict::Go => None,
        Verdict::Pace => Some(Wait::Pace),
        Verdict::TokenClosed => Some(Wait::TokenClosed),
        Verdict::AppleClosed => Some(Wait::AppleClosed),
    }
}

/// The first whole millisecond that is not before `micros`.
fn until(micros: i64) -> Timestamp {
    Timestamp(micros.div_euclid(1_000) + i64::from(micros.rem_euclid(1_000) > 0))
}
