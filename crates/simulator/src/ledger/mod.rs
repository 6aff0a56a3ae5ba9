//! Counts everything that was asked, answered, moved and done wrong; it is the judge of tests.

mod arrivals;
mod counts;
mod store;
mod window;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

pub(crate) use counts::{Counts, NotificationCounts, Violation};
use store::{Arrival, StoreCounts, StoreReport};
use window::Window;

use crate::apple::endpoint::Endpoint;
use crate::apple::strike::Asker;
use crate::catalog::service::Service;
use crate::rules::Rules;
use crate::world::event::Settled;

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
    catalog: StoreReport,
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
    store: StoreCounts,
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

    /// Remembers that somebody was told to wait.
    pub(crate) fn told_to_wait(&self, asker: &Asker, from_us: i64, until_us: i64) {
        let closed = Closed { from_us, until_us };
        match asker {
            Asker::Location(uid) => {
                self.inner().closed.insert(uid.clone(), closed);
            }
            Asker::Store(asker) => self.inner().store.close(asker, closed),
        }
    }

    /// Counts a request for metadata that came in.
    pub(crate) fn arrived_at_store(
        &self,
        service: Service,
        asker: &Arc<str>,
        now_us: i64,
        rules: &Rules,
    ) -> Arrival {
        self.inner().store.arrived(service, asker, now_us, rules)
    }

    /// Counts the products that were asked for.
    pub(crate) fn asked_store(&self, ids: usize) {
        self.inner().store.asked(ids);
    }

    /// Counts an answer about metadata.
    pub(crate) fn answered_by_store(&self, record: RequestRecord) {
        let mut inner = self.inner();
        inner.store.answered(record.status);
        inner.remember(record);
    }

    /// Counts an answer, or a connection that was cut instead.
    pub(crate) fn answered(&self, record: RequestRecord) {
        let mut inner = self.inner();
        let uid = record.uid.clone();
        inner.each(uid.as_ref(), |counts| counts.answered(record.status));
        inner.remember(record);
    }

    /// Counts an event that was accepted.
    pub(crate) fn event_accepted(&self, uid: &Arc<str>) {
        self.inner().each(Some(uid), |counts| counts.events.pending += 1);
    }

    /// Counts an event that was carried out.
    pub(crate) fn event_settled(&self, uid: &Arc<str>, settled: &Settled) {
        self.inner().each(Some(uid), |counts| counts.settled(settled));
    }

    /// Counts users who accepted their invitations.
    pub(crate) fn users_associated(&self, uid: &Arc<str>, count: usize) {
        self.inner().each(Some(uid), |counts| counts.users.associated += count);
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
            catalog: inner.store.report(),
        }
    }

    /// Sets all counts to zero. What is going on (pending events, rate windows, waits) goes on.
    pub(crate) fn reset(&self) {
        let mut inner = self.inner();
        inner.counts.reset();
        inner.by_location.values_mut().for_each(Counts::reset);
        inner.notifications = NotificationCounts::default();
        inner.windows.values_mut().for_each(|window| window.most = 0);
        inner.store.reset();
    }
}

impl Inner {
    fn remember(&mut self, mut record: RequestRecord) {
        self.logged += 1;
        record.n = self.logged;
        if self.log.len() >= REMEMBERED {
            self.log.pop_front();
        }
        self.log.push_back(record);
    }

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
