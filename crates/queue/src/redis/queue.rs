//! Pushing, claiming, ending, renewing and rescuing over Redis, one script each.

use std::sync::Arc;

use ::redis::Value;
use futures::TryStreamExt as _;
use futures::stream::FuturesUnordered;

use super::{Redis, reply};
use crate::contract::{
    APART_MS, Again, Ask, BATCH_MAX, CLAIM_MAX, Claimant, Claimed, End, Fate, Lease, Named, POISON,
    RESCUE_MAX, Record, Rescued, Taken, lane_of,
};
use crate::message::split;
use crate::pace::interval_us;
use crate::{AnyJob, Due, Push, QueueError};

/// How many batches of one push are on their way at once.
const BATCHES_AT_ONCE: usize = 3;

impl Redis {
    /// Pushes messages; those of one kind travel together.
    pub(crate) async fn push(&self, messages: &[Push]) -> Result<(), QueueError> {
        let mut kinds: Vec<&str> = messages.iter().map(|message| message.kind.as_ref()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in kinds {
            let of_kind: Vec<&Push> = messages.iter().filter(|message| message.kind == kind).collect();
            // While Redis adds one batch, the next is put together and on its way.
            let mut flying = FuturesUnordered::new();
            for batch in of_kind.chunks(BATCH_MAX) {
                if flying.len() == BATCHES_AT_ONCE {
                    flying.try_next().await?;
                }
                flying.push(self.push_batch(kind, batch));
            }
            while flying.try_next().await?.is_some() {}
        }
        Ok(())
    }

    async fn push_batch(&self, kind: &str, batch: &[&Push]) -> Result<(), QueueError> {
        let mut keys = self.keys.common();
        keys.push(self.keys.one("kinds"));
        keys.extend(self.keys.lanes(kind));
        let mut args = self.args(1 + batch.len() * 3);
        args.text(kind);
        for message in batch {
            args.put(format_args!("{kind}:{}", message.key));
            match message.when.due {
                Due::Now => args.text("+0"),
                Due::In(delay) => args.put(format_args!("+{}", delay.as_millis())),
                Due::At(moment) => args.put(format_args!("@{}", moment.0)),
            };
            args.put(format_args!("{}|0|0|\n{}", lane_of(message.when.priority), message.payload));
        }
        self.run("pushing messages", &self.scripts().push, &keys, &args).await.map(drop)
    }

    /// The keys that a worker's claims touch.
    pub(crate) fn claim_keys(&self, worker: &str, kinds: &[String]) -> Vec<String> {
        let mut keys = self.keys.common();
        keys.extend([self.keys.one("fence"), self.keys.one("paused"), self.keys.memo(worker)]);
        keys.extend(["apple", "turns"].map(|name| self.keys.one(name)));
        keys.extend(kinds.iter().flat_map(|kind| self.keys.lanes(kind)));
        keys
    }

    /// Claims messages for a worker.
    pub(crate) async fn claim(&self, claimant: &Claimant, ask: Ask) -> Result<Claimed, QueueError> {
        let doing = "claiming messages";
        let calls = claimant.kinds.iter().map(|kind| if AnyJob::is_paced(kind) { '1' } else { '0' });
        let mut args = self.args(7);
        args.number(self.settings.lease_ms)
            .text(&*claimant.worker)
            .number(ask.request)
            .number(ask.max.clamp(1, CLAIM_MAX))
            .number(self.settings.head_start_ms)
            .text(calls.collect::<String>())
            .number(interval_us(self.settings.default_rate));
        let value = self.run(doing, &self.scripts().claim, &claimant.keys, &args).await?;
        let mut values = reply::list(doing, value)?.into_iter();
        let (Some(Value::Int(next)), Some(Value::Int(more))) = (values.next(), values.next()) else {
            return Err(reply::surprise(doing));
        };
        let mut taken = Vec::with_capacity(values.len() / 3);
        while let (Some(id), Some(lease), Some(record)) = (values.next(), values.next(), values.next()) {
            let text: Arc<str> = reply::string(doing, lease)?.into();
            let lease = Lease::read_own(&text, &claimant.worker).ok_or_else(|| reply::surprise(doing))?;
            let record = Record::read(&reply::string(doing, record)?);
            taken.push(Taken { id: reply::string(doing, id)?.into(), lease, text, record });
        }
        Ok(Claimed { taken, next_in_ms: u64::try_from(next).ok(), more: more == 1 })
    }

    /// Ends runs, at most [`BATCH_MAX`]; returns the positions of those whose lease is not the current one.
    pub(crate) async fn end(&self, ends: &[End]) -> Result<Vec<usize>, QueueError> {
        let mut kinds: Vec<&str> = ends.iter().map(|end| split(&end.id).0).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut keys = self.keys.common();
        keys.push(self.keys.one("dead_texts"));
        for kind in &kinds {
            keys.extend(self.keys.lanes(kind));
            keys.push(self.keys.dead(kind));
        }
        let plain = |end: &&End| matches!(end.fate, Fate::Done);
        let mut args = self.args(3 + kinds.len() + ends.len() * 5);
        args.number(self.settings.dead_max).number(kinds.len());
        for kind in &kinds {
            args.text(*kind);
        }
        args.number(ends.iter().filter(plain).count());
        for end in ends.iter().filter(plain) {
            args.text(&end.id).text(&end.lease);
        }
        // The script counts the plain ones first, so positions are kept in its order.
        let mut order: Vec<usize> = (0..ends.len()).filter(|&i| plain(&&ends[i])).collect();
        for (position, end) in ends.iter().enumerate() {
            let (verb, first, record) = match &end.fate {
                Fate::Done => continue,
                Fate::Wait { again, record } => ("w", due_text(*again), record),
                Fate::Bury { reason, record } => ("x", reason.clone(), record),
            };
            args.text(&end.id).text(&end.lease).text(verb).text(first).text(record.write());
            order.push(position);
        }
        let doing = "ending runs";
        let refused = reply::numbers(doing, self.run(doing, &self.scripts().end, &keys, &args).await?)?;
        Ok(refused
            .into_iter()
            .filter_map(|n| order.get(usize::try_from(n).ok()?.checked_sub(1)?).copied())
            .collect())
    }

    /// Prolongs leases, at most [`BATCH_MAX`]; returns the positions of those that are lost.
    pub(crate) async fn renew(&self, leases: &[Named]) -> Result<Vec<usize>, QueueError> {
        let mut args = self.args(1 + leases.len() * 2);
        args.number(self.settings.lease_ms);
        for (id, lease) in leases {
            args.text(id).text(lease);
        }
        let doing = "renewing leases";
        let lost =
            reply::numbers(doing, self.run(doing, &self.scripts().renew, &self.keys.common(), &args).await?)?;
        Ok(lost.into_iter().filter_map(|n| usize::try_from(n).ok()?.checked_sub(1)).collect())
    }

    /// Takes messages over from workers that vanished.
    pub(crate) async fn rescue(&self, kinds: &[String]) -> Result<Rescued, QueueError> {
        let mut keys = self.keys.common();
        keys.extend(["dead_texts", "beat", "amnesty"].map(|name| self.keys.one(name)));
        for kind in kinds {
            keys.extend(self.keys.lanes(kind));
            keys.push(self.keys.dead(kind));
        }
        let renew_ms = self.settings.renew_ms;
        let mut args = self.args(6 + kinds.len());
        args.number(self.settings.dead_max)
            .number(self.settings.max_rescues)
            .number(renew_ms * 2)
            .number(renew_ms + renew_ms / 5)
            .number(RESCUE_MAX)
            .text(POISON)
            .number(APART_MS);
        for kind in kinds {
            args.text(kind.as_str());
        }
        let doing = "rescuing messages";
        let counts = reply::numbers(doing, self.run(doing, &self.scripts().rescue, &keys, &args).await?)?;
        match counts[..] {
            [rescued, poisoned] => Ok(Rescued {
                rescued: u64::try_from(rescued).unwrap_or(0),
                poisoned: u64::try_from(poisoned).unwrap_or(0),
            }),
            _ => Err(reply::surprise(doing)),
        }
    }
}

fn due_text(again: Again) -> String {
    match again {
        Again::After(delay) => format!("+{delay}"),
        Again::NotBefore(moment) => format!("@{}", moment.0),
        Again::InPlace(due) => format!("={due}"),
    }
}
