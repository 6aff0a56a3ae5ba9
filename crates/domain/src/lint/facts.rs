//! What a caller may know of devices and users, all of it optional.

use std::collections::HashMap;

use crate::prompts::Ownership;

/// How a device was enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Enrollment {
    /// With a profile, by the person.
    Device,
    /// By itself, from Apple Business or School Manager.
    Automated,
    /// User Enrollment with a profile.
    User,
    /// User Enrollment by signing in with a Managed Apple Account.
    AccountDrivenUser,
    /// Device enrollment by signing in with a Managed Apple Account.
    AccountDrivenDevice,
}

impl Enrollment {
    /// Every way.
    pub const ALL: [Self; 5] =
        [Self::Device, Self::Automated, Self::User, Self::AccountDrivenUser, Self::AccountDrivenDevice];

    /// The word taken and shown. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Automated => "automated",
            Self::User => "user",
            Self::AccountDrivenUser => "account_driven_user",
            Self::AccountDrivenDevice => "account_driven_device",
        }
    }

    /// Whether it is User Enrollment, under which device licenses do not work (rules S-24, S-28).
    #[must_use]
    pub fn takes_user_licenses_only(self) -> bool {
        match self {
            Self::User | Self::AccountDrivenUser => true,
            Self::Device | Self::Automated | Self::AccountDrivenDevice => false,
        }
    }

    /// Whether it began with signing in to a Managed Apple Account (rule N-5).
    #[must_use]
    pub fn is_account_driven(self) -> bool {
        match self {
            Self::AccountDrivenUser | Self::AccountDrivenDevice => true,
            Self::Device | Self::Automated | Self::User => false,
        }
    }
}

/// What Apple knows of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserStanding {
    /// Nothing.
    Unknown,
    /// The user, but no Apple Account yet.
    Registered,
    /// The user and the Apple Account.
    Associated,
    /// That the user is out of the program.
    Retired,
}

impl UserStanding {
    /// Every standing.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Registered, Self::Associated, Self::Retired];

    /// The word taken and shown. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Registered => "registered",
            Self::Associated => "associated",
            Self::Retired => "retired",
        }
    }
}

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFacts {
    /// Who owns it.
    pub ownership: Option<Ownership>,
    /// How it was enrolled.
    pub enrollment: Option<Enrollment>,
    /// Whether it is supervised.
    pub supervised: Option<bool>,
    /// Whether it is a kiosk.
    pub kiosk: Option<bool>,
    /// Whose it is: a `client_user_id`.
    pub user: Option<String>,
    /// The store's country there.
    pub country: Option<String>,
}

/// What is known of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFacts {
    /// What Apple knows of the user.
    pub standing: Option<UserStanding>,
    /// The store's country of the user's Apple Account.
    pub country: Option<String>,
    /// Whether the App Store is blocked for the user.
    pub app_store_blocked: Option<bool>,
}

/// What a caller knows, by serial number and by `client_user_id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Devices.
    pub devices: HashMap<String, DeviceFacts>,
    /// Users.
    pub users: HashMap<String, UserFacts>,
}

impl About {
    /// The devices that are known to be a user's, in the order of their serial numbers.
    #[must_use]
    pub fn devices_by_user(&self) -> HashMap<&str, Vec<&str>> {
        let mut found: HashMap<&str, Vec<&str>> = HashMap::new();
        for (serial, device) in &self.devices {
            if let Some(user) = &device.user {
                found.entry(user.as_str()).or_default().push(serial);
            }
        }
        found.values_mut().for_each(|devices| devices.sort_unstable());
        found
    }
}
