//! Counts everything that was asked, answered, moved and done wrong; it is the judge of tests.

mod arrivals;
mod counts;
mod window;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

pub(crate) use counts::{Counts, NotificationCounts, Violation};
use window::Window;

use crate::apple::endpoint::Endpoint;
use crate::rules::Rules;

/// Requests that are remembered one by one.
const REMEMBERED: usize = 1_000;

/// Page requests that may be under way at the same time.
const PARALLEL_PAGES: usize = 5;

/// One request, for people who look for a mistake.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RequestRecord {
    pub(crate) n: u64,
    pub(crate) at_ms: i64,
    pub(crate) method: String,
    pub(crate) endpoint: &'static str,
    pub(crate) uid: Option<Arc<str>>,
    /// Missing when the connection was cut instead of an answer.
    pub(crate) status: Option<u16>,
    pub(crate) error_number: Option<u16>,
    pub(crate) request_bytes: usize,
    pub(crate) response_bytes: usize,
}

/// The ledger as `GET /_sim/ledger` shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    counts: Counts,
    by_location: BTreeMap<Arc<str>, Counts>,
    notifications: NotificationCounts,
    max_in_any_second: BTreeMap<Arc<str>, usize>,
}

/// A time before which nobody should ask again.
#[derive(Debug, Clone, Copy)]
struct Closed {
    from_us: i64,
    until_us: i64,
}

#[derive(Debug, Default)]
struct Inner {
    counts: Counts,
    by_location: BTreeMap<Arc<str>, Counts>,
    notifications: NotificationCounts,
    windows: HashMap<Arc<str>, Window>,
    closed: HashMap<Option<Arc<str>>, Closed>,
    pages_under_way: HashMap<Arc<str>, usize>,
    log: VecDeque<RequestRecord>,
    logged: u64,
}

/// All counters behind one lock; each call costs well under a microsecond.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Inner>);

impl Ledger {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that came in. True when it is one too many for its second.
    pub(crate) fn arrived(
        &self,
        endpoint: Endpoint,
        uid: Option<&Arc<str>>,
        now_us: i64,
        rules: &Rules,
    ) -> bool {
        let mut inner = self.inner();
        inner.each(uid, |counts| counts.arrived(endpoint, now_us));
        let closed = inner.closed.get(&uid.cloned()).copied();
        if let Some(closed) = closed {
            let grace_us = i64::try_from(rules.retry_after_grace_ms).unwrap_or(0) * 1000;
            if now_us >= closed.until_us {
                inner.closed.remove(&uid.cloned());
            } else if now_us > closed.from_us + grace_us {
                inner.each(uid, |counts| counts.violations.add(Violation::BeforeRetryAfter));
            }
        }
        let Some(uid) = uid else { return false };
        let in_second = inner.windows.entry(Arc::clone(uid)).or_default().arrived(now_us);
        let too_many = rules.rate_limit && in_second > rules.limits.max_request_per_second as usize;
        if too_many {
            inner.each(Some(uid), |counts| counts.violations.add(Violation::Rate));
        }
        too_many
    }

    /// Counts a broken rule.
    pub(crate) fn violated(&self, uid: Option<&Arc<str>>, violation: Violation) {
        self.inner().each(uid, |counts| counts.violations.add(violation));
    }

    /// Counts a page request that starts; it ends when the guard is dropped, also when the client goes away.
    pub(crate) fn page_starts(self: &Arc<Self>, uid: &Arc<str>) -> PageUnderWay {
        let mut inner = self.inner();
        let under_way = inner.pages_under_way.entry(Arc::clone(uid)).or_default();
        *under_way += 1;
        if *under_way > PARALLEL_PAGES {
            inner.each(Some(uid), |counts| counts.violations.add(Violation::ParallelPages));
        }
        PageUnderWay { ledger: Arc::clone(self), uid: Arc::clone(uid) }
    }

    /// Remembers that this location was told to wait.
    pub(crate) fn told_to_wait(&self, uid: Option<&Arc<str>>, from_us: i64, until_us: i64) {
        self.inner().closed.insert(uid.cloned(), Closed { from_us, until_us });
    }

    /// Counts an answer, or a connection that was cut instead.
    pub(crate) fn answered(&self, mut record: RequestRecord) {
        let mut inner = self.inner();
        let uid = record.uid.clone();
        inner.each(uid.as_ref(), |counts| counts.answered(record.status));
        inner.logged += 1;
        record.n = inner.logged;
        if inner.log.len() >= REMEMBERED {
            inner.log.pop_front();
        }
        inner.log.push_back(record);
    }

    /// Counts an event that was accepted.
    pub(crate) fn event_accepted(&self, uid: &Arc<str>) {
        self.inner().each(Some(uid), |counts| counts.events.pending += 1);
    }

    /// Counts an event that was carried out.
    pub(crate) fn event_settled(&self, uid: &Arc<str>, associates: bool, moved: usize, refused: usize) {
        self.inner().each(Some(uid), |counts| counts.settled(associates, moved, refused));
    }

    /// Counts what happens to notifications.
    pub(crate) fn notified(&self, count: impl FnOnce(&mut NotificationCounts)) {
        count(&mut self.inner().notifications);
    }

    /// Requests after the one with this number, oldest first.
    pub(crate) fn requests_after(&self, after: u64) -> Vec<RequestRecord> {
        self.inner().log.iter().filter(|record| record.n > after).cloned().collect()
    }

    pub(crate) fn report(&self) -> Report {
        let inner = self.inner();
        Report {
            counts: inner.counts.clone(),
            by_location: inner.by_location.clone(),
            notifications: inner.notifications.clone(),
            max_in_any_second: inner.windows.iter().map(|(uid, window)| (uid.clone(), window.most)).collect(),
        }
    }

    /// Sets all counts to zero. What is going on (pending events, rate windows, waits) goes on.
    pub(crate) fn reset(&self) {
        let mut inner = self.inner();
        inner.counts.reset();
        inner.by_location.values_mut().for_each(Counts::reset);
        inner.notifications = NotificationCounts::default();
        inner.windows.values_mut().for_each(|window| window.most = 0);
    }
}

impl Inner {
    fn each(&mut self, uid: Option<&Arc<str>>, mut count: impl FnMut(&mut Counts)) {
        count(&mut self.counts);
        let Some(uid) = uid else { return };
        match self.by_location.get_mut(uid) {
            Some(counts) => count(counts),
            None => count(self.by_location.entry(Arc::clone(uid)).or_default()),
        }
    }
}

/// A page request that is under way.
pub(crate) struct PageUnderWay {
    ledger: Arc<Ledger>,
    uid: Arc<str>,
}

impl Drop for PageUnderWay {
    fn drop(&mut self) {
        if let Some(under_way) = self.ledger.inner().pages_under_way.get_mut(&self.uid) {
            *under_way = under_way.saturating_sub(1);
        }
    }
}
