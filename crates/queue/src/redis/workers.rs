//! Which workers there are, and what is in a message's way, as Redis has it.

use ::redis::{Value, cmd, pipe};
use russet_domain::Timestamp;

use super::{Redis, check, reply};
use crate::contract::{Claimant, Lease, Record, forgotten_ms};
use crate::message::{split, token_of};
use crate::pace::Wait;
use crate::why::{Facts, Waiting, rank_before};
use crate::{QueueError, SeenWorker};

/// The most workers that are looked at.
const WORKERS_MAX: usize = 1_000;

impl Redis {
    /// Tells that a worker is there. Fails when the keys have become another layout's.
    pub(crate) async fn attend(&self, claimant: &Claimant) -> Result<(), QueueError> {
        let doing = "telling that a worker is there";
        let mut keys = self.keys.common();
        keys.extend(["workers", "worker_kinds", "layout"].map(|name| self.keys.one(name)));
        let mut args = self.args(4);
        args.text(&*claimant.worker)
            .text(claimant.kinds.join(","))
            .number(forgotten_ms(&self.settings))
            .text(check::LAYOUT);
        let found = self.run(doing, &self.scripts().attend, &keys, &args).await?;
        check::known(reply::string(doing, found)?)
    }

    /// Tells that a worker is gone.
    pub(crate) async fn leave(&self, claimant: &Claimant) -> Result<(), QueueError> {
        let mut gone = pipe();
        gone.atomic();
        gone.cmd("ZREM").arg(self.keys.one("workers")).arg(&*claimant.worker);
        gone.cmd("HDEL").arg(self.keys.one("worker_kinds")).arg(&*claimant.worker);
        self.link.pipeline("telling that a worker is gone", &gone).await.map(drop)
    }

    pub(crate) async fn workers(&self) -> Result<Vec<SeenWorker>, QueueError> {
        let doing = "listing workers";
        let now = self.now_ms().await?;
        let mut range = cmd("ZRANGE");
        range.arg(self.keys.one("workers")).arg(0).arg(WORKERS_MAX - 1).arg("WITHSCORES");
        let found: Vec<(String, i64)> = reply::read(doing, self.link.command(doing, &range).await?)?;
        let names: Vec<String> = found.iter().map(|(name, _)| name.clone()).collect();
        let kinds = self.fields(doing, &self.keys.one("worker_kinds"), &names).await?;
        let oldest = now - i64::try_from(forgotten_ms(&self.settings)).unwrap_or(i64::MAX);
        let mut workers: Vec<SeenWorker> = found
            .into_iter()
            .zip(kinds)
            .filter(|((_, seen), _)| *seen > oldest)
            .map(|((name, seen), kinds)| SeenWorker {
                name,
                kinds: kinds.unwrap_or_default().split(',').map(str::to_owned).collect(),
                seen_at: Timestamp(seen),
            })
            .collect();
        workers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(workers)
    }

    /// What decides about a message just now.
    pub(crate) async fn facts(&self, id: &str, kinds: &[String]) -> Result<Facts, QueueError> {
        let doing = "asking why a message does not run";
        let now = self.now_ms().await?;
        let kind = split(id).0;
        let mut asked = pipe();
        asked.cmd("HGET").arg(self.keys.one("msg")).arg(id);
        asked.cmd("HGET").arg(self.keys.one("lease")).arg(id);
        asked.cmd("ZSCORE").arg(self.keys.one("run")).arg(id);
        asked.cmd("HEXISTS").arg(self.keys.one("again")).arg(id);
        asked.cmd("HGET").arg(self.keys.one("dead_texts")).arg(id);
        asked.cmd("ZSCORE").arg(self.keys.dead(kind)).arg(id);
        asked.cmd("SMEMBERS").arg(self.keys.one("paused"));
        for lane in self.keys.lanes(kind) {
            asked.cmd("ZSCORE").arg(lane).arg(id);
        }
        let mut answers = self.link.pipeline(doing, &asked).await?.into_iter();
        let mut next = || answers.next().ok_or_else(|| reply::surprise(doing));
        let record: Option<String> = reply::read(doing, next()?)?;
        let lease: Option<String> = reply::read(doing, next()?)?;
        let lease_until: Option<i64> = reply::read(doing, next()?)?;
        let again: bool = reply::read(doing, next()?)?;
        let dead: Option<String> = reply::read(doing, next()?)?;
        let died_at: Option<i64> = reply::read(doing, next()?)?;
        let paused: Vec<String> = reply::read(doing, next()?)?;
        let mut due = None;
        for _ in 0..3 {
            due = due.or(reply::read::<Option<i64>>(doing, next()?)?);
        }
        let mut facts = Facts { now, again, ..Facts::default() };
        facts.dead = dead
            .zip(died_at)
            .map(|(text, died_at)| (text.split('\n').next().unwrap_or_default().to_owned(), died_at));
        facts.running = lease.as_deref().and_then(Lease::read).zip(lease_until);
        facts.waiting = record.zip(due).map(|(record, due)| Waiting { due, record: Record::read(&record) });
        facts.is_paused = paused.contains(&self.keys.lanes(kind)[0]);
        let workers = self.workers().await?;
        facts.is_served = workers.iter().any(|worker| worker.kinds.iter().any(|known| known == kind));
        facts.gate = self.gate_of(id).await?;
        let open = |kind: &&String| {
            !paused.contains(&self.keys.lanes(kind)[0])
                && workers.iter().any(|worker| worker.kinds.contains(kind))
        };
        facts.ahead = self.ahead(&facts, kinds.iter().filter(open)).await?;
        Ok(facts)
    }

    /// How many ready messages of these kinds go before a waiting one.
    async fn ahead(&self, facts: &Facts, kinds: impl Iterator<Item = &String>) -> Result<u64, QueueError> {
        let doing = "counting who goes first";
        let Some(waiting) = &facts.waiting else { return Ok(0) };
        let mut asked = pipe();
        for kind in kinds {
            for (digit, lane) in (0_u8..).zip(self.keys.lanes(kind)) {
                let before = rank_before(waiting, digit, self.settings.head_start_ms);
                let until = if before > facts.now { facts.now.to_string() } else { format!("({before}") };
                asked.cmd("ZCOUNT").arg(lane).arg("-inf").arg(until);
            }
        }
        if asked.is_empty() {
            return Ok(0);
        }
        let counts = self.link.pipeline(doing, &asked).await?;
        counts.into_iter().map(|count: Value| reply::read::<u64>(doing, count)).sum()
    }

    /// What keeps the message's token from calling Apple, and until when.
    async fn gate_of(&self, id: &str) -> Result<Option<(Wait, Timestamp)>, QueueError> {
        let doing = "asking for a token's pace";
        let Some(token) = token_of(id) else { return Ok(None) };
        let mut asked = pipe();
        asked.cmd("HMGET").arg(self.keys.one("apple")).arg("until").arg("probe");
        asked.cmd("HMGET").arg(self.keys.pace(token)).arg("closed").arg("tat");
        let answers = self.link.pipeline(doing, &asked).await?;
        let now = self.now_ms().await?;
        let [apple, pace] = <[Value; 2]>::try_from(answers).map_err(|_| reply::surprise(doing))?;
        let (reopens, probe): (Option<i64>, Option<i64>) = reply::read(doing, apple)?;
        let (closed, tat): (Option<i64>, Option<i64>) = reply::read(doing, pace)?;
        let apple = reopens.map(|reopens| reopens.max(probe.unwrap_or(0))).filter(|until| *until > now);
        let (closed, turn) = (closed.unwrap_or(0), tat.unwrap_or(0) / 1_000);
        Ok(match apple {
            Some(until) => Some((Wait::AppleClosed, Timestamp(until))),
            None if closed > now => Some((Wait::TokenClosed, Timestamp(closed))),
            None if turn > now => Some((Wait::Pace, Timestamp(turn))),
            None => None,
        })
    }
}
