//! MDM servers, as Russet sends commands to them and hears from them.

/// Which server a connector speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectorKind {
    /// NanoMDM.
    Nanomdm,
    /// NanoHUB: NanoMDM under another path, with another user name.
    Nanohub,
    /// MicroMDM, whose support has ended: one device a call, webhooks without a signature.
    Micromdm,
    /// Any other server: it is told over HTTP what is wanted, and tells what happened.
    Webhook,
}

impl ConnectorKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Nanomdm, Self::Nanohub, Self::Micromdm, Self::Webhook];

    /// The word stored, taken and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nanomdm => "nanomdm",
            Self::Nanohub => "nanohub",
            Self::Micromdm => "micromdm",
            Self::Webhook => "webhook",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether its webhooks can be signed; a server that cannot sign gives the key as the password of its call.
    #[must_use]
    pub fn signs_webhooks(self) -> bool {
        match self {
            Self::Nanomdm | Self::Nanohub | Self::Webhook => true,
            Self::Micromdm => false,
        }
    }
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
