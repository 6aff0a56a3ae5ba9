//! How an app stands on a device that is to have it (rule N-31).

/// How an app stands on a device whose license is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// The device reports it as managed.
    Installed,
    /// It is on its way.
    Pending,
    /// It was tried and will not come without somebody's doing; the install says why.
    Failed,
    /// The device has told its apps, and it is none of them.
    NotInstalled,
    /// The store has it for no system of this device's kind.
    NotApplicable,
    /// The device has never told its apps.
    Unknown,
}

impl Presence {
    /// Every word.
    pub const ALL: [Self; 6] = [
        Self::Installed,
        Self::Pending,
        Self::Failed,
        Self::NotInstalled,
        Self::NotApplicable,
        Self::Unknown,
    ];

    /// The word shown. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::NotInstalled => "not_installed",
            Self::NotApplicable => "not_applicable",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|presence| presence.as_str() == text)
    }
}
