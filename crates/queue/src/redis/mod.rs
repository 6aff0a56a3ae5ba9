//! The queue, the pace and the lead over Redis. Nothing outside this module knows Redis.

mod check;
mod greet;
mod inspect;
mod keys;
mod lead;
mod link;
mod listen;
mod pace;
mod queue;
mod reply;
mod scripts;
mod workers;

use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

pub(crate) use listen::Listener;

use self::greet::Greeting;
use self::keys::Keys;
use self::link::Link;
use self::scripts::{Args, Script, Scripts};
use crate::clock::Clock;
use crate::lock::lock;
use crate::{QueueError, Settings};

/// A Redis that has been found fit to hold a queue.
pub(crate) struct Redis {
    settings: Settings,
    keys: Keys,
    link: Link,
    scripts: OnceLock<Scripts>,
    clock: Clock,
    /// What Redis's clock said last, and when that was.
    told: Mutex<(Instant, i64)>,
}

impl Redis {
    /// Connects, and checks that the server is fit.
    pub(crate) async fn open(settings: &Settings, clock: Clock) -> Result<Self, QueueError> {
        let keys = Keys::new(&settings.prefix);
        let greeting = Greeting::new(&keys, clock.clone());
        let patience = Duration::from_millis(settings.response_timeout_ms);
        let link = Link::new(settings, patience, Some(greeting))?;
        let told = Mutex::new((Instant::now(), clock.now_ms()));
        let redis = Self { settings: settings.clone(), keys, link, scripts: OnceLock::new(), clock, told };
        let major = check::server(&redis.link).await?;
        let _ = redis.scripts.set(Scripts::for_version(major));
        check::layout(&redis.link, &redis.keys).await?;
        redis.now_ms().await?;
        Ok(redis)
    }

    /// The scripts as the server wants them.
    fn scripts(&self) -> &Scripts {
        self.scripts.get_or_init(|| Scripts::for_version(0))
    }

    /// Runs a script whose first argument is the clock.
    async fn run(
        &self,
        doing: &'static str,
        script: &Script,
        keys: &[String],
        args: &Args,
    ) -> Result<::redis::Value, QueueError> {
        self.link.script(doing, script, keys, args).await
    }

    /// The beginning of a script's arguments.
    fn args(&self, capacity: usize) -> Args {
        let mut args = Args::with_capacity(capacity + 1);
        args.text(self.clock.given());
        args
    }

    /// Whether Redis answers.
    pub(crate) async fn ping(&self) -> Result<(), QueueError> {
        self.link.command("asking whether it is there", &::redis::cmd("PING")).await.map(drop)
    }

    /// Redis's time in milliseconds.
    pub(crate) async fn now_ms(&self) -> Result<i64, QueueError> {
        if let Some(now) = self.clock.own_ms() {
            return Ok(now);
        }
        let doing = "asking for the time";
        let asked = Instant::now();
        let value = self.link.command(doing, &::redis::cmd("TIME")).await?;
        let time = reply::numbers(doing, value)?;
        match time[..] {
            [seconds, micros] => {
                let now = seconds * 1_000 + micros / 1_000;
                // It was that late somewhere on the way there and back.
                *lock(&self.told) = (asked + asked.elapsed() / 2, now);
                Ok(now)
            }
            _ => Err(reply::surprise(doing)),
        }
    }

    /// Redis's time in milliseconds, as far as it is known here without asking.
    pub(crate) fn about_now_ms(&self) -> i64 {
        if let Some(now) = self.clock.own_ms() {
            return now;
        }
        let (when, told) = *lock(&self.told);
        told.saturating_add(i64::try_from(when.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}
