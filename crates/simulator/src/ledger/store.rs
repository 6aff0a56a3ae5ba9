//! The requests for metadata, which have a rate of their own and count for no location.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::Closed;
use super::window::Window;
use crate::catalog::service::Service;
use crate::rules::Rules;

/// Askers whose rate is watched. The names of keys come from whoever runs the simulator, so there are few.
const MOST_ASKERS: usize = 10_000;

/// What a request for metadata is, as it comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Counted from 1.
    pub(crate) number: u64,
    /// It is one too many for its second.
    pub(crate) is_over_rate: bool,
}

#[derive(Debug, Default)]
pub(super) struct StoreCounts {
    requests: [u64; Service::ALL.len()],
    number: u64,
    ids: usize,
    answers: BTreeMap<String, u64>,
    rate: u64,
    before_retry_after: u64,
    windows: HashMap<Arc<str>, Window>,
    closed: HashMap<Arc<str>, Closed>,
}

/// The counts as the ledger shows them.
#[derive(Debug, Serialize)]
pub(super) struct StoreReport {
    requests: BTreeMap<&'static str, u64>,
    /// Ids that were asked for, in all requests together.
    ids: usize,
    answers: BTreeMap<String, u64>,
    violations: BTreeMap<&'static str, u64>,
    max_in_any_second: BTreeMap<Arc<str>, usize>,
}

impl StoreCounts {
    pub(super) fn arrived(
        &mut self,
        service: Service,
        asker: &Arc<str>,
        now_us: i64,
        rules: &Rules,
    ) -> Arrival {
        self.requests[service as usize] += 1;
        self.number += 1;
        if let Some(closed) = self.closed.get(asker).copied() {
            let grace_us = i64::try_from(rules.retry_after_grace_ms).unwrap_or(0) * 1000;
            if now_us >= closed.until_us {
                self.closed.remove(asker);
            } else if now_us > closed.from_us + grace_us {
                self.before_retry_after += 1;
            }
        }
        let is_known = self.windows.contains_key(asker) || self.windows.len() < MOST_ASKERS;
        let in_second = match self.windows.entry(Arc::clone(asker)) {
            _ if !is_known => 1,
            entry => entry.or_default().arrived(now_us),
        };
        let is_over_rate = rules.rate_limit && in_second > rules.catalog.rate_per_second as usize;
        self.rate += u64::from(is_over_rate);
        Arrival { number: self.number, is_over_rate }
    }

    pub(super) fn asked(&mut self, ids: usize) {
        self.ids += ids;
    }

    pub(super) fn answered(&mut self, status: Option<u16>) {
        let name = status.map_or_else(|| "cut".to_owned(), |status| status.to_string());
        *self.answers.entry(name).or_default() += 1;
    }

    pub(super) fn close(&mut self, asker: &Arc<str>, closed: Closed) {
        self.closed.insert(Arc::clone(asker), closed);
    }

    pub(super) fn report(&self) -> StoreReport {
        let with_total = |mut counts: BTreeMap<&'static str, u64>| {
            counts.insert("total", counts.values().sum());
            counts
        };
        let requests = Service::ALL.iter().map(|service| (service.name(), self.requests[*service as usize]));
        let violations = [("rate", self.rate), ("before_retry_after", self.before_retry_after)];
        StoreReport {
            requests: with_total(requests.collect()),
            ids: self.ids,
            answers: self.answers.clone(),
            violations: with_total(violations.into()),
            max_in_any_second: self.windows.iter().map(|(who, window)| (who.clone(), window.most)).collect(),
        }
    }

    /// Sets all counts to zero; windows and waits go on.
    pub(super) fn reset(&mut self) {
        self.windows.values_mut().for_each(|window| window.most = 0);
        let (windows, closed) = (std::mem::take(&mut self.windows), std::mem::take(&mut self.closed));
        *self = Self { windows, closed, ..Self::default() };
    }
}
