//! The bodies that Apple posts.
//!
//! <https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::notification::{Movement, Notification, User as UserValue, UserWork, What};
use crate::wire::assignment::{Assignment, understood};
use crate::wire::error::{ErrorResponse, key};
use crate::wire::scalar::{Text, Whole};
use crate::wire::{Fault, read};
use crate::write::EventId;

/// The longest id of a notification that is kept; Apple's are UUIDs.
const ID_MAX: usize = 200;

/// The name of a notification, without the rest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Name<'a> {
    #[serde(borrow)]
    notification_id: Option<Text<'a>>,
}

impl Name<'_> {
    pub(crate) fn id(self) -> Option<String> {
        self.notification_id?.filled().filter(|id| id.len() <= ID_MAX)
    }
}

/// What is around every notification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    notification_id: Option<Text<'a>>,
    #[serde(borrow)]
    notification_type: Option<Text<'a>>,
    #[serde(borrow)]
    u_id: Option<Text<'a>>,
    #[serde(borrow)]
    notification: Option<&'a RawValue>,
}

impl Envelope<'_> {
    pub(crate) fn into_value(self) -> Result<Notification, Fault> {
        let Some(id) = (Name { notification_id: self.notification_id }).id() else {
            return Err(Fault::Sense("it has no notificationId, or an endless one"));
        };
        let kind = self.notification_type.map(Text::into_string).unwrap_or_default();
        let body = self.notification.map_or("{}", RawValue::get).as_bytes();
        let told = match kind.as_str() {
            "TEST_NOTIFICATION" => Some(What::Test),
            "ASSET_COUNT" => read::<AssetCount<'_>>(body)?.into_what(),
            "ASSET_MANAGEMENT" => read::<AssetManagement<'_>>(body)?.into_what(),
            "USER_MANAGEMENT" => read::<UserManagement<'_>>(body)?.into_what(),
            "USER_ASSOCIATED" => Some(What::UserAssociated {
                users: users(read::<UserAssociated<'_>>(body)?.associated_users),
            }),
            _ => None,
        };
        let what = told.unwrap_or(What::Other(kind));
        Ok(Notification { id, uid: self.u_id.and_then(Text::filled), what })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssetCount<'a> {
    #[serde(borrow)]
    adam_id: Option<Text<'a>>,
    #[serde(borrow)]
    pricing_param: Option<Text<'a>>,
    count_delta: Option<Whole>,
}

impl AssetCount<'_> {
    fn into_what(self) -> Option<What> {
        let Whole(delta) = self.count_delta?;
        Some(What::AssetCount { key: key(self.adam_id, self.pricing_param)?, delta })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssetManagement<'a> {
    #[serde(borrow)]
    assignments: Option<Vec<Assignment<'a>>>,
    #[serde(borrow)]
    event_id: Option<Text<'a>>,
    #[serde(borrow)]
    result: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<ErrorResponse<'a>>,
}

impl AssetManagement<'_> {
    fn into_what(self) -> Option<What> {
        let kind = match &*self.kind?.0 {
            "ASSOCIATE" => Movement::Associate,
            "DISASSOCIATE" => Movement::Disassociate,
            "REVOKE" => Movement::Revoke,
            _ => return None,
        };
        let (pairs, _) = understood(self.assignments);
        Some(What::AssetManagement {
            event: EventId(self.event_id?.filled()?),
            kind,
            moved: succeeded(self.result)?,
            pairs: pairs.into_iter().map(|pair| (pair.key, pair.holder)).collect(),
            error: self.error.and_then(|error| error.number()),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserManagement<'a> {
    #[serde(borrow)]
    users: Option<Vec<User<'a>>>,
    #[serde(borrow)]
    event_id: Option<Text<'a>>,
    #[serde(borrow)]
    result: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<ErrorResponse<'a>>,
}

impl UserManagement<'_> {
    fn into_what(self) -> Option<What> {
        let kind = match &*self.kind?.0 {
            "CREATE" => UserWork::Create,
            "UPDATE" => UserWork::Update,
            "RETIRE" => UserWork::Retire,
            _ => return None,
        };
        Some(What::UserManagement {
            event: EventId(self.event_id?.filled()?),
            kind,
            done: succeeded(self.result)?,
            users: users(self.users),
            error: self.error.and_then(|error| error.number()),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserAssociated<'a> {
    #[serde(borrow)]
    associated_users: Option<Vec<User<'a>>>,
}

/// `ResponseUser`, without its email address and invitation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    #[serde(borrow)]
    client_user_id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    id_hash: Option<Text<'a>>,
}

fn users(list: Option<Vec<User<'_>>>) -> Vec<UserValue> {
    let value = |user: User<'_>| {
        Some(UserValue {
            id: user.client_user_id?.filled()?,
            status: user.status.and_then(Text::filled),
            id_hash: user.id_hash.and_then(Text::filled),
        })
    };
    list.into_iter().flatten().filter_map(value).collect()
}

/// Success or failure; a third word is neither, and the status will tell.
fn succeeded(result: Option<Text<'_>>) -> Option<bool> {
    match &*result?.0 {
        "SUCCESS" => Some(true),
        "FAILURE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::{notification_id, read};
    use russet_domain::{AssetKey, Holder, Pricing};

    fn told(kind: &str, payload: &str) -> What {
        let body = format!(
            r#"{{"notificationId":"n1","notificationType":"{kind}","uId":"1","notification":{payload}}}"#
        );
        let notification = read(body.as_bytes()).unwrap();
        assert_eq!((notification.id.as_str(), notification.uid.as_deref()), ("n1", Some("1")));
        notification.what
    }

    #[test]
    fn a_failed_movement_is_read_with_its_licenses_and_its_error() {
        let what = told(
            "ASSET_MANAGEMENT",
            r#"{"eventId":"e1","type":"ASSOCIATE","result":"FAILURE","assignments":[{"adamId":"5","pricingParam":"STDQ","serialNumber":"S1"}],
            "error":{"errorNumber":9709,"errorMessage":"x"}}"#,
        );
        let expected = What::AssetManagement {
            event: EventId("e1".into()),
            kind: Movement::Associate,
            moved: false,
            pairs: vec![(AssetKey::new("5", Pricing::Standard), Holder::Device("S1".into()))],
            error: Some(9709),
        };
        assert_eq!(what, expected);
    }

    #[test]
    fn a_count_is_read_as_a_difference() {
        let what = told("ASSET_COUNT", r#"{"adamId":"5","pricingParam":"PLUS","countDelta":-3}"#);
        assert_eq!(what, What::AssetCount { key: AssetKey::new("5", Pricing::Plus), delta: -3 });
    }

    #[test]
    fn users_are_read_without_what_is_personal() {
        let what = told(
            "USER_ASSOCIATED",
            r#"{"associatedUsers":[{"clientUserId":"u1","email":"a@example.com","idHash":"h"},{}]}"#,
        );
        assert!(!format!("{what:?}").contains("example.com"));
        let What::UserAssociated { users } = what else { panic!("{what:?}") };
        assert_eq!(users.len(), 1);
        let what = told(
            "USER_MANAGEMENT",
            r#"{"eventId":"e","type":"RETIRE","result":"SUCCESS","users":[{"clientUserId":"u1"}]}"#,
        );
        assert!(matches!(what, What::UserManagement { kind: UserWork::Retire, done: true, .. }));
    }

    #[test]
    fn what_apple_adds_is_kept_by_its_name() {
        assert_eq!(told("UNLIMITED_ASSET", r#"[1,"x"]"#), What::Other("UNLIMITED_ASSET".into()));
        assert_eq!(told("TEST_NOTIFICATION", "{}"), What::Test);
        let half = told("ASSET_MANAGEMENT", r#"{"eventId":"e","type":"ASSOCIATE","result":"PARTIAL"}"#);
        assert_eq!(half, What::Other("ASSET_MANAGEMENT".into()));
    }

    #[test]
    fn a_body_that_names_no_notification_is_refused() {
        for body in ["", "[]", "{}", r#"{"notificationId":""}"#, r#"{"notificationId":"n","#] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
            assert_eq!(notification_id(body.as_bytes()), None, "{body}");
        }
        assert_eq!(
            notification_id(br#"{"notificationType":"X","notificationId":"n1"}"#).as_deref(),
            Some("n1")
        );
        let endless = format!(r#"{{"notificationId":"{}"}}"#, "n".repeat(999));
        assert!(read(endless.as_bytes()).is_err());
    }
}
