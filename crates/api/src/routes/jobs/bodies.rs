//! What a client sends to submit a job.

use russet_domain::job::{JobKind, Priority};
use serde::Deserialize;
use utoipa::ToSchema;

use super::about::AboutBody;

/// A job that reads a location's assets and licenses from Apple.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncTokenJob {
    /// What it asks for.
    #[serde(rename = "kind")]
    #[schema(rename = "kind")]
    _kind: SyncKind,
    /// The token.
    pub(super) token: i64,
    /// `full` reads everything, `changes` what changed since the last time.
    #[serde(default)]
    pub(super) mode: SyncMode,
    /// How urgent it is.
    #[serde(default)]
    pub(super) priority: PriorityName,
}

/// The kind of a job that reads.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncKind {
    SyncToken,
}

/// The kinds of jobs that move licenses.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MoveKind {
    AssignLicense,
    RevokeLicense,
}

impl MoveLicensesJob {
    /// What it asks for.
    pub(crate) fn kind(&self) -> JobKind {
        match self.kind {
            MoveKind::AssignLicense => JobKind::AssignLicense,
            MoveKind::RevokeLicense => JobKind::RevokeLicense,
        }
    }
}

/// How much a sync reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SyncMode {
    /// Everything.
    #[default]
    Full,
    /// What changed since the last time.
    Changes,
}

/// How urgent a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PriorityName {
    /// When nothing else is to be done.
    Low,
    /// As it comes.
    #[default]
    Normal,
    /// A person is waiting.
    High,
}

impl From<PriorityName> for Priority {
    fn from(name: PriorityName) -> Self {
        match name {
            PriorityName::Low => Self::Low,
            PriorityName::Normal => Self::Normal,
            PriorityName::High => Self::High,
        }
    }
}

/// A job that moves licenses: either every one of `assets` for every one of `devices`, `users` and the members of `groups`, or just
/// `pairs`.
///
/// With `revoke_license`, leaving out `assets` means all that the holders hold, and leaving out `devices`, `users` and `groups`
/// means all who hold the assets.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveLicensesJob {
    /// What it asks for.
    kind: MoveKind,
    /// The token whose location the assets belong to.
    pub(super) token: i64,
    /// The assets.
    pub(super) assets: Option<Vec<NamedAsset>>,
    /// Devices, by serial number.
    pub(super) devices: Option<Vec<String>>,
    /// Users, by `client_user_id`.
    pub(super) users: Option<Vec<String>>,
    /// Groups, by name: whoever is a member now.
    pub(super) groups: Option<Vec<String>>,
    /// Any set of pairs of asset and holder.
    pub(super) pairs: Option<Vec<NamedPair>>,
    /// What is known of the devices and users, so that the job can be looked through.
    pub(super) about: Option<AboutBody>,
    /// How urgent it is.
    #[serde(default)]
    pub(super) priority: PriorityName,
    /// With `assign_license`: what becomes of those for whom no license is free. They are refused, or wait in the line.
    #[serde(default)]
    pub(super) if_none_free: IfNoneFree,
    /// With `revoke_license`: whether the apps go from the devices too, through their MDM servers, once Apple has taken the licenses back.
    #[serde(default)]
    pub(crate) remove_app: bool,
}

/// What becomes of those for whom no license is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IfNoneFree {
    /// They are refused as `no_license_available`.
    #[default]
    Refuse,
    /// They wait until licenses are bought or come back; see `GET /api/v1/waitlist`.
    Wait,
}

/// An asset by name.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedAsset {
    /// The product's number in Apple's stores.
    pub(super) adam_id: String,
    /// The quality, `STDQ` when left out.
    pub(super) pricing_param: Option<String>,
}

/// An asset and who is to hold it: one of `serial` and `user`.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedPair {
    /// The product's number in Apple's stores.
    pub(super) adam_id: String,
    /// The quality, `STDQ` when left out.
    pub(super) pricing_param: Option<String>,
    /// A device, by serial number.
    pub(super) serial: Option<String>,
    /// A user, by `client_user_id`.
    pub(super) user: Option<String>,
}
