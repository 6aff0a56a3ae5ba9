//! The notifications that Apple sends, and how they are spelled.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::apple::errors::message_of;
use crate::apple::reply::{AssetRef, AssignmentRef, UserBody};
use crate::world::asset::AssetId;
use crate::world::event::{EventKind, LicenseAct, Outcome, UserAct, UserOutcome};
use crate::world::licenses::Pair;
use crate::world::location::Location;
use crate::world::user::User;

/// Elements in one notification.
const ELEMENTS: usize = 100;

/// A notification before it is spelled out; names of holders are looked up when it is sent, to keep waiting ones
/// small. Users are told of as they were when it came to be.
#[derive(Debug)]
pub(crate) struct Notification {
    id: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Test,
    AssetCount {
        asset: AssetId,
        delta: i64,
    },
    AssetManagement {
        event: Arc<str>,
        act: LicenseAct,
        error_number: Option<u16>,
        pairs: Vec<Pair>,
    },
    UserManagement {
        event: Arc<str>,
        act: UserAct,
        error_number: Option<u16>,
        users: Vec<UserBody>,
    },
    UserAssociated {
        users: Vec<UserBody>,
    },
    UnlimitedAsset {
        asset: AssetId,
        unlimited: bool,
    },
    /// Whatever somebody wants to be sent.
    Raw {
        notification_type: String,
        payload: Value,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, T> {
    notification_id: &'a str,
    notification_type: &'a str,
    u_id: &'a str,
    notification: T,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssetCount<'a> {
    #[serde(flatten)]
    asset: AssetRef<'a>,
    count_delta: i64,
}

/// Apple publishes only that there is such a notification; these fields are our guess.
#[derive(Serialize)]
struct UnlimitedAsset<'a> {
    #[serde(flatten)]
    asset: AssetRef<'a>,
    unlimited: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssetManagement<'a> {
    event_id: &'a str,
    r#type: &'a str,
    result: &'a str,
    assignments: Vec<AssignmentRef<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Reason>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserManagement<'a> {
    event_id: &'a str,
    r#type: &'a str,
    result: &'a str,
    users: &'a [UserBody],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Reason>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserAssociated<'a> {
    associated_users: &'a [UserBody],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reason {
    error_number: u16,
    error_message: &'static str,
}

impl Reason {
    fn of(error_number: Option<u16>) -> Option<Self> {
        error_number.map(|number| Self { error_number: number, error_message: message_of(number) })
    }
}

fn result_of(error_number: Option<u16>) -> &'static str {
    if error_number.is_some() { "FAILURE" } else { "SUCCESS" }
}

impl Notification {
    pub(crate) fn test(location: &mut Location) -> Self {
        Self { id: location.dice.uuid(), content: Content::Test }
    }

    pub(crate) fn asset_count(location: &mut Location, asset: AssetId, delta: i64) -> Self {
        Self { id: location.dice.uuid(), content: Content::AssetCount { asset, delta } }
    }

    pub(crate) fn unlimited_asset(location: &mut Location, asset: AssetId, unlimited: bool) -> Self {
        Self { id: location.dice.uuid(), content: Content::UnlimitedAsset { asset, unlimited } }
    }

    pub(crate) fn raw(location: &mut Location, notification_type: String, payload: Value) -> Self {
        Self { id: location.dice.uuid(), content: Content::Raw { notification_type, payload } }
    }

    /// The notifications about an event: what succeeded and what failed apart, a hundred tasks in each.
    pub(crate) fn about_licenses(
        location: &mut Location,
        event: &Arc<str>,
        act: LicenseAct,
        outcome: &Outcome,
    ) -> Vec<Self> {
        let done = outcome.done.chunks(ELEMENTS).map(|pairs| (None, pairs));
        let failed = outcome
            .failed
            .iter()
            .flat_map(|(number, pairs)| pairs.chunks(ELEMENTS).map(|pairs| (Some(*number), pairs)));
        done.chain(failed)
            .map(|(error_number, pairs)| Self {
                id: location.dice.uuid(),
                content: Content::AssetManagement {
                    event: Arc::clone(event),
                    act,
                    error_number,
                    pairs: pairs.to_vec(),
                },
            })
            .collect()
    }

    /// The same about an event that changed users. Of those who failed only the ids are told.
    pub(crate) fn about_users(
        location: &mut Location,
        event: &Arc<str>,
        act: UserAct,
        outcome: &UserOutcome,
    ) -> Vec<Self> {
        let known = outcome.done.iter().filter_map(|&holder| location.users.get(holder));
        let done: Vec<UserBody> = known.map(|user| UserBody::of(location, user)).collect();
        let mut parts: Vec<(Option<u16>, Vec<UserBody>)> =
            done.chunks(ELEMENTS).map(|users| (None, users.to_vec())).collect();
        for (number, ids) in &outcome.failed {
            let named = |ids: &[String]| ids.iter().cloned().map(UserBody::named).collect();
            parts.extend(ids.chunks(ELEMENTS).map(|ids| (Some(*number), named(ids))));
        }
        parts
            .into_iter()
            .map(|(error_number, users)| Self {
                id: location.dice.uuid(),
                content: Content::UserManagement { event: Arc::clone(event), act, error_number, users },
            })
            .collect()
    }

    /// That these users accepted their invitations.
    pub(crate) fn associated(location: &mut Location, users: &[User]) -> Vec<Self> {
        let bodies: Vec<UserBody> = users.iter().map(|user| UserBody::of(location, user)).collect();
        bodies
            .chunks(ELEMENTS)
            .map(|users| Self {
                id: location.dice.uuid(),
                content: Content::UserAssociated { users: users.to_vec() },
            })
            .collect()
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The body as it is sent.
    pub(crate) fn render(&self, location: &Location) -> Bytes {
        let body = match &self.content {
            Content::Test => self.wrap(location, "TEST_NOTIFICATION", Empty {}),
            Content::AssetCount { asset, delta } => {
                let asset = AssetRef::of(&location.assets[*asset as usize].key);
                self.wrap(location, "ASSET_COUNT", AssetCount { asset, count_delta: *delta })
            }
            Content::AssetManagement { event, act, error_number, pairs } => {
                let payload = AssetManagement {
                    event_id: event,
                    r#type: EventKind::Licenses(*act).as_str(),
                    result: result_of(*error_number),
                    assignments: pairs.iter().map(|&pair| AssignmentRef::of(location, pair)).collect(),
                    error: Reason::of(*error_number),
                };
                self.wrap(location, "ASSET_MANAGEMENT", payload)
            }
            Content::UserManagement { event, act, error_number, users } => {
                let payload = UserManagement {
                    event_id: event,
                    r#type: EventKind::Users(*act).as_str(),
                    result: result_of(*error_number),
                    users,
                    error: Reason::of(*error_number),
                };
                self.wrap(location, "USER_MANAGEMENT", payload)
            }
            Content::UnlimitedAsset { asset, unlimited } => {
                let asset = AssetRef::of(&location.assets[*asset as usize].key);
                self.wrap(location, "UNLIMITED_ASSET", UnlimitedAsset { asset, unlimited: *unlimited })
            }
            Content::Raw { notification_type, payload } => self.wrap(location, notification_type, payload),
            Content::UserAssociated { users } => {
                self.wrap(location, "USER_ASSOCIATED", UserAssociated { associated_users: users })
            }
        };
        Bytes::from(body)
    }

    fn wrap<T: Serialize>(&self, location: &Location, notification_type: &str, notification: T) -> Vec<u8> {
        let u_id = &*location.uid;
        let envelope = Envelope { notification_id: &self.id, notification_type, u_id, notification };
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
}
