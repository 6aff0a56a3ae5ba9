//! MDM servers, as Russet sends commands to them and hears from them.

use std::time::Duration;

use crate::Timestamp;
use crate::patience::Backoff;

/// Which server a connector speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectorKind {
    /// NanoMDM.
    Nanomdm,
    /// NanoHUB: NanoMDM under another path, with another user name.
    Nanohub,
    /// MicroMDM, whose support has ended: one device a call, webhooks without a signature.
    Micromdm,
    /// Fleet: it tells nothing by itself, and is asked.
    Fleet,
    /// Any other server: it is told over HTTP what is wanted, and tells what happened.
    Webhook,
}

impl ConnectorKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Nanomdm, Self::Nanohub, Self::Micromdm, Self::Fleet, Self::Webhook];

    /// The word stored, taken and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nanomdm => "nanomdm",
            Self::Nanohub => "nanohub",
            Self::Micromdm => "micromdm",
            Self::Fleet => "fleet",
            Self::Webhook => "webhook",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// How its webhooks are proved to be its own; nothing for a server whose webhooks are not taken.
    #[must_use]
    pub fn proof(self) -> Option<Proof> {
        match self {
            Self::Nanomdm | Self::Nanohub | Self::Webhook => Some(Proof::Signature),
            Self::Micromdm => Some(Proof::Password),
            Self::Fleet => None,
        }
    }
}

/// How a webhook is proved to be of the server that it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its body is signed with the key.
    Signature,
    /// It gives the key as the password of its call, since it cannot sign.
    Password,
}

/// Whether commands are sent to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectorState {
    /// They are.
    Active,
    /// They are not until somebody mends what is wrong, such as a key that is not taken.
    Parked,
}

impl ConnectorState {
    /// Every state.
    pub const ALL: [Self; 2] = [Self::Active, Self::Parked];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Parked => "parked",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// The longest wait before a server is asked again what devices answered to a command.
const POLL_WAIT_MAX: Duration = Duration::from_secs(3_600);

/// When a server that tells nothing by itself is asked again what devices answered to a command, after it was asked `polls` times:
/// later each time, and once more at the end of the time that is waited. Nothing once that is over.
///
/// ```
/// use russet_domain::Timestamp;
/// use russet_domain::connector::poll_again;
/// use std::time::Duration;
///
/// let (first, end) = (Duration::from_secs(10), Timestamp(25_000));
/// assert_eq!(poll_again(1, first, end, Timestamp(0)), Some(Timestamp(20_000)));
/// assert_eq!(poll_again(2, first, end, Timestamp(20_000)), Some(end));
/// assert_eq!(poll_again(3, first, end, end), None);
/// ```
#[must_use]
pub fn poll_again(polls: u32, first: Duration, end: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let wait = Backoff { base: first, cap: POLL_WAIT_MAX.max(first) }.ceiling(polls);
    (now < end).then(|| now.plus(wait).min(end))
}

/// The longest name of a connector, in bytes.
pub const NAME_MAX: usize = 64;

/// Checks a connector's name: it stands in addresses.
///
/// # Errors
/// What it should be, in words that follow “it”.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if (1..=NAME_MAX).contains(&name.len()) && name.chars().all(fits) {
        return Ok(());
    }
    Err("should be 1 to 64 small letters, digits, dashes or underscores, such as school-mdm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_word_reads_back() {
        for kind in ConnectorKind::ALL {
            assert_eq!(ConnectorKind::from_text(kind.as_str()), Some(kind));
        }
        for state in ConnectorState::ALL {
            assert_eq!(ConnectorState::from_text(state.as_str()), Some(state));
        }
    }

    #[test]
    fn a_name_can_stand_in_an_address() {
        assert_eq!(check_name("school-mdm_2"), Ok(()));
        for wrong in ["", "A", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(check_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
