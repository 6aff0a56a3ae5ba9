//! The states of a token, and which of its work each state allows.

use crate::apple_error::{self, Meaning};

/// What a token is good for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenState {
    /// Uploaded; Apple has not been asked about it yet.
    New,
    /// Apple answers, and the location is ours.
    Valid,
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
}

impl TokenState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Valid,
        Self::Expired,
        Self::Invalid,
        Self::Duplicate,
        Self::AssignedToExternalMdm,
        Self::ReadOnly,
    ];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Invalid => "invalid",
            Self::Duplicate => "duplicate",
            Self::AssignedToExternalMdm => "assigned_to_external_mdm",
            Self::ReadOnly => "read_only",
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
            Self::Valid | Self::Duplicate => true,
            Self::New | Self::Expired | Self::Invalid | Self::AssignedToExternalMdm | Self::ReadOnly => false,
        }
    }

    /// Whether its assets and licenses are read from Apple.
    #[must_use]
    pub fn may_sync(self) -> bool {
        match self {
            Self::Valid | Self::AssignedToExternalMdm | Self::ReadOnly => true,
            Self::New | Self::Expired | Self::Invalid | Self::Duplicate => false,
        }
    }

    /// Whether Apple still answers questions about what was sent before, whatever else is not allowed any more.
    #[must_use]
    pub fn may_ask(self) -> bool {
        match self {
            Self::New | Self::Valid | Self::Duplicate | Self::AssignedToExternalMdm | Self::ReadOnly => true,
            Self::Expired | Self::Invalid => false,
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
            Self::Expired => "The token has expired; download a new one and renew it here.",
            Self::Invalid => {
                "Apple refuses the token, as after a password change or when its owner left; download a new one and renew it here."
            }
            Self::Duplicate => {
                "Another token here opens the same location; this one assigns and revokes but is not synced. Remove one of them."
            }
            Self::AssignedToExternalMdm => {
                "Another MDM server has claimed the location; remove the token there, or upload it with take_over."
            }
            Self::ReadOnly => {
                "Apple lets this token read but not write; give its owner the right to manage apps, then renew it."
            }
        }
    }
}

/// The state that an error number puts a token into, when it says something about the token at all.
///
/// Any 401 or 403 on a write means that the token may not write
/// (<https://developer.apple.com/documentation/devicemanagement/handling-error-responses>).
#[must_use]
pub fn state_after_error(number: Option<i32>, http_status: u16, on_write: bool) -> Option<TokenState> {
    match number.map(|number| (number, apple_error::meaning(number))) {
        Some((9621, _)) => Some(TokenState::Expired),
        Some((_, Meaning::TokenDead)) => Some(TokenState::Invalid),
        Some((_, Meaning::Forbidden)) => Some(TokenState::ReadOnly),
        Some((number, _)) if apple_error::row(number).is_some() => None,
        _ if on_write && matches!(http_status, 401 | 403) => Some(TokenState::ReadOnly),
        _ if http_status == 401 => Some(TokenState::Invalid),
        _ => None,
    }
}

/// Who has claimed a location, as Apple reports it on every answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdmInfo {
    /// The identity: compared on every answer.
    pub id: String,
    /// A readable name.
    pub name: String,
    /// A readable remark.
    pub metadata: String,
}

/// Whose a location is, judged by the `mdmInfo` of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody has claimed it.
    Free,
    /// We have.
    Ours,
    /// Somebody else has.
    Foreign,
}

/// Judges the `mdmInfo` of an answer. Identity is the `id`, never the name
/// (<https://developer.apple.com/documentation/devicemanagement/protecting-your-vpp-account>).
#[must_use]
pub fn judge_claim(ours: &str, seen: Option<&MdmInfo>) -> Claim {
    match seen {
        None => Claim::Free,
        Some(info) if info.id == ours => Claim::Ours,
        Some(_) => Claim::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_token_is_told_from_a_revoked_one() {
        assert_eq!(state_after_error(Some(9621), 401, false), Some(TokenState::Expired));
        assert_eq!(state_after_error(Some(9625), 401, true), Some(TokenState::Invalid));
    }

    #[test]
    fn an_error_about_the_request_leaves_the_token_alone() {
        assert_eq!(state_after_error(Some(9709), 400, true), None);
        assert_eq!(state_after_error(None, 503, true), None);
    }

    #[test]
    fn an_unknown_403_on_a_write_means_read_only() {
        assert_eq!(state_after_error(Some(9999), 403, true), Some(TokenState::ReadOnly));
    }

    #[test]
    fn a_duplicate_moves_licenses_but_is_not_synced() {
        assert!(TokenState::Duplicate.may_write() && !TokenState::Duplicate.may_sync());
    }

    #[test]
    fn a_claim_is_judged_by_id_and_not_by_name() {
        let other = MdmInfo { id: "b".into(), name: "russet".into(), metadata: String::new() };
        assert_eq!(judge_claim("a", Some(&other)), Claim::Foreign);
        assert_eq!(judge_claim("b", Some(&other)), Claim::Ours);
        assert_eq!(judge_claim("a", None), Claim::Free);
    }
}
