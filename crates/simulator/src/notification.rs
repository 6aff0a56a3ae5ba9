//! The notifications that Apple sends, and how they are spelled.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::apple::errors::message_of;
use crate::apple::reply::{AssetRef, AssignmentRef};
use crate::world::asset::AssetId;
use crate::world::event::{EventKind, Outcome};
use crate::world::licenses::Pair;
use crate::world::location::Location;

/// Elements in one notification.
const ELEMENTS: usize = 100;

/// A notification before it is spelled out; names are looked up when it is sent, to keep waiting ones small.
#[derive(Debug)]
pub(crate) struct Notification {
    id: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Test,
    AssetCount { asset: AssetId, delta: i64 },
    AssetManagement { event: Arc<str>, kind: EventKind, error_number: Option<u16>, pairs: Vec<Pair> },
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
struct Reason {
    error_number: u16,
    error_message: &'static str,
}

impl Notification {
    pub(crate) fn test(location: &mut Location) -> Self {
        Self { id: location.dice.uuid(), content: Content::Test }
    }

    pub(crate) fn asset_count(location: &mut Location, asset: AssetId, delta: i64) -> Self {
        Self { id: location.dice.uuid(), content: Content::AssetCount { asset, delta } }
    }

    /// The notifications about an event: what succeeded and what failed apart, a hundred tasks in each.
    pub(crate) fn about_event(
        location: &mut Location,
        event: &Arc<str>,
        kind: EventKind,
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
                    kind,
                    error_number,
                    pairs: pairs.to_vec(),
                },
            })
            .collect()
    }

    /// The body as it is sent.
    pub(crate) fn render(&self, location: &Location) -> Bytes {
        let body = match &self.content {
            Content::Test => self.wrap(location, "TEST_NOTIFICATION", Empty {}),
            Content::AssetCount { asset, delta } => {
                let asset = AssetRef::of(&location.assets[*asset as usize].key);
                self.wrap(location, "ASSET_COUNT", AssetCount { asset, count_delta: *delta })
            }
            Content::AssetManagement { event, kind, error_number, pairs } => {
                let payload = AssetManagement {
                    event_id: event,
                    r#type: kind.as_str(),
                    result: if error_number.is_some() { "FAILURE" } else { "SUCCESS" },
                    assignments: pairs.iter().map(|&pair| AssignmentRef::of(location, pair)).collect(),
                    error: error_number
                        .map(|number| Reason { error_number: number, error_message: message_of(number) }),
                };
                self.wrap(location, "ASSET_MANAGEMENT", payload)
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
