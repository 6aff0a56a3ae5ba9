//! How an event stands.

use russet_domain::AssetKey;
use russet_domain::event::EventStatus;

/// Apple's answer about an event.
///
/// <https://developer.apple.com/documentation/devicemanagement/statusresponse>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventReport {
    /// Its status; [`EventStatus::Unknown`] also when Apple does not know the event any more (9708).
    pub status: EventStatus,
    /// How many licenses the request was about.
    pub requested: Option<i64>,
    /// How many Apple is done with.
    pub completed: Option<i64>,
    /// What failed so far.
    pub failures: Vec<Failure>,
}

impl EventReport {
    /// Whether nothing failed and everything that was requested is accounted for. Only then does a complete event
    /// mean that all of it moved; without counts nothing is taken for granted.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.failures.is_empty() && self.requested.is_some() && self.requested == self.completed
    }
}

/// One failure within an event. An empty list stands for everything of that kind in the request, so that one failure
/// may cover many licenses; which ones, only the assignments tell for sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Apple's `errorNumber`.
    pub number: Option<i32>,
    /// Assets named.
    pub assets: Vec<AssetKey>,
    /// Devices named.
    pub devices: Vec<String>,
    /// Users named.
    pub users: Vec<String>,
}
