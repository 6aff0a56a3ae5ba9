//! What workers need of the queue, and nobody else.

use std::sync::Arc;

use uuid::Uuid;

use crate::contract::{Ask, Claimant, Claimed, End, Named, Rescued};
use crate::jobs::RENAMED;
use crate::queue::Backing;
use crate::redis::Listener;
use crate::{AnyJob, Queue, QueueError, Settings};

impl Queue {
    pub(crate) fn settings(&self) -> &Settings {
        match self.backing() {
            Backing::Memory(memory) => memory.settings(),
            Backing::Redis(redis) => redis.settings(),
        }
    }

    /// One run of a worker, told apart from all others by a random suffix. It takes the kinds under their old names too.
    pub(crate) fn claimant(&self, worker: &str, kinds: &[&str]) -> Claimant {
        let worker: Arc<str> = format!("{worker}#{}", Uuid::new_v4().simple()).into();
        let old = RENAMED.iter().filter(|(_, new)| kinds.contains(new)).map(|(old, _)| old);
        let kinds: Vec<String> = kinds.iter().chain(old).map(|kind| (*kind).to_owned()).collect();
        let keys = match self.backing() {
            Backing::Memory(_) => Vec::new(),
            Backing::Redis(redis) => redis.claim_keys(&worker, &kinds),
        };
        Claimant { worker, kinds, keys }
    }

    /// Every kind that this program or the queue knows.
    pub(crate) async fn kinds(&self) -> Result<Vec<String>, QueueError> {
        let mut kinds: Vec<String> = AnyJob::KINDS.iter().map(|kind| (*kind).to_owned()).collect();
        match self.backing() {
            Backing::Memory(memory) => kinds.extend(memory.kinds()),
            Backing::Redis(redis) => kinds.extend(redis.kinds().await?),
        }
        kinds.sort();
        kinds.dedup();
        Ok(kinds)
    }

    pub(crate) async fn claim(&self, claimant: &Claimant, ask: Ask) -> Result<Claimed, QueueError> {
        match self.backing() {
            Backing::Memory(memory) => Ok(memory.claim(claimant, ask)),
            Backing::Redis(redis) => redis.claim(claimant, ask).await,
        }
    }

    pub(crate) async fn end(&self, ends: &[End]) -> Result<Vec<usize>, QueueError> {
        match self.backing() {
            Backing::Memory(memory) => Ok(memory.end(ends)),
            Backing::Redis(redis) => redis.end(ends).await,
        }
    }

    pub(crate) async fn renew(&self, leases: &[Named]) -> Result<Vec<usize>, QueueError> {
        match self.backing() {
            Backing::Memory(memory) => Ok(memory.renew(leases)),
            Backing::Redis(redis) => redis.renew(leases).await,
        }
    }

    /// Takes messages over whose lease has ended.
    #[cfg(test)]
    pub(crate) async fn rescue(&self) -> Result<Rescued, QueueError> {
        self.rescue_of(&self.kinds().await?).await
    }

    /// As [`Self::rescue`], for messages of these kinds; those of others are looked at again later.
    pub(crate) async fn rescue_of(&self, kinds: &[String]) -> Result<Rescued, QueueError> {
        match self.backing() {
            Backing::Memory(memory) => Ok(memory.rescue()),
            Backing::Redis(redis) => redis.rescue(kinds).await,
        }
    }

    /// Passes the signal that there is something to claim on to another worker.
    pub(crate) async fn signal(&self) -> Result<(), QueueError> {
        match self.backing() {
            Backing::Memory(memory) => {
                memory.signal();
                Ok(())
            }
            Backing::Redis(redis) => redis.signal().await,
        }
    }

    /// What hears that signal over Redis; nothing when the queue is in this process.
    pub(crate) fn listener(&self) -> Result<Option<Listener>, QueueError> {
        match self.backing() {
            Backing::Memory(_) => Ok(None),
            Backing::Redis(redis) => redis.listener().map(Some),
        }
    }

    /// Tells that a worker is there and what it takes. Once it is silent for long it is forgotten. Fails when the
    /// keys have become another layout's.
    pub(crate) async fn attend(&self, claimant: &Claimant) -> Result<(), QueueError> {
        match self.backing() {
            Backing::Memory(memory) => {
                memory.attend(claimant);
                Ok(())
            }
            Backing::Redis(redis) => redis.attend(claimant).await,
        }
    }

    /// Tells that a worker is gone, so that nobody waits for it.
    pub(crate) async fn leave(&self, claimant: &Claimant) -> Result<(), QueueError> {
        match self.backing() {
            Backing::Memory(memory) => {
                memory.leave(claimant);
                Ok(())
            }
            Backing::Redis(redis) => redis.leave(claimant).await,
        }
    }
}
