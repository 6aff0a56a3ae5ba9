//! The queue as everyone sees it: push, look, pause, and the way to pace and lead.

use std::sync::Arc;
use std::time::Duration;

use russet_domain::Timestamp;

use crate::clock::Clock;
use crate::contract::BATCH_MAX;
use crate::memory::Memory;
use crate::redis::Redis;
use crate::{Job, Push, QueueError, Settings, Term, When};

/// A handle on the queue; cloning it is cheap and shares the connection.
#[derive(Clone)]
pub struct Queue {
    backing: Arc<Backing>,
}

/// Where the queue is.
pub(crate) enum Backing {
    Memory(Box<Memory>),
    Redis(Box<Redis>),
}

impl Queue {
    /// Opens the queue that `settings.url` names, and checks that its Redis, if it is one, is fit to hold it.
    ///
    /// # Errors
    ///
    /// [`QueueError::Setting`] for a wrong setting; [`QueueError::Unavailable`] when Redis does not answer, which may
    /// be tried again; [`QueueError::TooOld`], [`QueueError::Evicting`], [`QueueError::Layout`] and
    /// [`QueueError::Refused`] say what to change about it.
    pub async fn open(settings: &Settings) -> Result<Self, QueueError> {
        Self::open_with(settings, Clock::Real).await
    }

    pub(crate) async fn open_with(settings: &Settings, clock: Clock) -> Result<Self, QueueError> {
        settings.validate()?;
        let backing = if settings.url == "memory:" {
            Backing::Memory(Box::new(Memory::new(settings, clock)))
        } else {
            Backing::Redis(Box::new(Redis::open(settings, clock).await?))
        };
        Ok(Self { backing: Arc::new(backing) })
    }

    /// Pushes a message. One that waits already only moves forward: to the earlier time, to the higher priority. One
    /// that is running runs once more afterwards. May be repeated.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] and [`QueueError::Full`] pass; [`QueueError::Message`] for a key or payload that
    /// is too long.
    pub async fn push<J: Job>(&self, job: &J, when: When) -> Result<(), QueueError> {
        self.push_many(vec![Push::of(job, when)]).await
    }

    /// Pushes many messages, five hundred a round trip. Not all or nothing: after an error some may be there, and the
    /// whole may be repeated.
    ///
    /// # Errors
    ///
    /// As [`Self::push`]. A message that cannot be pushed at all is found before any is pushed.
    pub async fn push_many(&self, messages: Vec<Push>) -> Result<(), QueueError> {
        for message in &messages {
            message.check()?;
        }
        self.push_checked(&messages).await
    }

    /// Pushes messages that were found fit before.
    pub(crate) async fn push_checked(&self, messages: &[Push]) -> Result<(), QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => {
                // In batches, so that claims get their turn in between.
                messages.chunks(BATCH_MAX).for_each(|batch| memory.push(batch));
                Ok(())
            }
            Backing::Redis(redis) => redis.push(messages).await,
        }
    }

    /// Whether the queue can be reached.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when not.
    pub async fn ping(&self) -> Result<(), QueueError> {
        match &*self.backing {
            Backing::Memory(_) => Ok(()),
            Backing::Redis(redis) => redis.ping().await,
        }
    }

    /// The time on the queue's clock, by which leases and due times go.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn now(&self) -> Result<Timestamp, QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => Ok(Timestamp(memory.now_ms())),
            Backing::Redis(redis) => redis.now_ms().await.map(Timestamp),
        }
    }

    /// The time on the queue's clock as this process knows it, without asking: what Redis said last, at least once in a
    /// minute while a worker runs, and the time that has passed since. The clock of this machine plays no part, so that
    /// replicas agree whatever their clocks say.
    #[must_use]
    pub fn about_now(&self) -> Timestamp {
        Timestamp(match &*self.backing {
            Backing::Memory(memory) => memory.now_ms(),
            Backing::Redis(redis) => redis.about_now_ms(),
        })
    }

    /// Takes the lead of `role` for `ttl`, or keeps it when `who` leads already; nothing when another leads. May be
    /// repeated, and must be, well before `ttl` is over.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer: then the lead is to be considered lost once `ttl` has
    /// passed since the last success.
    pub async fn lead(&self, role: &str, who: &str, ttl: Duration) -> Result<Option<Term>, QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => Ok(memory.lead(role, who, ttl)),
            Backing::Redis(redis) => redis.lead(role, who, ttl).await,
        }
    }

    /// Gives up the lead, so that another need not wait for it to run out. May be repeated.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn release(&self, term: &Term) -> Result<(), QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => {
                memory.resign(term);
                Ok(())
            }
            Backing::Redis(redis) => redis.resign(term).await,
        }
    }
}

impl Queue {
    /// Where the queue is.
    pub(crate) fn backing(&self) -> &Backing {
        &self.backing
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("settings", self.settings()).finish()
    }
}
