//! What a client sends to move licenses from users to their devices.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::routes::jobs::about::AboutBody;
use crate::routes::jobs::bodies::{NamedAsset, PriorityName};
use crate::routes::prompts::LicenseKindName;

/// A job that moves licenses from users to their devices: the device gets a license of its own, the MDM side is told and
/// installs the app anew, and only then the user's license is taken back. The other way round cannot be done (rule S-27).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveToDevicesJob {
    /// What it asks for.
    #[serde(rename = "kind")]
    #[schema(rename = "kind")]
    pub(super) _kind: MoveToDevicesKind,
    /// The token whose location the assets belong to.
    pub(super) token: i64,
    /// Whose license goes to which device. A user with several devices stands once for each; the license is taken back
    /// when all of them are done.
    pub(super) moves: Vec<NamedMove>,
    /// The assets; left out, all that each user holds and a device can have.
    pub(super) assets: Option<Vec<NamedAsset>>,
    /// Only `user`.
    pub(super) from: Option<LicenseKindName>,
    /// Only `device`.
    pub(super) to: Option<LicenseKindName>,
    /// Who says that the app was installed with the device's license.
    #[serde(default)]
    pub(super) confirm: ConfirmName,
    /// Whom to tell, with `confirm` as `callback`.
    pub(super) callback: Option<CallbackBody>,
    /// How long a confirmation is waited for, in seconds, up to 90 days; 7 days when left out. Afterwards the user keeps the
    /// license.
    pub(super) confirm_within_s: Option<u64>,
    /// Whether the apps are required on the devices: only then nobody is asked anything (rule N-3).
    pub(super) required: Option<bool>,
    /// What is known of the devices and users.
    pub(super) about: Option<AboutBody>,
    /// How urgent it is.
    #[serde(default)]
    pub(super) priority: PriorityName,
}

/// The kind of a job that moves licenses from users to devices.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MoveToDevicesKind {
    MoveLicense,
}

/// A user and one of the user's devices.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedMove {
    /// The user, by `client_user_id`.
    pub(super) user: String,
    /// The device, by serial number.
    pub(super) serial: String,
}

/// Who says that the app was installed with the device's license.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConfirmName {
    /// Nobody: the user's license goes as soon as Apple has confirmed the device's.
    #[default]
    None,
    /// Whoever calls `POST /api/v1/jobs/{job}/confirm`.
    Manual,
    /// The MDM side, which is called: 200 or 204 means done, 202 that it will call `/confirm`.
    Callback,
}

/// Whom to tell. Each call carries `russet-timestamp` and `russet-signature`: `v1=` and the HMAC-SHA256, in hexadecimal,
/// of the timestamp, a dot and the body.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackBody {
    /// The https address to call. Addresses inside the network are not called unless `mdm.allow_inside` is set.
    pub(super) url: String,
    /// The secret that calls are signed with, 16 to 256 printable characters. It is stored sealed and never shown.
    pub(super) secret: String,
}
