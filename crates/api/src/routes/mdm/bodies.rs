//! What clients send about connectors and gates.

use russet_domain::connector::{ConnectorKind, check_name};
use russet_domain::{Secret, callback::CallbackUrl, callback::Rules};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;

/// The longest keys taken.
const KEY_MAX: usize = 1_024;
/// The shortest key of webhooks.
const WEBHOOK_KEY_MIN: usize = 16;

/// Which server a connector speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KindName {
    Nanomdm,
    Nanohub,
    Micromdm,
    Fleet,
    Webhook,
}

impl From<KindName> for ConnectorKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Nanomdm => Self::Nanomdm,
            KindName::Nanohub => Self::Nanohub,
            KindName::Micromdm => Self::Micromdm,
            KindName::Fleet => Self::Fleet,
            KindName::Webhook => Self::Webhook,
        }
    }
}

/// A connector to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewConnector)]
pub(crate) struct ConnectorBody {
    /// Its name, by which devices of the directory name it as `mdm`: small letters, digits, dashes, underscores.
    pub(super) name: String,
    /// Which server it is.
    pub(super) kind: KindName,
    /// The root of the server's API, such as `https://mdm.example.org`. A `webhook` is called at exactly this address.
    pub(super) url: String,
    /// The key to the server's API; for a `webhook` the secret that calls are signed with. Stored sealed, never shown.
    pub(super) api_key: String,
    /// The key that the server's webhooks are signed with (`X-Hmac-Signature`), or that MicroMDM gives as the password of its
    /// call; at least 16 characters. Every kind has one but `fleet`, which sends no webhooks. Stored sealed, never shown.
    pub(super) webhook_key: Option<String>,
    /// Where webhooks are passed on to, body and signature as they came: these servers have one webhook only. Stored sealed. Not for
    /// `fleet`.
    pub(super) forward_to: Option<String>,
    /// Whether apps are declared for devices that can have it so (system 26 and later), in place of commands. Of `nanohub`, which has
    /// declarations itself; of `nanomdm` with `declarations_url` and `declarations_key`.
    #[serde(default)]
    pub(super) declares: Option<bool>,
    /// The root of the KMFDDM beside a `nanomdm`, such as `https://ddm.example.org`.
    pub(super) declarations_url: Option<String>,
    /// The key to it. Stored sealed, never shown.
    pub(super) declarations_key: Option<String>,
}

/// What is to be otherwise of a connector; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConnectorChange)]
pub(crate) struct ConnectorPatch {
    /// The root of the server's API.
    pub(super) url: Option<String>,
    /// The key to the server's API.
    pub(super) api_key: Option<String>,
    /// The key of its webhooks.
    pub(super) webhook_key: Option<String>,
    /// Where webhooks are passed on to; empty: nowhere.
    pub(super) forward_to: Option<String>,
    /// Whether apps are declared. No more is possible only once no app is declared through it: commands do nothing to such apps.
    pub(super) declares: Option<bool>,
    /// The root of the KMFDDM beside a `nanomdm`.
    pub(super) declarations_url: Option<String>,
    /// The key to it.
    pub(super) declarations_key: Option<String>,
    /// `active` or `parked`: whether commands are sent to it.
    pub(super) state: Option<StateName>,
}

/// Whether commands are sent to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateName {
    Active,
    Parked,
}

pub(super) fn wrong(field: &str, why: impl Into<String>) -> ApiError {
    ApiError::InvalidField { field: field.to_owned(), why: why.into() }
}

pub(super) fn name(text: &str) -> Result<(), ApiError> {
    check_name(text).map_err(|why| wrong("name", format!("it {why}")))
}

/// A server's address. Which addresses inside the network are called is decided by whoever calls, for servers otherwise than for
/// the addresses that jobs give.
pub(super) fn url(field: &'static str, text: &str, rules: Rules) -> Result<String, ApiError> {
    let text = text.trim().trim_end_matches('/');
    CallbackUrl::read(text, rules).map_err(|why| {
        let why = why.to_string().replace("mdm.allow_inside", "mdm.servers_inside");
        wrong(field, why.replace("mdm.allow_http", "mdm.servers_inside"))
    })?;
    Ok(text.to_owned())
}

pub(super) fn api_key(field: &'static str, text: &str) -> Result<Secret, ApiError> {
    if text.is_empty() || text.len() > KEY_MAX || !text.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return Err(wrong(field, format!("it should be 1 to {KEY_MAX} printable ASCII characters")));
    }
    Ok(Secret::new(text))
}

pub(super) fn webhook_key(text: &str) -> Result<Secret, ApiError> {
    let fits =
        (WEBHOOK_KEY_MIN..=KEY_MAX).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    if !fits {
        let why =
            format!("it should be {WEBHOOK_KEY_MIN} to {KEY_MAX} printable ASCII characters without blanks");
        return Err(wrong("webhook_key", why));
    }
    Ok(Secret::new(text))
}
