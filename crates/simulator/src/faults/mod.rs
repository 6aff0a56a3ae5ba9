//! Keeps the faults that somebody ordered, and decides which of them strikes.

mod order;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

pub(crate) use order::{FaultOrder, RetryAfter, Target, What};

use crate::apple::endpoint::Endpoint;
use crate::catalog::service::Service;
use crate::seed::Dice;
use crate::world::event::Spoil;

/// Faults that can be in the list at a time.
const MOST: usize = 1_000;

/// A fault in the list.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fault {
    pub(crate) id: u64,
    #[serde(flatten)]
    pub(crate) order: FaultOrder,
    /// How often it has struck.
    pub(crate) struck: u64,
}

impl Fault {
    fn is_spent(&self) -> bool {
        self.order.times.is_some_and(|times| self.struck >= times)
    }
}

/// What the faults make of one event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum EventFate {
    /// It takes its usual course.
    Usual,
    /// It stays pending until the fault is removed.
    Held { by: u64 },
    /// A part of it fails.
    Spoiled(Spoil),
}

/// What the faults make of one notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotificationFate {
    Usual,
    Lost,
    Late { ms: u64 },
    Doubled,
    HeldBack,
}

/// What the faults make of one request.
#[derive(Debug, Default)]
pub(crate) struct RequestFate {
    /// Milliseconds that the answer takes longer.
    pub(crate) latency_ms: u64,
    /// What strikes instead of, or after, the answer.
    pub(crate) strike: Option<What>,
}

struct Inner {
    list: Vec<Fault>,
    next_id: u64,
    dice: Dice,
}

/// The ordered faults. The first in the list that matches strikes; latencies add up.
pub(crate) struct Faults(Mutex<Inner>);

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(Inner { list: Vec::new(), next_id: 1, dice: Dice::stream(seed, "faults") }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a fault and returns its number, or says why it is not possible.
    pub(crate) fn add(&self, order: FaultOrder) -> Result<u64, String> {
        order.check()?;
        let mut inner = self.inner();
        if inner.list.len() >= MOST {
            // Spent faults are kept only to be looked at, except those that hold events.
            inner.list.retain(|fault| !fault.is_spent() || matches!(fault.order.what, What::EventPending {}));
        }
        if inner.list.len() >= MOST {
            return Err(format!("there are {MOST} faults already; delete some with DELETE /_sim/faults"));
        }
        let id = inner.next_id;
        inner.next_id += 1;
        inner.list.push(Fault { id, order, struck: 0 });
        Ok(id)
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.inner().list.clone()
    }

    /// Removes one fault; false when there is no such fault.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut inner = self.inner();
        let before = inner.list.len();
        inner.list.retain(|fault| fault.id != id);
        inner.list.len() < before
    }

    pub(crate) fn clear(&self) {
        self.inner().list.clear();
    }

    /// Decides what strikes a request.
    pub(crate) fn for_request(
        &self,
        endpoint: Endpoint,
        is_write: bool,
        uid: Option<&Arc<str>>,
    ) -> RequestFate {
        self.request_fate(|target| target.is_request(endpoint, is_write), uid)
    }

    /// Decides what strikes a request for metadata.
    pub(crate) fn for_store(&self, service: Service, uid: Option<&Arc<str>>) -> RequestFate {
        self.request_fate(|target| target.is_store(service), uid)
    }

    fn request_fate(&self, hits: impl Fn(Target) -> bool, uid: Option<&Arc<str>>) -> RequestFate {
        let mut fate = RequestFate::default();
        self.inner().strike(hits, uid, |what| match what {
            What::Latency { ms } => {
                fate.latency_ms += ms;
                Answer::StrikeAndGoOn
            }
            _ if !what.is_for_requests() => Answer::Pass,
            _ => {
                fate.strike = Some(what.clone());
                Answer::Strike
            }
        });
        fate
    }

    /// Decides what strikes an event that was just accepted.
    pub(crate) fn for_event(&self, endpoint: Endpoint, uid: &Arc<str>) -> EventFate {
        let mut fate = EventFate::Usual;
        let hits = |target: Target| target.is_request(endpoint, true);
        let by = self.inner().strike(hits, Some(uid), |what| {
            fate = match *what {
                What::EventPending {} => EventFate::Held { by: 0 },
                What::EventFails { error_number } => {
                    EventFate::Spoiled(Spoil { fraction: 1.0, error_number })
                }
                What::EventFailsInPart { fraction, error_number } => {
                    EventFate::Spoiled(Spoil { fraction, error_number })
                }
                _ => return Answer::Pass,
            };
            Answer::Strike
        });
        match (fate, by) {
            (EventFate::Held { .. }, Some(by)) => EventFate::Held { by },
            (fate, _) => fate,
        }
    }

    /// Decides what strikes a notification that is about to be sent for the first time.
    pub(crate) fn for_notification(&self, uid: &Arc<str>) -> NotificationFate {
        let mut fate = NotificationFate::Usual;
        let hits = |target: Target| target == Target::Notifications;
        self.inner().strike(hits, Some(uid), |what| {
            fate = match *what {
                What::Lost {} => NotificationFate::Lost,
                What::Late { ms } => NotificationFate::Late { ms },
                What::Doubled {} => NotificationFate::Doubled,
                What::Reordered {} => NotificationFate::HeldBack,
                _ => return Answer::Pass,
            };
            Answer::Strike
        });
        fate
    }
}

/// What a fault that matches does.
enum Answer {
    /// It is of another sort: it does not count as struck.
    Pass,
    /// It strikes, and another may strike too.
    StrikeAndGoOn,
    /// It strikes, and nothing else does.
    Strike,
}

impl Inner {
    /// Goes through the faults that match and are not spent. Returns the number of the one that ended it.
    fn strike(
        &mut self,
        hits: impl Fn(Target) -> bool,
        uid: Option<&Arc<str>>,
        mut decide: impl FnMut(&What) -> Answer,
    ) -> Option<u64> {
        for fault in &mut self.list {
            let on = &fault.order.on;
            let is_here = on.uid.as_deref().is_none_or(|wanted| uid.is_some_and(|uid| **uid == *wanted));
            if fault.is_spent() || !is_here || !hits(on.endpoint) {
                continue;
            }
            if fault.order.probability.is_some_and(|probability| !self.dice.chance(probability)) {
                continue;
            }
            match decide(&fault.order.what) {
                Answer::Pass => {}
                Answer::StrikeAndGoOn => fault.struck += 1,
                Answer::Strike => {
                    fault.struck += 1;
                    return Some(fault.id);
                }
            }
        }
        None
    }
}
