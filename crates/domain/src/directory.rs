//! What other systems tell of an organization: its devices, its people, and the groups of either.

/// The platform of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// An iPhone.
    Ios,
    /// An iPad.
    Ipados,
    /// A Mac.
    Macos,
    /// An Apple TV.
    Tvos,
    /// An Apple Vision.
    Visionos,
    /// An Apple Watch.
    Watchos,
    /// Nobody said.
    #[default]
    Unknown,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 7] =
        [Self::Ios, Self::Ipados, Self::Macos, Self::Tvos, Self::Visionos, Self::Watchos, Self::Unknown];

    /// The word stored, taken and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::Ipados => "ipados",
            Self::Macos => "macos",
            Self::Tvos => "tvos",
            Self::Visionos => "visionos",
            Self::Watchos => "watchos",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.as_str() == text)
    }

    /// Whether the rules about Macs hold for it (rules S-42 and S-43); those about iPhones and iPads hold for the others.
    #[must_use]
    pub fn is_mac(self) -> bool {
        match self {
            Self::Macos => true,
            Self::Ios | Self::Ipados | Self::Tvos | Self::Visionos | Self::Watchos | Self::Unknown => false,
        }
    }
}

/// Whether a device is managed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceState {
    /// It is.
    #[default]
    Enrolled,
    /// It was, and is known still (rule S-46).
    Unenrolled,
    /// It was deleted; what remains is the memory of it, until its licenses are back.
    Deleted,
}

impl DeviceState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Enrolled, Self::Unenrolled, Self::Deleted];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Unenrolled => "unenrolled",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Whether a person belongs to the organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonState {
    /// Yes.
    #[default]
    Active,
    /// Not any more (rules S-45, N-15).
    Deleted,
}

impl PersonState {
    /// Every state.
    pub const ALL: [Self; 2] = [Self::Active, Self::Deleted];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What a group's members are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKind {
    /// Devices.
    Devices,
    /// People.
    People,
}

impl GroupKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Devices, Self::People];

    /// The word stored, taken and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::People => "people",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The longest name of a group, in bytes.
pub const GROUP_NAME_MAX: usize = 200;

/// Checks a group's name: it stands in addresses and files, so that it has no blanks at its ends, no control characters and no
/// slashes.
///
/// # Errors
/// What is wrong with it, in words that follow “it”.
pub fn check_group_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.trim() != name {
        return Err("should not be empty nor begin or end with a blank".to_owned());
    }
    if name.len() > GROUP_NAME_MAX {
        return Err(format!("should have at most {GROUP_NAME_MAX} bytes"));
    }
    if name.chars().any(|c| c.is_control() || c == '/') {
        return Err("should have no control characters and no slash".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stored_word_reads_back() {
        for platform in Platform::ALL {
            assert_eq!(Platform::from_text(platform.as_str()), Some(platform));
        }
        for state in DeviceState::ALL {
            assert_eq!(DeviceState::from_text(state.as_str()), Some(state));
        }
        for kind in GroupKind::ALL {
            assert_eq!(GroupKind::from_text(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn a_groups_name_can_stand_in_an_address() {
        assert_eq!(check_group_name("Class 5b"), Ok(()));
        for wrong in ["", " x", "a/b", "a\nb", &"x".repeat(201)] {
            assert!(check_group_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
