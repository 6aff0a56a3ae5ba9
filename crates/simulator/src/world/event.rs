//! The events of a location: what was accepted, what became of it, and how long it is remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::asset::AssetId;
use super::holders::HolderId;
use super::licenses::Pair;
use super::user::WantedUser;

/// Finished events that can still be asked about. Older ones answer 9708.
const REMEMBERED: usize = 10_000;

/// What an event does with licenses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LicenseAct {
    Associate,
    Disassociate,
    Revoke,
}

/// What an event does with users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserAct {
    Create,
    Update,
    Retire,
}

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Licenses(LicenseAct),
    Users(UserAct),
}

impl EventKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Licenses(LicenseAct::Associate) => "ASSOCIATE",
            Self::Licenses(LicenseAct::Disassociate) => "DISASSOCIATE",
            Self::Licenses(LicenseAct::Revoke) => "REVOKE",
            Self::Users(UserAct::Create) => "CREATE",
            Self::Users(UserAct::Update) => "UPDATE",
            Self::Users(UserAct::Retire) => "RETIRE",
        }
    }
}

/// The work of an event that was accepted.
#[derive(Debug)]
pub(crate) enum Work {
    /// Every asset for every holder; a revoke names no assets.
    Licenses {
        act: LicenseAct,
        assets: Vec<AssetId>,
        holders: Vec<HolderId>,
    },
    Users {
        act: UserAct,
        users: Vec<WantedUser>,
    },
}

impl Work {
    pub(crate) fn kind(&self) -> EventKind {
        match self {
            Self::Licenses { act, .. } => EventKind::Licenses(*act),
            Self::Users { act, .. } => EventKind::Users(*act),
        }
    }
}

/// How an event is made to go wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spoil {
    /// The part of the tasks that fail, from 0 to 1.
    pub(crate) fraction: f64,
    pub(crate) error_number: u16,
}

/// Tasks that failed for the same reason.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error_number: u16,
    pub(crate) tasks: FailedTasks,
}

/// What failed. Licenses without assets: it is true for all assets of the request.
#[derive(Debug, Clone)]
pub(crate) enum FailedTasks {
    Licenses {
        assets: Vec<AssetId>,
        holders: Vec<HolderId>,
    },
    /// Users by their ids, for some were never known.
    Users(Vec<String>),
}

/// How far an event has got.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Accepted; the work is not done.
    Pending { work: Work, spoil: Option<Spoil> },
    /// Done, in whole when there are no failures.
    Settled { completed: usize, failures: Vec<Failure> },
}

#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: Arc<str>,
    pub(crate) kind: EventKind,
    pub(crate) requested: usize,
    pub(crate) progress: Progress,
    /// When somebody last asked and was told that it is pending, in microseconds.
    pub(crate) told_pending_us: Option<i64>,
}

/// The events of one location. Pending ones are kept as long as they are pending.
#[derive(Debug, Default)]
pub(crate) struct Events {
    by_id: HashMap<Arc<str>, Event>,
    settled: VecDeque<Arc<str>>,
}

impl Events {
    pub(crate) fn add(&mut self, event: Event) {
        self.by_id.insert(Arc::clone(&event.id), event);
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Event> {
        self.by_id.get_mut(id)
    }

    /// Forgets the oldest settled events beyond those that are remembered.
    pub(crate) fn remember(&mut self, id: Arc<str>) {
        self.settled.push_back(id);
        while self.settled.len() > REMEMBERED {
            if let Some(oldest) = self.settled.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }
}

/// What an event did with users, for its notifications and for the ledger.
#[derive(Debug, Default)]
pub(crate) struct UserOutcome {
    /// The records of those for whom it ended well.
    pub(crate) done: Vec<HolderId>,
    /// The ids of those for whom it failed, by their error number.
    pub(crate) failed: Vec<(u16, Vec<String>)>,
    /// Licenses that came free.
    pub(crate) freed: usize,
}

impl UserOutcome {
    pub(crate) fn fail(&mut self, error_number: u16, client_user_id: String) {
        match self.failed.iter_mut().find(|(number, _)| *number == error_number) {
            Some((_, ids)) => ids.push(client_user_id),
            None => self.failed.push((error_number, vec![client_user_id])),
        }
    }

    pub(crate) fn refused(&self) -> usize {
        self.failed.iter().map(|(_, ids)| ids.len()).sum()
    }
}

/// What a settled event did.
#[derive(Debug)]
pub(crate) enum Settled {
    Licenses(LicenseAct, Outcome),
    Users(UserAct, UserOutcome),
}

/// What an event did with licenses, for its notifications and for the ledger.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Tasks that ended well, those that had nothing to do included.
    pub(crate) done: Vec<Pair>,
    /// Tasks that failed, by their error number.
    pub(crate) failed: Vec<(u16, Vec<Pair>)>,
    /// Licenses that really moved.
    pub(crate) moved: usize,
}

impl Outcome {
    pub(crate) fn fail(&mut self, error_number: u16, pair: Pair) {
        match self.failed.iter_mut().find(|(number, _)| *number == error_number) {
            Some((_, pairs)) => pairs.push(pair),
            None => self.failed.push((error_number, vec![pair])),
        }
    }

    pub(crate) fn refused(&self) -> usize {
        self.failed.iter().map(|(_, pairs)| pairs.len()).sum()
    }
}
