//! The queue as everyone sees it: push, look, pause, and the way to pace and lead.

use std::sync::Arc;
use std::time::Duration;

use russet_domain::Timestamp;
use uuid::Uuid;

use crate::clock::Clock;
use crate::contract::{Ask, BATCH_MAX, Claimant, Claimed, End, Rescued};
use crate::memory::Memory;
use crate::redis::{Listener, Redis};
use crate::{
    AnyJob, DeadPage, Depth, Due, Job, Pace, Push, QueueError, RunningMessage, Settings, Term, When,
};

/// The most messages that are listed, retried or discarded in one call.
const PAGE_MAX: usize = 1_000;

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

    async fn push_checked(&self, messages: &[Push]) -> Result<(), QueueError> {
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

    /// How many messages of each kind there are: of those this program knows, and of those others have pushed.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn depths(&self) -> Result<Vec<Depth>, QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => Ok(memory.depths(&self.kinds().await?)),
            Backing::Redis(redis) => redis.depths(self.kinds().await?).await,
        }
    }

    /// Makes workers leave a kind alone until [`Self::resume`]; what is running goes on. May be repeated.
    ///
    /// # Errors
    ///
    /// [`QueueError::UnknownKind`] for a kind that neither this program nor the queue knows.
    pub async fn pause(&self, kind: &str) -> Result<(), QueueError> {
        self.set_paused(kind, true).await
    }

    /// Lets workers take a kind again. May be repeated.
    ///
    /// # Errors
    ///
    /// As [`Self::pause`].
    pub async fn resume(&self, kind: &str) -> Result<(), QueueError> {
        self.set_paused(kind, false).await
    }

    async fn set_paused(&self, kind: &str, paused: bool) -> Result<(), QueueError> {
        if !self.kinds().await?.iter().any(|known| known == kind) {
            return Err(QueueError::UnknownKind { kind: kind.to_owned(), known: AnyJob::KINDS.join(", ") });
        }
        match &*self.backing {
            Backing::Memory(memory) => {
                memory.pause(kind, paused);
                Ok(())
            }
            Backing::Redis(redis) => redis.pause(kind, paused).await,
        }
    }

    /// Dead messages of all kinds, the latest first, `limit` of them (at most a thousand) from `cursor` on.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer. A cursor that was not given out starts at the top.
    pub async fn dead(&self, limit: usize, cursor: Option<&str>) -> Result<DeadPage, QueueError> {
        let limit = limit.clamp(1, PAGE_MAX);
        let before = cursor.and_then(|cursor| {
            let (moment, id) = cursor.split_once(':')?;
            Some((moment.parse::<i64>().ok()?, id.to_owned()))
        });
        let items = match &*self.backing {
            Backing::Memory(memory) => memory.dead(limit, before.as_ref()),
            Backing::Redis(redis) => redis.dead(limit, before).await?,
        };
        let full = items.len() == limit;
        let next_cursor = items.last().filter(|_| full).map(|last| format!("{}:{}", last.died_at.0, last.id));
        Ok(DeadPage { items, next_cursor })
    }

    /// Pushes dead messages again, at once and as if nothing had happened; returns how many there were. At most a
    /// thousand ids; the rest are left. May be repeated.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub async fn retry_dead(&self, ids: &[String]) -> Result<u64, QueueError> {
        let ids = &ids[..ids.len().min(PAGE_MAX)];
        let found = match &*self.backing {
            Backing::Memory(memory) => memory.dead_named(ids),
            Backing::Redis(redis) => redis.dead_named(ids).await?,
        };
        let again = found.into_iter().map(|dead| Push {
            kind: dead.kind.into(),
            key: dead.key,
            payload: dead.payload,
            when: When { priority: dead.priority, due: Due::Now },
        });
        // First pushed, then forgotten: whatever happens in between, no message is lost.
        self.push_checked(&again.collect::<Vec<_>>()).await?;
        self.discard_dead(ids).await
    }

    /// Forgets dead messages; returns how many there were. At most a thousand ids; the rest are left.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn discard_dead(&self, ids: &[String]) -> Result<u64, QueueError> {
        let ids = &ids[..ids.len().min(PAGE_MAX)];
        match &*self.backing {
            Backing::Memory(memory) => Ok(memory.discard_dead(ids)),
            Backing::Redis(redis) => redis.discard_dead(ids).await,
        }
    }

    /// Messages in workers' hands, those whose lease ends first at the top; at most a thousand.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn running(&self, limit: usize) -> Result<Vec<RunningMessage>, QueueError> {
        let limit = limit.clamp(1, PAGE_MAX);
        match &*self.backing {
            Backing::Memory(memory) => Ok(memory.running(limit)),
            Backing::Redis(redis) => redis.running(limit).await,
        }
    }

    /// The limiter that says when Apple may be called.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace::new(self.clone())
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

/// What workers need, and nobody else.
impl Queue {
    pub(crate) fn backing(&self) -> &Backing {
        &self.backing
    }

    pub(crate) fn settings(&self) -> &Settings {
        match &*self.backing {
            Backing::Memory(memory) => memory.settings(),
            Backing::Redis(redis) => redis.settings(),
        }
    }

    /// One run of a worker, told apart from all others by a random suffix.
    pub(crate) fn claimant(&self, worker: &str, kinds: &[&str]) -> Claimant {
        let worker = format!("{worker}#{}", Uuid::new_v4().simple());
        let kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let keys = match &*self.backing {
            Backing::Memory(_) => Vec::new(),
            Backing::Redis(redis) => redis.claim_keys(&worker, &kinds),
        };
        Claimant { worker, kinds, keys }
    }

    /// Every kind that this program or the queue knows.
    pub(crate) async fn kinds(&self) -> Result<Vec<String>, QueueError> {
        let mut kinds: Vec<String> = AnyJob::KINDS.iter().map(|kind| (*kind).to_owned()).collect();
        match &*self.backing {
            Backing::Memory(memory) => kinds.extend(memory.kinds()),
            Backing::Redis(redis) => kinds.extend(redis.kinds().await?),
        }
        kinds.sort();
        kinds.dedup();
        Ok(kinds)
    }

    pub(crate) async fn claim(&self, claimant: &Claimant, ask: Ask) -> Result<Claimed, QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => Ok(memory.claim(claimant, ask)),
            Backing::Redis(redis) => redis.claim(claimant, ask).await,
        }
    }

    pub(crate) async fn end(&self, ends: &[End]) -> Result<Vec<usize>, QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => Ok(memory.end(ends)),
            Backing::Redis(redis) => redis.end(ends).await,
        }
    }

    pub(crate) async fn renew(&self, leases: &[(String, String)]) -> Result<Vec<usize>, QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => Ok(memory.renew(leases)),
            Backing::Redis(redis) => redis.renew(leases).await,
        }
    }

    pub(crate) async fn rescue(&self) -> Result<Rescued, QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => Ok(memory.rescue()),
            Backing::Redis(redis) => redis.rescue(&self.kinds().await?).await,
        }
    }

    /// Passes the signal that there is something to claim on to another worker.
    pub(crate) async fn signal(&self) -> Result<(), QueueError> {
        match &*self.backing {
            Backing::Memory(memory) => {
                memory.signal();
                Ok(())
            }
            Backing::Redis(redis) => redis.signal().await,
        }
    }

    /// What hears that signal over Redis; nothing when the queue is in this process.
    pub(crate) fn listener(&self) -> Result<Option<Listener>, QueueError> {
        match &*self.backing {
            Backing::Memory(_) => Ok(None),
            Backing::Redis(redis) => redis.listener().map(Some),
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("settings", self.settings()).finish()
    }
}
