//! What the tasks of one worker share: free places, held leases, and the ways out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::RngExt as _;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::Ending;
use crate::contract::{Again, BATCH_MAX, Claimant, End, Fate, Named, Record, Taken, one_line};
use crate::lock::lock;
use crate::{AnyJob, Queue};

/// Shared by the tasks of one worker.
pub(super) struct Crew {
    pub(super) queue: Queue,
    pub(super) claimant: Claimant,
    /// Cancelled when the worker is told to stop.
    pub(super) stop: CancellationToken,
    /// Cancelled when the grace is over.
    pub(super) kill: CancellationToken,
    pub(super) free: Arc<AtomicUsize>,
    concurrency: usize,
    made_room: Notify,
    /// By ticket.
    held: Mutex<HashMap<u64, Held>>,
    tickets: AtomicU64,
    ends: mpsc::UnboundedSender<(u64, End)>,
}

/// What a delivery needs to end its message.
pub(super) struct Hold {
    /// Tells what this worker holds apart.
    ticket: u64,
    /// Cancelled when the message is no longer ours.
    pub(super) lost: CancellationToken,
}

/// A lease that is renewed until its end is written down.
struct Held {
    id: Arc<str>,
    lease: Arc<str>,
    lost: CancellationToken,
    /// Whether only its end is still to be written down.
    ended: bool,
    /// When the renewal that holds now was sent.
    renewed: Instant,
}

impl Crew {
    pub(super) fn new(
        queue: Queue,
        claimant: Claimant,
        concurrency: usize,
        stop: CancellationToken,
    ) -> (Self, mpsc::UnboundedReceiver<(u64, End)>) {
        let (ends, endings) = mpsc::unbounded_channel();
        let crew = Self {
            queue,
            claimant,
            stop,
            kill: CancellationToken::new(),
            free: Arc::new(AtomicUsize::new(concurrency)),
            concurrency,
            made_room: Notify::new(),
            held: Mutex::default(),
            tickets: AtomicU64::new(0),
            ends,
        };
        (crew, endings)
    }

    /// How many messages may be claimed. Endings that wait to be written down count once they are many, so that a
    /// Redis which takes claims but no endings does not fill our memory.
    pub(super) fn room(&self) -> usize {
        let unwritten = (self.concurrency + BATCH_MAX).saturating_sub(lock(&self.held).len());
        self.free.load(Ordering::Acquire).min(unwritten)
    }

    /// Waits until every end is written down. Only for when nothing is claimed any more.
    pub(super) async fn all_written(&self) {
        while !lock(&self.held).is_empty() {
            self.made_room().await;
        }
    }

    /// Waits until there may be more room. One task at a time may wait.
    pub(super) async fn made_room(&self) {
        self.made_room.notified().await;
    }

    /// Takes charge of a claimed message: from now on its lease is renewed, and it will be ended.
    pub(super) fn take_on(&self, taken: &Taken, sent: Instant) -> Hold {
        let lost = self.kill.child_token();
        let held = Held {
            id: Arc::clone(&taken.id),
            lease: Arc::clone(&taken.text),
            lost: lost.clone(),
            ended: false,
            renewed: sent,
        };
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        lock(&self.held).insert(ticket, held);
        self.free.fetch_sub(1, Ordering::AcqRel);
        Hold { ticket, lost }
    }

    /// Ends a message that was taken on, exactly once: its place is free at once, its end is written down soon.
    pub(super) fn end(&self, taken: &Taken, hold: &Hold, fate: Fate) {
        let end = End { id: Arc::clone(&taken.id), lease: Arc::clone(&taken.text), fate };
        if let Some(held) = lock(&self.held).get_mut(&hold.ticket) {
            held.ended = true;
        }
        // There is nobody to receive only when the worker is gone; then the lease runs out.
        let _ = self.ends.send((hold.ticket, end));
        self.free.fetch_add(1, Ordering::AcqRel);
        self.made_room.notify_one();
    }

    /// Lets go of leases whose ends are written down.
    pub(super) fn let_go(&self, tickets: impl Iterator<Item = u64>) {
        let mut held = lock(&self.held);
        for ticket in tickets {
            held.remove(&ticket);
        }
        drop(held);
        self.made_room.notify_one();
    }

    /// The leases that are to be renewed, with their tickets.
    pub(super) fn leases(&self) -> Vec<(u64, Named)> {
        let named = |held: &Held| (Arc::clone(&held.id), Arc::clone(&held.lease));
        lock(&self.held).iter().map(|(ticket, held)| (*ticket, named(held))).collect()
    }

    /// Notes that leases were renewed by a request sent at `sent`.
    pub(super) fn renewed(&self, tickets: &[u64], sent: Instant) {
        let mut held = lock(&self.held);
        for ticket in tickets {
            if let Some(held) = held.get_mut(ticket) {
                held.renewed = sent;
            }
        }
    }

    /// Tells a message's handler that the message is no longer ours.
    pub(super) fn lose(&self, ticket: u64) {
        match lock(&self.held).get(&ticket) {
            // A message that ended while its renewal was on the way has no lease any more, as it should be.
            Some(held) if !held.ended && !held.lost.is_cancelled() => {
                tracing::warn!(
                    message.id = &*held.id,
                    lease = &*held.lease,
                    "the lease was lost, so another worker may have the message"
                );
                held.lost.cancel();
            }
            Some(_) | None => {}
        }
    }

    /// Tells the handlers of all messages whose lease must have run out, as nothing was heard of Redis since.
    pub(super) fn lose_unrenewed(&self) {
        let lease = Duration::from_millis(self.queue.settings().lease_ms);
        let held = lock(&self.held);
        for held in held
            .values()
            .filter(|held| !held.ended && held.renewed.elapsed() >= lease && !held.lost.is_cancelled())
        {
            tracing::warn!(message.id = &*held.id, "the lease could not be renewed in time");
            held.lost.cancel();
        }
    }

    /// What becomes of a message whose run ended like this.
    pub(super) fn fate(&self, ending: Ending, taken: &Taken, lost: bool) -> Fate {
        let record = || Record { rescues: 0, ..taken.record.clone() };
        match ending {
            Ending::Done => Fate::Done,
            Ending::Snooze { until } => Fate::Wait { again: Again::NotBefore(until), record: record() },
            // What fails because it was cut short has not had its attempt.
            Ending::Retry { .. } if lost => put_back(taken),
            Ending::Retry { why, after } => self.retry(one_line(&why), after, record()),
            Ending::Fail { why } => Fate::Bury { reason: one_line(&why), record: record() },
        }
    }

    fn retry(&self, why: String, after: Option<Duration>, record: Record) -> Fate {
        let settings = self.queue.settings();
        let attempts = record.attempts.saturating_add(1);
        if attempts >= settings.max_attempts {
            let reason = format!("failed {attempts} times, last: {why}");
            return Fate::Bury { reason, record: Record { attempts, why, ..record } };
        }
        let unit = rand::rng().random_range(0.0..1.0);
        let wait = after.unwrap_or_else(|| settings.backoff().delay(record.attempts, unit));
        let wait = wait.min(crate::message::DELAY_MAX);
        let again = Again::After(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        Fate::Wait { again, record: Record { attempts, why, ..record } }
    }

    /// What becomes of a message that cannot be read.
    pub(super) fn unreadable(taken: &Taken, error: &crate::Unreadable) -> Fate {
        Fate::Bury { reason: one_line(&error.to_string()), record: taken.record.clone() }
    }

    /// Reads a claimed message.
    pub(super) fn read(taken: &Taken) -> Result<AnyJob, crate::Unreadable> {
        AnyJob::read(crate::message::split(&taken.id).0, &taken.record.payload)
    }
}

/// The message goes back to its place in line, as if it had not been claimed.
pub(super) fn put_back(taken: &Taken) -> Fate {
    Fate::Wait { again: Again::InPlace(taken.lease.due), record: taken.record.clone() }
}

/// A random part of `most`, at least a half, so that many who wait do not all come back together.
pub(super) fn about(most: Duration) -> Duration {
    most.mul_f64(rand::rng().random_range(0.5..1.0))
}
