//! Looks at the queue in Redis, and pauses, revives and discards.

use ::redis::{Cmd, cmd, pipe};
use russet_domain::Timestamp;

use super::{Redis, reply};
use crate::contract::{BATCH_MAX, Lease, Record};
use crate::message::split;
use crate::{DeadMessage, Depth, QueueError, RunningMessage};

/// The most running messages that are looked at.
const RUNNING_MAX: usize = 10_000;

impl Redis {
    /// All kinds that were ever pushed.
    pub(crate) async fn kinds(&self) -> Result<Vec<String>, QueueError> {
        let doing = "listing kinds";
        let mut members = cmd("SMEMBERS");
        members.arg(self.keys.one("kinds"));
        let mut kinds: Vec<String> = reply::read(doing, self.link.command(doing, &members).await?)?;
        kinds.sort();
        Ok(kinds)
    }

    pub(crate) async fn depths(&self, kinds: Vec<String>) -> Result<Vec<Depth>, QueueError> {
        let doing = "counting messages";
        let now = self.now_ms().await?;
        let mut asked = pipe();
        asked.cmd("SMEMBERS").arg(self.keys.one("paused"));
        asked.cmd("ZRANGE").arg(self.keys.one("run")).arg(0).arg(RUNNING_MAX - 1);
        for kind in &kinds {
            for lane in self.keys.lanes(kind) {
                asked.cmd("ZCARD").arg(&lane);
                asked.cmd("ZCOUNT").arg(&lane).arg("-inf").arg(now);
                asked.cmd("ZRANGE").arg(&lane).arg(0).arg(0).arg("WITHSCORES");
            }
            asked.cmd("ZCARD").arg(self.keys.dead(kind));
        }
        let mut answers = self.link.pipeline(doing, &asked).await?.into_iter();
        let mut next = || answers.next().ok_or_else(|| reply::surprise(doing));
        let paused: Vec<String> = reply::read(doing, next()?)?;
        let running: Vec<String> = reply::read(doing, next()?)?;
        let mut depths = Vec::with_capacity(kinds.len());
        for kind in kinds {
            let (mut waiting, mut due, mut oldest) = (0, 0, None);
            for _ in 0..3 {
                waiting += reply::read::<u64>(doing, next()?)?;
                due += reply::read::<u64>(doing, next()?)?;
                let first: Vec<String> = reply::read(doing, next()?)?;
                let first =
                    first.get(1).and_then(|score| score.parse::<i64>().ok()).filter(|due| *due <= now);
                oldest = [oldest, first].into_iter().flatten().min();
            }
            depths.push(Depth {
                waiting,
                due,
                delayed: waiting.saturating_sub(due),
                running: running.iter().filter(|id| split(id).0 == kind).count() as u64,
                dead: reply::read(doing, next()?)?,
                oldest_age_ms: oldest.map(|first| u64::try_from(now - first).unwrap_or(0)),
                paused: paused.contains(&self.keys.lanes(&kind)[0]),
                kind,
            });
        }
        Ok(depths)
    }

    pub(crate) async fn pause(&self, kind: &str, pause: bool) -> Result<(), QueueError> {
        let mut change = cmd(if pause { "SADD" } else { "SREM" });
        change.arg(self.keys.one("paused")).arg(&self.keys.lanes(kind)[..]);
        self.link.command("pausing or resuming a kind", &change).await?;
        if pause { Ok(()) } else { self.signal().await }
    }

    pub(crate) async fn running(&self, limit: usize) -> Result<Vec<RunningMessage>, QueueError> {
        let doing = "listing running messages";
        let mut range = cmd("ZRANGE");
        range.arg(self.keys.one("run")).arg(0).arg(limit.clamp(1, RUNNING_MAX) - 1).arg("WITHSCORES");
        let found: Vec<(String, i64)> = reply::read(doing, self.link.command(doing, &range).await?)?;
        let ids: Vec<String> = found.iter().map(|(id, _)| id.clone()).collect();
        let leases = self.fields(doing, &self.keys.one("lease"), &ids).await?;
        let mut running = Vec::with_capacity(found.len());
        for ((id, until), lease) in found.into_iter().zip(leases) {
            let Some(lease) = lease.as_deref().and_then(Lease::read) else { continue };
            let (kind, key) = split(&id);
            running.push(RunningMessage {
                kind: kind.to_owned(),
                key: key.to_owned(),
                worker: lease.worker.to_string(),
                fence: lease.fence,
                since: Timestamp(lease.since),
                lease_until: Timestamp(until),
                id,
            });
        }
        Ok(running)
    }

    /// Dead messages of all kinds that died before `before` (a moment and an id), the latest first.
    pub(crate) async fn dead(
        &self,
        limit: usize,
        before: Option<(i64, String)>,
    ) -> Result<Vec<DeadMessage>, QueueError> {
        let doing = "listing dead messages";
        let kinds = self.kinds().await?;
        let mut asked = pipe();
        for kind in &kinds {
            // Those of the cursor's own millisecond are asked for too, and told apart by their ids below.
            let from = before.as_ref().map_or("+inf".to_owned(), |(moment, _)| moment.to_string());
            asked.cmd("ZRANGE").arg(self.keys.dead(kind)).arg(from).arg("-inf");
            asked.arg("BYSCORE").arg("REV").arg("LIMIT").arg(0).arg(limit + 2 * BATCH_MAX).arg("WITHSCORES");
        }
        let answers = if kinds.is_empty() { Vec::new() } else { self.link.pipeline(doing, &asked).await? };
        let mut found: Vec<(i64, String)> = Vec::new();
        for answer in answers {
            let pairs: Vec<(String, i64)> = reply::read(doing, answer)?;
            found.extend(pairs.into_iter().map(|(id, moment)| (moment, id)));
        }
        found.sort_by(|a, b| b.cmp(a));
        found.retain(|entry| before.as_ref().is_none_or(|before| entry < before));
        found.truncate(limit);
        let ids: Vec<String> = found.iter().map(|(_, id)| id.clone()).collect();
        let texts = self.fields(doing, &self.keys.one("dead_texts"), &ids).await?;
        let read =
            |((moment, id), text): ((i64, String), Option<String>)| dead_message(id, moment, text.as_deref());
        Ok(found.into_iter().zip(texts).map(read).collect())
    }

    /// The dead messages among `ids`.
    pub(crate) async fn dead_named(&self, ids: &[String]) -> Result<Vec<DeadMessage>, QueueError> {
        let doing = "looking up dead messages";
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut asked = pipe();
        for id in ids {
            asked.cmd("ZSCORE").arg(self.keys.dead(split(id).0)).arg(id);
        }
        let moments = self.link.pipeline(doing, &asked).await?;
        let texts = self.fields(doing, &self.keys.one("dead_texts"), ids).await?;
        let mut found = Vec::new();
        for ((id, moment), text) in ids.iter().zip(moments).zip(texts) {
            if let (Some(moment), Some(text)) = (reply::read::<Option<i64>>(doing, moment)?, text) {
                found.push(dead_message(id.clone(), moment, Some(&text)));
            }
        }
        Ok(found)
    }

    /// Forgets these deaths, each an id and a moment; returns how many there were.
    pub(crate) async fn forget_dead(&self, deaths: &[(String, i64)]) -> Result<u64, QueueError> {
        let doing = "forgetting dead messages";
        let mut kinds: Vec<&str> = deaths.iter().map(|(id, _)| split(id).0).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut keys = vec![self.keys.one("dead_texts")];
        keys.extend(kinds.iter().map(|kind| self.keys.dead(kind)));
        let mut args = self.args(1 + kinds.len() + 2 * deaths.len());
        args.number(kinds.len());
        for kind in kinds {
            args.text(kind);
        }
        for (id, moment) in deaths {
            args.text(id).number(moment);
        }
        reply::read(doing, self.run(doing, &self.scripts().forget, &keys, &args).await?)
    }

    pub(super) async fn fields(
        &self,
        doing: &'static str,
        key: &str,
        ids: &[String],
    ) -> Result<Vec<Option<String>>, QueueError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut get: Cmd = cmd("HMGET");
        get.arg(key).arg(ids);
        reply::read(doing, self.link.command(doing, &get).await?)
    }
}

fn dead_message(id: String, moment: i64, text: Option<&str>) -> DeadMessage {
    let (reason, record) = text.unwrap_or_default().split_once('\n').unwrap_or_default();
    let record = Record::read(record);
    let (kind, key) = split(&id);
    DeadMessage {
        kind: kind.to_owned(),
        key: key.to_owned(),
        reason: reason.to_owned(),
        died_at: Timestamp(moment),
        attempts: record.attempts,
        rescues: record.rescues,
        priority: record.priority,
        payload: record.payload,
        id,
    }
}
