//! The counters of the ledger, once for everything and once for each location.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::arrivals::Arrivals;
use crate::apple::endpoint::Endpoint;
use crate::world::event::{LicenseAct, Settled, UserAct};

/// A rule of Apple's that a client broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// More requests within a second than the location may have.
    Rate,
    /// More than five page requests at the same time.
    ParallelPages,
    /// A list longer than its limit.
    ListTooLong,
    /// The same thing twice in a list.
    Duplicates,
    /// A pending event asked about again too soon.
    StatusTooSoon,
    /// Asked again before the time of a `Retry-After` was over.
    BeforeRetryAfter,
}

impl Violation {
    const ALL: [Self; 6] = [
        Self::Rate,
        Self::ParallelPages,
        Self::ListTooLong,
        Self::Duplicates,
        Self::StatusTooSoon,
        Self::BeforeRetryAfter,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::ParallelPages => "parallel_pages",
            Self::ListTooLong => "list_too_long",
            Self::Duplicates => "duplicates",
            Self::StatusTooSoon => "status_too_soon",
            Self::BeforeRetryAfter => "before_retry_after",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct RequestCounts([u64; Endpoint::ALL.len()]);

impl RequestCounts {
    fn add(&mut self, endpoint: Endpoint) {
        self.0[endpoint as usize] += 1;
    }
}

impl Serialize for RequestCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = Endpoint::ALL.iter().map(|endpoint| (endpoint.name(), self.0[*endpoint as usize]));
        with_total(pairs, serializer)
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct ViolationCounts([u64; Violation::ALL.len()]);

impl ViolationCounts {
    pub(super) fn add(&mut self, violation: Violation) {
        self.0[violation as usize] += 1;
    }
}

impl Serialize for ViolationCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = Violation::ALL.iter().map(|violation| (violation.name(), self.0[*violation as usize]));
        with_total(pairs, serializer)
    }
}

fn with_total<S: Serializer>(
    pairs: impl Iterator<Item = (&'static str, u64)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    let mut total = 0;
    for (name, count) in pairs {
        map.serialize_entry(name, &count)?;
        total += count;
    }
    map.serialize_entry("total", &total)?;
    map.end()
}

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Moved {
    associated: usize,
    disassociated: usize,
}

/// Users that were registered, changed and retired by requests, and who accepted an invitation.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct UserCounts {
    created: usize,
    updated: usize,
    retired: usize,
    pub(super) associated: usize,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct EventCounts {
    /// How many are pending now. The other two have been counted since the last reset.
    pub(super) pending: usize,
    complete: usize,
    failed: usize,
}

/// What happened to notifications. Each is counted once as sent, however often it was tried.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct NotificationCounts {
    pub(crate) sent: u64,
    pub(crate) attempts: u64,
    pub(crate) delivered: u64,
    /// Given up after three attempts.
    pub(crate) failed: u64,
    /// Never sent, on command.
    pub(crate) lost: u64,
}

/// The counters of one location, or of all.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counts {
    requests: RequestCounts,
    arrivals: Arrivals,
    licenses_moved: Moved,
    pub(super) users: UserCounts,
    pub(crate) violations: ViolationCounts,
    answers: BTreeMap<String, u64>,
    pub(super) events: EventCounts,
    elements_refused: usize,
}

impl Counts {
    pub(super) fn arrived(&mut self, endpoint: Endpoint, now_us: i64) {
        self.requests.add(endpoint);
        self.arrivals.add(endpoint, now_us);
    }

    pub(super) fn answered(&mut self, status: Option<u16>) {
        let name = status.map_or_else(|| "cut".to_owned(), |status| status.to_string());
        *self.answers.entry(name).or_default() += 1;
    }

    pub(super) fn settled(&mut self, settled: &Settled) {
        let moved = &mut self.licenses_moved;
        let refused = match settled {
            Settled::Licenses(LicenseAct::Associate, outcome) => {
                moved.associated += outcome.moved;
                outcome.refused()
            }
            Settled::Licenses(LicenseAct::Disassociate | LicenseAct::Revoke, outcome) => {
                moved.disassociated += outcome.moved;
                outcome.refused()
            }
            Settled::Users(act, outcome) => {
                moved.disassociated += outcome.freed;
                let count = match act {
                    UserAct::Create => &mut self.users.created,
                    UserAct::Update => &mut self.users.updated,
                    UserAct::Retire => &mut self.users.retired,
                };
                *count += outcome.done.len();
                outcome.refused()
            }
        };
        self.events.pending = self.events.pending.saturating_sub(1);
        if refused == 0 {
            self.events.complete += 1;
        } else {
            self.events.failed += 1;
        }
        self.elements_refused += refused;
    }

    pub(super) fn reset(&mut self) {
        let pending = self.events.pending;
        *self = Self { events: EventCounts { pending, ..EventCounts::default() }, ..Self::default() };
    }
}
