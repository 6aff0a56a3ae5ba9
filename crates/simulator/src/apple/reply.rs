//! The pieces that Apple's answers are put together from, spelled as Apple spells them.

use serde::Serialize;

use crate::clock::apple_date;
use crate::world::asset::AssetKey;
use crate::world::holders::HolderKind;
use crate::world::licenses::Pair;
use crate::world::location::{Location, MdmInfo};
use crate::world::user::User;

/// Answers carry the expiry of a token that is over within 15 days.
const EXPIRY_WARNING_MS: i64 = 15 * 86_400_000;

/// An asset as requests, errors and notifications name it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssetRef<'a> {
    adam_id: &'a str,
    pricing_param: &'static str,
}

impl<'a> AssetRef<'a> {
    pub(crate) fn of(key: &'a AssetKey) -> Self {
        Self { adam_id: &key.adam_id, pricing_param: key.pricing.as_str() }
    }
}

/// One license: an asset and who holds it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignmentRef<'a> {
    adam_id: &'a str,
    pricing_param: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_status: Option<&'static str>,
}

impl<'a> AssignmentRef<'a> {
    pub(crate) fn of(location: &'a Location, (asset, holder): Pair) -> Self {
        let key = &location.assets[asset as usize].key;
        let name = location.holders.name(holder);
        let (client_user_id, serial_number) = match location.holders.kind(holder) {
            HolderKind::Device => (None, Some(name)),
            HolderKind::User => (Some(name), None),
        };
        Self {
            adam_id: &key.adam_id,
            pricing_param: key.pricing.as_str(),
            client_user_id,
            serial_number,
            id_hash: None,
            user_status: None,
        }
    }

    /// The same with what is known about the user.
    pub(crate) fn with_user(self, user: Option<&'a User>) -> Self {
        Self {
            id_hash: user.and_then(User::id_hash),
            user_status: user.map(|user| user.status.as_str()),
            ..self
        }
    }
}

/// One record of a user, in lists and in notifications.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserBody {
    client_user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invite_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_hash: Option<String>,
}

impl UserBody {
    pub(crate) fn of(location: &Location, user: &User) -> Self {
        Self {
            client_user_id: location.holders.name(user.holder).to_owned(),
            status: Some(user.status.as_str()),
            email: user.email.clone(),
            invite_code: user.invite_code(),
            id_hash: user.id_hash(),
        }
    }

    /// Somebody of whom nothing but the id is known.
    pub(crate) fn named(client_user_id: String) -> Self {
        Self { client_user_id, status: None, email: None, invite_code: None, id_hash: None }
    }
}

/// What every answer but `service/config` has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Common<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mdm_info: Option<&'a MdmInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_expiration_date: Option<String>,
    u_id: &'a str,
}

impl<'a> Common<'a> {
    /// With the expiry only when it is near, as Apple documents it.
    pub(crate) fn of(location: &'a Location, expires_ms: i64, now_ms: i64) -> Self {
        let is_near = expires_ms - now_ms <= EXPIRY_WARNING_MS;
        Self {
            mdm_info: location.mdm.as_ref(),
            token_expiration_date: is_near.then(|| apple_date(expires_ms)),
            u_id: &location.uid,
        }
    }
}

/// One page of something, but for the records themselves.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageCommon<'a> {
    pub(crate) current_page_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_page_index: Option<usize>,
    pub(crate) size: usize,
    pub(crate) total_pages: usize,
    pub(crate) version_id: String,
    #[serde(flatten)]
    pub(crate) common: Common<'a>,
}

/// The answer to every asynchronous request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventAccepted<'a> {
    pub(crate) event_id: &'a str,
    #[serde(flatten)]
    pub(crate) common: Common<'a>,
}

/// Writes an answer out.
pub(crate) fn json(body: &impl Serialize) -> Vec<u8> {
    // Our own types have string keys and no failing parts, so this cannot fail.
    serde_json::to_vec(body).unwrap_or_default()
}
