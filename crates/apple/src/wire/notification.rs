//! The bodies that Apple posts.
//!
//! <https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>

use russet_domain::{Secret, UserStatus};

use crate::notification::{Movement, Notification, User, UserWork, What};
use crate::wire::assignment::assignment;
use crate::wire::error::{key, number};
use crate::wire::fault::Oddities;
use crate::wire::object::Records;
use crate::wire::user::user;
use crate::wire::{Fault, Object};
use crate::write::EventId;

/// The longest id of a notification that is kept; Apple's are UUIDs.
const ID_MAX: usize = 200;

/// The name of a notification, without the rest.
pub(crate) fn id(object: &Object<'_>) -> Result<String, Fault> {
    let id = object.filled("notificationId")?;
    if id.len() > ID_MAX { Err(Fault::field("notificationId", "is endless")) } else { Ok(id) }
}

/// What is around every notification, and what is in those that are read.
pub(crate) fn notification(object: &Object<'_>) -> Result<Notification, Fault> {
    let id = id(object)?;
    let kind = object.soft_text("notificationType").unwrap_or_default();
    let told = match kind.as_str() {
        "TEST_NOTIFICATION" => Ok(Some(Told::of(What::Test))),
        "ASSET_COUNT" => payload(object, asset_count).map(Some),
        "ASSET_MANAGEMENT" => payload(object, asset_management).map(Some),
        "USER_MANAGEMENT" => payload(object, user_management).map(Some),
        "USER_ASSOCIATED" => payload(object, user_associated).map(Some),
        _ => Ok(None),
    };
    let told = match told {
        Ok(Some(told)) => told,
        Ok(None) => Told::of(other(object, kind, None)),
        Err(why) => Told::of(other(object, kind, Some(why.to_string()))),
    };
    let uid = object.soft_text("uId");
    Ok(Notification { id, uid, what: told.what, skipped: told.skipped, odd: Oddities::default() })
}

/// What a payload tells, and how many records in it could not be read.
struct Told {
    what: What,
    skipped: usize,
}

impl Told {
    fn of(what: What) -> Self {
        Self { what, skipped: 0 }
    }
}

fn payload(
    object: &Object<'_>,
    read: impl FnOnce(&Object<'_>) -> Result<Told, Fault>,
) -> Result<Told, Fault> {
    let name = "notification";
    let told = object.object(name, read)?.ok_or_else(|| Fault::field(name, "is missing"))?;
    told.map_err(|fault| fault.within(&name))
}

fn other(object: &Object<'_>, kind: String, why: Option<String>) -> What {
    let payload = match object.raw("notification") {
        Ok(Some(raw)) => raw.get(),
        Ok(None) => "{}",
        Err(_) => "",
    };
    What::Other { kind, payload: Secret::new(payload), why }
}

fn asset_count(object: &Object<'_>) -> Result<Told, Fault> {
    let delta = object.whole("countDelta")?.ok_or_else(|| Fault::field("countDelta", "is missing"))?;
    Ok(Told::of(What::AssetCount { key: key(object)?, delta }))
}

fn asset_management(object: &Object<'_>) -> Result<Told, Fault> {
    let kind = match object.filled("type")?.as_str() {
        "ASSOCIATE" => Movement::Associate,
        "DISASSOCIATE" => Movement::Disassociate,
        "REVOKE" => Movement::Revoke,
        _ => return Err(Fault::field("type", UNKNOWN_WORD)),
    };
    let Records { items, skipped } = object.records("assignments", assignment)?.unwrap_or_default();
    let what = What::AssetManagement {
        event: EventId(object.filled("eventId")?),
        kind,
        moved: succeeded(object)?,
        pairs: items.into_iter().map(|pair| (pair.key, pair.holder)).collect(),
        error: error(object),
    };
    Ok(Told { what, skipped })
}

fn user_management(object: &Object<'_>) -> Result<Told, Fault> {
    let kind = match object.filled("type")?.as_str() {
        "CREATE" => UserWork::Create,
        "UPDATE" => UserWork::Update,
        "RETIRE" => UserWork::Retire,
        _ => return Err(Fault::field("type", UNKNOWN_WORD)),
    };
    let Records { items: users, skipped } = object.records("users", user)?.unwrap_or_default();
    let what = What::UserManagement {
        event: EventId(object.filled("eventId")?),
        kind,
        done: succeeded(object)?,
        users,
        error: error(object),
    };
    Ok(Told { what, skipped })
}

fn user_associated(object: &Object<'_>) -> Result<Told, Fault> {
    let list = object.records("associatedUsers", user)?;
    let Records { items, skipped } = list.ok_or_else(|| Fault::field("associatedUsers", "is missing"))?;
    let users = items.into_iter().map(associated).collect();
    Ok(Told { what: What::UserAssociated { users }, skipped })
}

/// A user in a list of those who have accepted is associated, whether or not Apple says it again.
fn associated(user: User) -> User {
    let status = match user.status {
        UserStatus::Other(word) if word.is_empty() => UserStatus::Associated,
        said => said,
    };
    User { status, ..user }
}

/// Success or failure; a third word is neither, and the status will tell.
fn succeeded(object: &Object<'_>) -> Result<bool, Fault> {
    match object.filled("result")?.as_str() {
        "SUCCESS" => Ok(true),
        "FAILURE" => Ok(false),
        _ => Err(Fault::field("result", UNKNOWN_WORD)),
    }
}

/// The number of the one error that all elements share.
fn error(object: &Object<'_>) -> Option<i32> {
    let number = object.object("error", number).and_then(|read| match read {
        Some(Ok(number)) => Ok(number),
        Some(Err(fault)) => Err(fault.within(&"error")),
        None => Ok(None),
    });
    object.soft(number)
}

const UNKNOWN_WORD: &str = "is a word that this version does not know";

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
        assert_eq!((users.len(), users[0].id_hash.as_deref()), (1, Some("h")));
        assert_eq!(users[0].status, UserStatus::Associated);
        let what = told(
            "USER_MANAGEMENT",
            r#"{"eventId":"e","type":"RETIRE","result":"SUCCESS","users":[{"clientUserId":"u1"}]}"#,
        );
        assert!(matches!(what, What::UserManagement { kind: UserWork::Retire, done: true, .. }));
    }

    #[test]
    fn what_apple_adds_is_kept_by_its_name_and_with_its_payload() {
        assert_eq!(told("TEST_NOTIFICATION", "{}"), What::Test);
        for kind in ["UNLIMITED_ASSET", "SUBSCRIPTION_COUNT", "SUBSCRIPTION_MANAGEMENT", "SOMETHING_NEW"] {
            for payload in [r#"[1,"x"]"#, r#"{"adamId":5}"#, "7"] {
                let expected = What::Other { kind: kind.into(), payload: Secret::new(payload), why: None };
                assert_eq!(told(kind, payload), expected);
            }
        }
    }

    #[test]
    fn a_known_type_with_something_unknown_in_it_is_kept_and_says_what() {
        for (kind, payload, expected) in [
            (
                "ASSET_MANAGEMENT",
                r#"{"eventId":"e","type":"ASSOCIATE","result":"PARTIAL"}"#,
                "`notification.result` is a word that this version does not know",
            ),
            (
                "USER_MANAGEMENT",
                r#"{"eventId":"e","type":"MERGE","result":"SUCCESS"}"#,
                "`notification.type` is a word that this version does not know",
            ),
            (
                "ASSET_COUNT",
                r#"{"adamId":"5","countDelta":{}}"#,
                "`notification.countDelta` is not a whole number",
            ),
            ("ASSET_COUNT", r#"{"countDelta":1}"#, "`notification.adamId` is missing or empty"),
            ("USER_ASSOCIATED", "{}", "`notification.associatedUsers` is missing"),
            ("USER_ASSOCIATED", r#""x""#, "`notification` is not an object"),
            ("USER_ASSOCIATED", "null", "`notification` is missing"),
        ] {
            let What::Other { kind: kept, why, .. } = told(kind, payload) else { panic!("{kind} {payload}") };
            assert_eq!((kept.as_str(), why.as_deref()), (kind, Some(expected)), "{payload}");
        }
    }

    #[test]
    fn records_that_cannot_be_read_are_counted_and_the_rest_is_kept() {
        let body = r#"{"notificationId":"n1","notificationType":"ASSET_MANAGEMENT","uId":["1"],"notification":{"eventId":"e",
            "type":"REVOKE","result":"SUCCESS","assignments":[{"adamId":"5","serialNumber":"S1"},{"adamId":"5"},7]}}"#;
        let read = read(body.as_bytes()).unwrap();
        let What::AssetManagement { pairs, .. } = read.what else { panic!("{:?}", read.what) };
        assert_eq!((pairs.len(), read.skipped, read.odd.count, read.uid), (1, 2, 3, None));
        assert_eq!(
            read.odd.fields,
            [
                "`notification.assignments[1].serialNumber` is missing, and so is `clientUserId`",
                "`notification.assignments[2]` is not an object",
                "`uId` is not a text",
            ]
        );
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
