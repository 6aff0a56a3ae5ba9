//! Remembers what is to be done later, by the simulator's own clock.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::notifier::Delivery;

/// Something to be done at a time.
#[derive(Debug)]
pub(crate) enum Action {
    /// Carry out an event.
    Settle { uid: Arc<str>, event: Arc<str> },
    /// Try to deliver a notification.
    Deliver(Delivery),
    /// Deliver what was held back for this location, the last first.
    DeliverHeld { uid: Arc<str> },
    /// Let a device ask its MDM server for what there is to do.
    CheckIn { udid: Arc<str> },
    /// Let a device report what has become of its declared apps.
    Report { udid: Arc<str> },
}

struct Entry {
    at_us: i64,
    order: u64,
    action: Action,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_us, self.order).cmp(&(other.at_us, other.order))
    }
}

#[derive(Default)]
struct Inner {
    heap: BinaryHeap<Reverse<Entry>>,
    order: u64,
}

/// Actions by time; those of the same time in the order they were put in.
#[derive(Default)]
pub(crate) struct Schedule {
    inner: Mutex<Inner>,
    changed: Notify,
}

impl Schedule {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, at_us: i64, action: Action) {
        let mut inner = self.inner();
        inner.order += 1;
        let order = inner.order;
        inner.heap.push(Reverse(Entry { at_us, order, action }));
        drop(inner);
        self.changed.notify_one();
    }

    /// Takes the next action that is due.
    pub(crate) fn take_due(&self, now_us: i64) -> Option<Action> {
        let mut inner = self.inner();
        if inner.heap.peek()?.0.at_us > now_us {
            return None;
        }
        inner.heap.pop().map(|entry| entry.0.action)
    }

    pub(crate) fn next_us(&self) -> Option<i64> {
        self.inner().heap.peek().map(|entry| entry.0.at_us)
    }

    /// Wakes whoever waits for the next action, because the clock was moved.
    pub(crate) fn look_again(&self) {
        self.changed.notify_one();
    }

    /// Waits until something was put in or the clock was moved.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
