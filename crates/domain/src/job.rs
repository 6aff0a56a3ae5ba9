//! What a client submitted, and how far it has got, counted from its changes.

use crate::change::State;

/// What a job asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobKind {
    /// Read a location's assets and licenses from Apple.
    SyncToken,
    /// Give licenses to holders.
    AssignLicense,
    /// Take licenses back.
    RevokeLicense,
    /// Move licenses from users to their devices.
    MoveLicense,
    /// Put a newly downloaded token in place of an old one.
    RenewToken,
    /// Remove a token, once its licenses are taken back.
    RemoveToken,
    /// Read names and versions of products from Apple's stores.
    RefreshCatalog,
    /// Have Apple send a location's notifications here, with a new secret or to see whether they come.
    RegisterNotifications,
    /// Take a token's location from the MDM server that has claimed it.
    TakeOverToken,
    /// Write down who holds what of a token's location, and let go of it.
    HandOverToken,
    /// Register users, or change what Apple knows of them.
    ImportUsers,
    /// Retire users.
    RetireUsers,
    /// Make holders ready for apps: get the licenses, then install or tell.
    Gate,
    /// Bring newer versions of apps onto devices.
    PushUpdate,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::SyncToken,
        Self::AssignLicense,
        Self::RevokeLicense,
        Self::MoveLicense,
        Self::RenewToken,
        Self::RemoveToken,
        Self::RefreshCatalog,
        Self::RegisterNotifications,
        Self::TakeOverToken,
        Self::HandOverToken,
        Self::ImportUsers,
        Self::RetireUsers,
        Self::Gate,
        Self::PushUpdate,
    ];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SyncToken => "sync_token",
            Self::AssignLicense => "assign_license",
            Self::RevokeLicense => "revoke_license",
            Self::MoveLicense => "move_license",
            Self::RenewToken => "renew_token",
            Self::RemoveToken => "remove_token",
            Self::RefreshCatalog => "refresh_catalog",
            Self::RegisterNotifications => "register_notifications",
            Self::TakeOverToken => "take_over_token",
            Self::HandOverToken => "hand_over_token",
            Self::ImportUsers => "import_users",
            Self::RetireUsers => "retire_users",
            Self::Gate => "gate",
            Self::PushUpdate => "push_update",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether what it does is to give licenses or to take them back, and nothing else.
    #[must_use]
    pub fn moves_licenses(self) -> bool {
        matches!(self, Self::AssignLicense | Self::RevokeLicense)
    }
}

/// Where a job has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobState {
    /// Nothing of it has been sent yet.
    Queued,
    /// Some of it has.
    Running,
    /// All of it is done.
    Succeeded,
    /// Some of it is done, the rest never will be.
    PartlyFailed,
    /// None of it is done, nor ever will be.
    Failed,
    /// Withdrawn before any of it was done.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::PartlyFailed, Self::Failed, Self::Cancelled];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::PartlyFailed => "partly_failed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether nothing will happen to it any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        match self {
            Self::Succeeded | Self::PartlyFailed | Self::Failed | Self::Cancelled => true,
            Self::Queued | Self::Running => false,
        }
    }
}

/// A job's changes, counted by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Written down; Apple has not been told.
    pub planned: u64,
    /// On the way to Apple.
    pub sending: u64,
    /// Taken by Apple.
    pub accepted: u64,
    /// Done.
    pub settled: u64,
    /// Never to be done.
    pub refused: u64,
    /// Waiting for a license to come free.
    pub waitlisted: u64,
    /// Waiting for an approval.
    pub held: u64,
    /// Withdrawn.
    pub cancelled: u64,
}

impl Progress {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.planned
            + self.sending
            + self.accepted
            + self.settled
            + self.refused
            + self.waitlisted
            + self.held
            + self.cancelled
    }

    /// Those that have come to an end.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.settled + self.refused + self.cancelled
    }

    /// Adds `count` changes in `state`.
    pub fn add(&mut self, state: State, count: u64) {
        let field = match state {
            State::Planned => &mut self.planned,
            State::Sending => &mut self.sending,
            State::Accepted => &mut self.accepted,
            State::Settled => &mut self.settled,
            State::Refused => &mut self.refused,
            State::Waitlisted => &mut self.waitlisted,
            State::Held => &mut self.held,
            State::Cancelled => &mut self.cancelled,
        };
        *field += count;
    }

    /// The state of a job whose changes stand like this.
    ///
    /// ```
    /// use russet_domain::job::{JobState, Progress};
    ///
    /// let progress = Progress { settled: 9, refused: 1, ..Progress::default() };
    /// assert_eq!(progress.job_state(), JobState::PartlyFailed);
    /// ```
    #[must_use]
    pub fn job_state(&self) -> JobState {
        if self.ended() < self.total() {
            let untouched = self.planned + self.waitlisted + self.held == self.total();
            return if untouched { JobState::Queued } else { JobState::Running };
        }
        match (self.settled, self.refused, self.cancelled) {
            (_, 0, 0) => JobState::Succeeded,
            (0, 0, _) => JobState::Cancelled,
            (0, _, _) => JobState::Failed,
            (_, _, _) => JobState::PartlyFailed,
        }
    }
}

/// How urgent a job is. Interactive work has a share of Apple's pace to itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// When nothing else is to be done.
    Low,
    /// As it comes.
    #[default]
    Normal,
    /// A person is waiting.
    High,
}

impl Priority {
    /// Every priority.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text)
    }

    /// The number stored beside changes: higher goes first.
    #[must_use]
    pub fn rank(self) -> i64 {
        match self {
            Self::Low => -1,
            Self::Normal => 0,
            Self::High => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_without_changes_has_succeeded() {
        assert_eq!(Progress::default().job_state(), JobState::Succeeded);
    }

    #[test]
    fn a_job_with_one_change_under_way_is_running() {
        let progress = Progress { settled: 5, accepted: 1, ..Progress::default() };
        assert_eq!(progress.job_state(), JobState::Running);
    }

    #[test]
    fn a_job_of_which_everything_was_withdrawn_is_cancelled() {
        let progress = Progress { cancelled: 5, ..Progress::default() };
        assert_eq!(progress.job_state(), JobState::Cancelled);
    }

    #[test]
    fn a_job_that_was_withdrawn_half_way_is_partly_failed() {
        let progress = Progress { cancelled: 5, settled: 1, ..Progress::default() };
        assert_eq!(progress.job_state(), JobState::PartlyFailed);
    }
}
