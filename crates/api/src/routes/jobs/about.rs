//! What a client may tell of devices and users, so that a job can be looked through.

use russet_domain::lint::{About, DeviceFacts, Enrollment, UserFacts, UserStanding};
use russet_domain::prompts::Ownership;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;

/// The most devices, and the most users, that are told of.
const ABOUT_MAX: usize = 100_000;

/// What is known of the devices and users of a job. All of it is optional; what is not said gives no findings.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = About)]
pub(crate) struct AboutBody {
    /// Devices.
    #[serde(default)]
    pub(crate) devices: Vec<AboutDevice>,
    /// Users.
    #[serde(default)]
    pub(crate) users: Vec<AboutUser>,
}

/// What is known of a device.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AboutDevice {
    /// The serial number.
    serial: String,
    /// Who owns it.
    ownership: Option<OwnershipName>,
    /// How it was enrolled.
    enrollment: Option<EnrollmentName>,
    /// Whether it is supervised.
    supervised: Option<bool>,
    /// Whether it is a kiosk.
    kiosk: Option<bool>,
    /// Whose it is, a `client_user_id`.
    user: Option<String>,
    /// The store's country there, two letters.
    country: Option<String>,
}

/// What is known of a user.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AboutUser {
    /// The `client_user_id`.
    user: String,
    /// What Apple knows of the user.
    status: Option<StandingName>,
    /// The store's country of the user's Apple Account, two letters.
    country: Option<String>,
    /// Whether the App Store is blocked for the user.
    app_store_blocked: Option<bool>,
}

/// Who owns a device.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OwnershipName {
    /// The person does.
    Personal,
    /// The organization does.
    Corporate,
}

/// How a device was enrolled.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EnrollmentName {
    /// With a profile.
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

/// What Apple knows of a user.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StandingName {
    /// Nothing.
    Unknown,
    /// The user, but no Apple Account yet.
    Registered,
    /// The user and the Apple Account.
    Associated,
    /// That the user is out of the program.
    Retired,
}

impl From<OwnershipName> for Ownership {
    fn from(name: OwnershipName) -> Self {
        match name {
            OwnershipName::Personal => Self::Personal,
            OwnershipName::Corporate => Self::Corporate,
        }
    }
}

impl From<EnrollmentName> for Enrollment {
    fn from(name: EnrollmentName) -> Self {
        match name {
            EnrollmentName::Device => Self::Device,
            EnrollmentName::Automated => Self::Automated,
            EnrollmentName::User => Self::User,
            EnrollmentName::AccountDrivenUser => Self::AccountDrivenUser,
            EnrollmentName::AccountDrivenDevice => Self::AccountDrivenDevice,
        }
    }
}

impl From<StandingName> for UserStanding {
    fn from(name: StandingName) -> Self {
        match name {
            StandingName::Unknown => Self::Unknown,
            StandingName::Registered => Self::Registered,
            StandingName::Associated => Self::Associated,
            StandingName::Retired => Self::Retired,
        }
    }
}

impl AboutBody {
    /// As the domain knows it; told twice, the later counts.
    ///
    /// # Errors
    /// When it is about more than can be in a job.
    pub(crate) fn read(self) -> Result<About, ApiError> {
        let too_many = |field: &str| ApiError::InvalidField {
            field: format!("about.{field}"),
            why: format!("it should have at most {ABOUT_MAX} entries"),
        };
        if self.devices.len() > ABOUT_MAX {
            return Err(too_many("devices"));
        }
        if self.users.len() > ABOUT_MAX {
            return Err(too_many("users"));
        }
        let device = |about: AboutDevice| {
            let facts = DeviceFacts {
                ownership: about.ownership.map(Into::into),
                enrollment: about.enrollment.map(Into::into),
                supervised: about.supervised,
                kiosk: about.kiosk,
                user: about.user,
                country: about.country,
            };
            (about.serial, facts)
        };
        let user = |about: AboutUser| {
            let facts = UserFacts {
                standing: about.status.map(Into::into),
                country: about.country,
                app_store_blocked: about.app_store_blocked,
            };
            (about.user, facts)
        };
        Ok(About {
            devices: self.devices.into_iter().map(device).collect(),
            users: self.users.into_iter().map(user).collect(),
        })
    }
}
