//! Every license that changed hands: when, which way, and what moved it. Rows are written in the transaction that learns of it, are
//! never changed, and outlive their token; [`crate::chain`] makes it seen if somebody changes them all the same.

mod list;
mod past;
mod record;

pub use list::{Filter, Movement, list};
pub use past::{begins, held_at};
pub(crate) use record::{of_moved, of_page, of_pairs, of_unseen};

/// What a movement was learned from. Rows and clients hold the words; they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A change of ours was settled.
    Change,
    /// Apple notified of something that nothing here had asked for.
    Notification,
    /// A reading of Apple's list showed it.
    Sync,
    /// A user went out of the program, and Apple took his licenses back.
    Retired,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Change, Self::Notification, Self::Sync, Self::Retired];

    /// The word stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Notification => "notification",
            Self::Sync => "sync",
            Self::Retired => "retired",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text)
    }
}
