//! How an event stands.

use russet_domain::AssetKey;
use russet_domain::event::{EventKind, EventStatus};

/// Apple's answer about an event.
///
/// <https://developer.apple.com/documentation/devicemanagement/statusresponse>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventReport {
    /// Its status; [`EventStatus::Unknown`] when Apple does not know the event any more (9708).
    pub status: EventStatus,
    /// Apple's own word for the status, which is all there is of [`EventStatus::OtherWord`]. Empty beside
    /// [`EventStatus::Unknown`].
    pub word: String,
    /// What the event does, as far as Apple says.
    pub kind: Option<EventKind>,
    /// How many licenses or users the request was about.
    pub requested: Option<i64>,
    /// How many Apple is done with.
    pub completed: Option<i64>,
    /// What failed so far.
    pub failures: Vec<Failure>,
}

impl EventReport {
    /// Whether nothing failed and everything that was requested is accounted for. Only then does a complete event
    /// mean that all of it was done; without counts, or with counts of nothing, nothing is taken for granted.
    #[must_use]
    pub fn clean(&self) -> bool {
        let all = self.requested.is_some_and(|requested| requested > 0) && self.requested == self.completed;
        self.failures.is_empty() && all
    }

    /// An event that Apple does not know (any more).
    pub(crate) fn unknown() -> Self {
        Self {
            status: EventStatus::Unknown,
            word: String::new(),
            kind: None,
            requested: None,
            completed: None,
            failures: Vec::new(),
        }
    }
}

/// One failure within an event. An empty list stands for everything of that kind in the request, so that one failure
/// may cover many licenses or users; which ones, only reading them back tells for sure.
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

impl Failure {
    /// A failure that could not be read: of nobody knows what, for nobody knows what reason.
    pub(crate) fn unread() -> Self {
        Self { number: None, assets: Vec::new(), devices: Vec::new(), users: Vec::new() }
    }
}
