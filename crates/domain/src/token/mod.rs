//! The states of a token, and which of its work each state allows.

mod claim;
mod standing;

pub use claim::{Claim, MdmInfo, Verdict, judge_claim, released, verdict};
pub use standing::{Standing, standing_after_error, state_after_error, working};

/// What a token is good for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenState {
    /// Uploaded; Apple has not been asked about it yet.
    New,
    /// Apple answers, and the location is ours.
    Valid,
    /// The same, but its year is over soon: it is good for everything, and a person should download the next one.
    ExpiresSoon,
    /// Its year is over.
    Expired,
    /// Apple refuses it: revoked, password changed, owner gone.
    Invalid,
    /// Another token here opens the same location; syncing stops for the younger one (rule S-11).
    Duplicate,
    /// Another MDM server has claimed the location; writes are frozen (rule S-10).
    AssignedToExternalMdm,
    /// Apple lets it read, not write.
    ReadOnly,
    /// A token from before locations, with which Apple does not speak here.
    Legacy,
    /// We have let go of the location: it is read, and nothing is given out or taken back.
    HandedOver,
}

impl TokenState {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::New,
        Self::Valid,
        Self::ExpiresSoon,
        Self::Expired,
        Self::Invalid,
        Self::Duplicate,
        Self::AssignedToExternalMdm,
        Self::ReadOnly,
        Self::Legacy,
        Self::HandedOver,
    ];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Valid => "valid",
            Self::ExpiresSoon => "expires_soon",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::AssignedToExternalMdm => "assigned_to_external_mdm",
            Self::ReadOnly => "read_only",
            Self::Legacy => "legacy",
            Self::HandedOver => "handed_over",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether licenses may be moved with it.
    #[must_use]
    pub fn may_write(self) -> bool {
        match self {
            Self::Valid | Self::ExpiresSoon | Self::Duplicate => true,
            Self::New
            | Self::Expired
            | Self::Invalid
            | Self::AssignedToExternalMdm
            | Self::ReadOnly
            | Self::Legacy
            | Self::HandedOver => false,
        }
    }

    /// Whether its assets and licenses are read from Apple.
    #[must_use]
    pub fn may_sync(self) -> bool {
        match self {
            Self::Valid
            | Self::ExpiresSoon
            | Self::AssignedToExternalMdm
            | Self::ReadOnly
            | Self::HandedOver => true,
            Self::New | Self::Expired | Self::Invalid | Self::Duplicate | Self::Legacy => false,
        }
    }

    /// Whether Apple still answers questions about what was sent before, whatever else is not allowed any more.
    #[must_use]
    pub fn may_ask(self) -> bool {
        match self {
            Self::New
            | Self::Valid
            | Self::ExpiresSoon
            | Self::Duplicate
            | Self::AssignedToExternalMdm
            | Self::ReadOnly
            | Self::HandedOver => true,
            Self::Expired | Self::Invalid | Self::Legacy => false,
        }
    }

    /// Whether an order to take its location over can be carried out. For a duplicate the older token does it.
    #[must_use]
    pub fn may_take_over(self) -> bool {
        match self {
            Self::New
            | Self::Valid
            | Self::ExpiresSoon
            | Self::AssignedToExternalMdm
            | Self::ReadOnly
            | Self::HandedOver => true,
            Self::Expired | Self::Invalid | Self::Duplicate | Self::Legacy => false,
        }
    }

    /// Whether a person has to do something about it.
    #[must_use]
    pub fn needs_person(self) -> bool {
        match self {
            Self::ExpiresSoon
            | Self::Expired
            | Self::Invalid
            | Self::Duplicate
            | Self::AssignedToExternalMdm
            | Self::ReadOnly
            | Self::Legacy => true,
            Self::New | Self::Valid | Self::HandedOver => false,
        }
    }

    /// Whether work for it should wait, because it has just been uploaded and will be checked in a moment.
    #[must_use]
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::New)
    }

    /// One sentence for an administrator: what it means and what to do.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::New => "The token was uploaded; Apple is being asked about it.",
            Self::Valid => "The token works.",
            Self::ExpiresSoon => {
                "The token works, and expires soon; download a new one and renew it here before that."
            }
            Self::Expired => "The token has expired; download a new one and renew it here.",
            Self::Invalid => {
                "Apple refuses the token, as after a password change or when its owner left; download a new one and renew it here."
            }
            Self::Duplicate => {
                "Another token here opens the same location; this one assigns and revokes but is not synced. Remove one of them."
            }
            Self::AssignedToExternalMdm => {
                "Another MDM server has claimed the location, so that nothing is given out or taken back here; remove the token there, or order a take-over here."
            }
            Self::ReadOnly => {
                "Apple lets this token read but not write; give its owner the right to manage apps, then renew it."
            }
            Self::Legacy => {
                "Apple does not serve tokens of this old kind; move the purchases to a location, download its token and renew this one with it."
            }
            Self::HandedOver => {
                "The location was handed over: it is read here, and nothing is given out or taken back. Remove the token, or order a take-over to use it again."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_moves_licenses_but_is_not_synced() {
        assert!(TokenState::Duplicate.may_write() && !TokenState::Duplicate.may_sync());
    }

    #[test]
    fn a_token_that_expires_soon_may_do_all_that_a_valid_one_may() {
        let rights = |state: TokenState| {
            [
                state.may_write(),
                state.may_sync(),
                state.may_ask(),
                state.may_take_over(),
                state.is_undecided(),
            ]
        };
        assert_eq!(rights(TokenState::ExpiresSoon), rights(TokenState::Valid));
    }

    #[test]
    fn whoever_may_write_may_ask() {
        for state in TokenState::ALL {
            assert!(state.may_ask() || !(state.may_write() || state.may_sync()), "{state:?}");
            assert_eq!(TokenState::from_text(state.as_str()), Some(state));
            assert!(state.sentence().ends_with('.'), "{state:?}");
        }
    }
}
