//! What an operator sees of the queue, and how it is steered.

use russet_domain::TokenId;

use crate::queue::Backing;
use crate::why::{Facts, standing};
use crate::{
    AnyJob, DeadMessage, DeadPage, Depth, Due, Push, Queue, QueueError, RunningMessage, SeenWorker, When, Why,
};

/// The most messages that are listed, retried or discarded in one call.
const PAGE_MAX: usize = 1_000;
/// The most pages of all kinds that are looked through for a page of one kind.
const PAGES_MAX: usize = 1_000;

impl Queue {
    /// How many messages of each kind there are: of those this program knows, and of those others have pushed.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn depths(&self) -> Result<Vec<Depth>, QueueError> {
        match self.backing() {
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
        match self.backing() {
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
        let items = match self.backing() {
            Backing::Memory(memory) => memory.dead(limit, before.as_ref()),
            Backing::Redis(redis) => redis.dead(limit, before).await?,
        };
        let full = items.len() == limit;
        let next_cursor = items.last().filter(|_| full).map(cursor_after);
        Ok(DeadPage { items, next_cursor })
    }

    /// Dead messages of one kind, otherwise as [`Self::dead`]. It looks through those of all kinds, a thousand at a
    /// time, and stops as soon as it has enough.
    ///
    /// # Errors
    ///
    /// As [`Self::dead`]. A kind that nobody knows has no dead messages.
    pub async fn dead_of(
        &self,
        kind: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<DeadPage, QueueError> {
        let limit = limit.clamp(1, PAGE_MAX);
        let (mut items, mut from) = (Vec::new(), cursor.map(str::to_owned));
        for _ in 0..PAGES_MAX {
            let page = self.dead(PAGE_MAX, from.as_deref()).await?;
            items.extend(page.items.into_iter().filter(|dead| dead.kind == kind));
            if page.next_cursor.is_none() || items.len() >= limit {
                let is_all = page.next_cursor.is_none() && items.len() <= limit;
                items.truncate(limit);
                let next_cursor = items.last().filter(|_| !is_all).map(cursor_after);
                return Ok(DeadPage { items, next_cursor });
            }
            from = page.next_cursor;
        }
        Ok(DeadPage { items, next_cursor: from })
    }

    /// Pushes dead messages again, at once and as if nothing had happened; returns how many there were. At most a
    /// thousand ids; the rest are left. May be repeated.
    ///
    /// # Errors
    ///
    /// As [`Self::push`].
    pub async fn retry_dead(&self, ids: &[String]) -> Result<u64, QueueError> {
        let found = self.dead_named(ids).await?;
        let deaths: Vec<_> = found.iter().map(death).collect();
        let again = found.into_iter().map(|dead| Push {
            kind: dead.kind.into(),
            key: dead.key,
            payload: dead.payload,
            when: When { priority: dead.priority, due: Due::Now },
        });
        // First pushed, then forgotten: whatever happens in between, no message is lost. One that has died again by then
        // stays.
        self.push_checked(&again.collect::<Vec<_>>()).await?;
        self.forget_dead(&deaths).await?;
        Ok(deaths.len() as u64)
    }

    /// Forgets dead messages; returns how many there were. At most a thousand ids; the rest are left.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn discard_dead(&self, ids: &[String]) -> Result<u64, QueueError> {
        let found = self.dead_named(ids).await?;
        self.forget_dead(&found.iter().map(death).collect::<Vec<_>>()).await
    }

    async fn dead_named(&self, ids: &[String]) -> Result<Vec<DeadMessage>, QueueError> {
        let ids = &ids[..ids.len().min(PAGE_MAX)];
        match self.backing() {
            Backing::Memory(memory) => Ok(memory.dead_named(ids)),
            Backing::Redis(redis) => redis.dead_named(ids).await,
        }
    }

    async fn forget_dead(&self, deaths: &[(String, i64)]) -> Result<u64, QueueError> {
        match self.backing() {
            Backing::Memory(memory) => Ok(memory.forget_dead(deaths)),
            Backing::Redis(_) if deaths.is_empty() => Ok(0),
            Backing::Redis(redis) => redis.forget_dead(deaths).await,
        }
    }

    /// Messages in workers' hands, those whose lease ends first at the top; at most a thousand.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn running(&self, limit: usize) -> Result<Vec<RunningMessage>, QueueError> {
        let limit = limit.clamp(1, PAGE_MAX);
        match self.backing() {
            Backing::Memory(memory) => Ok(memory.running(limit)),
            Backing::Redis(redis) => redis.running(limit).await,
        }
    }

    /// Workers that were heard of lately, by name; at most a thousand.
    ///
    /// # Errors
    ///
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn workers(&self) -> Result<Vec<SeenWorker>, QueueError> {
        match self.backing() {
            Backing::Memory(memory) => Ok(memory.workers()),
            Backing::Redis(redis) => redis.workers().await,
        }
    }

    /// Why a message, named by kind, colon and key, is not running now. Two round trips.
    ///
    /// # Errors
    ///
    /// [`QueueError::UnknownKind`] for a kind that neither this program nor the queue knows;
    /// [`QueueError::Unavailable`] when Redis does not answer.
    pub async fn why(&self, id: &str) -> Result<Why, QueueError> {
        let (kind, key) = crate::message::split(id);
        let kinds = self.kinds().await?;
        if !kinds.iter().any(|known| known == kind) {
            return Err(QueueError::UnknownKind { kind: kind.to_owned(), known: kinds.join(", ") });
        }
        let facts: Facts = match self.backing() {
            Backing::Memory(memory) => memory.facts(id),
            Backing::Redis(redis) => redis.facts(id, &kinds).await?,
        };
        let standing = standing(facts);
        Ok(Why { id: id.to_owned(), kind: kind.to_owned(), key: key.to_owned(), standing })
    }

    /// What waits, runs or is dead of a token's own messages, and why it is where it is.
    ///
    /// # Errors
    ///
    /// As [`Self::why`].
    pub async fn why_token(&self, token: TokenId) -> Result<Vec<Why>, QueueError> {
        let mut found = Vec::new();
        for kind in AnyJob::KINDS {
            let why = self.why(&format!("{kind}:{token}")).await?;
            if why.standing != crate::Standing::Absent {
                found.push(why);
            }
        }
        Ok(found)
    }
}

/// Where a page goes on after a dead message.
fn cursor_after(last: &DeadMessage) -> String {
    format!("{}:{}", last.died_at.0, last.id)
}

/// What tells one death of a message from another.
fn death(dead: &DeadMessage) -> (String, i64) {
    (dead.id.clone(), dead.died_at.0)
}
