//! `GET service/config`: the limits, the URLs, the kinds of notifications and the error texts.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/service-config>.

use serde_json::{Map, Value, json};

use super::access::READ_ONLY;
use super::endpoint::Endpoint;
use super::errors::ERRORS;
use crate::rules::Rules;

/// The answer; `base` is where the client found this simulator, so that the URLs work for it.
pub(crate) fn get(rules: &Rules, base: &str) -> Vec<u8> {
    let error_codes: Vec<Value> = ERRORS
        .iter()
        .filter(|(number, ..)| *number != READ_ONLY)
        .map(|(number, _, text)| json!({ "errorNumber": number, "errorMessage": text }))
        .collect();
    let body = json!({
        "limits": limits(rules),
        "urls": urls(base),
        "notificationTypes": super::client_config::NOTIFICATION_TYPES,
        "errorCodes": error_codes,
    });
    super::reply::json(&body)
}

fn limits(rules: &Rules) -> Value {
    let limits = &rules.limits;
    json!({
        "maxAssets": limits.max_assets,
        "maxClientUserIds": limits.max_client_user_ids,
        "maxSerialNumbers": limits.max_serial_numbers,
        "maxRevokeClientUserIds": limits.max_revoke_client_user_ids,
        "maxRevokeSerialNumbers": limits.max_revoke_serial_numbers,
        "maxUsers": limits.max_users,
        "maxSubscriptions": limits.max_subscriptions,
        "maxSubscriptionClientUserIds": limits.max_subscription_client_user_ids,
        "maxNotificationLength": limits.max_notification_length,
        "maxMdmIdLength": limits.max_mdm_id_length,
        "maxMdmNameLength": limits.max_mdm_name_length,
        "maxMdmMetadataLength": limits.max_mdm_metadata_length,
        "maxRequestPerSecond": rules.announced_rate(),
    })
}

fn urls(base: &str) -> Value {
    let named = [
        ("getAssets", Endpoint::Assets),
        ("getAssignments", Endpoint::Assignments),
        ("getUsers", Endpoint::Users),
        ("associateAssets", Endpoint::Associate),
        ("disassociateAssets", Endpoint::Disassociate),
        ("revokeAssets", Endpoint::Revoke),
        ("createUsers", Endpoint::CreateUsers),
        ("updateUsers", Endpoint::UpdateUsers),
        ("retireUsers", Endpoint::RetireUsers),
        ("clientConfig", Endpoint::ClientConfig),
        ("eventStatus", Endpoint::Status),
    ];
    let mut urls: Map<String, Value> = named
        .iter()
        .map(|(name, endpoint)| (String::from(*name), format!("{base}/{}", endpoint.path()).into()))
        .collect();
    let root = base.trim_end_matches(super::PREFIX);
    let invitation = format!("{root}{}?inviteCode=%25inviteCode%25&mt=8", super::INVITATION);
    urls.insert("invitationEmail".to_owned(), invitation.into());
    urls.insert("contentMetadataLookup".to_owned(), format!("{root}{}", crate::catalog::LOOKUP).into());
    Value::Object(urls)
}
