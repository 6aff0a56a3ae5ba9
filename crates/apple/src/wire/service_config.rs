//! The answer of Service Config.
//!
//! <https://developer.apple.com/documentation/devicemanagement/serviceconfigresponse>

use russet_domain::limits::Limits;

use crate::service::{ErrorCode, ServiceConfig, Urls};
use crate::wire::error::number;
use crate::wire::{Fault, Object};

/// `ServiceConfigResponse`. The maps grow over time; a value of an unexpected kind spoils only itself.
pub(crate) fn service_config(object: &Object<'_>) -> Result<ServiceConfig, Fault> {
    let limits = object.soft(object.object("limits", limits));
    let urls = object.soft(object.object("urls", urls));
    let types = object.soft(object.texts("notificationTypes"));
    let codes = object.soft(object.records("errorCodes", error_code));
    if limits.is_none() && urls.is_none() && types.is_none() {
        return Err(Fault::field("limits", "is missing, and so are `urls` and `notificationTypes`"));
    }
    Ok(ServiceConfig {
        limits: limits.unwrap_or_default(),
        notification_types: types.map_or_else(Vec::new, |texts| texts.items),
        urls: urls.unwrap_or_default(),
        error_codes: codes.map_or_else(Vec::new, |records| records.items),
    })
}

/// A limit that is missing is unknown, not absent: the documented sample stands in.
fn limits(object: &Object<'_>) -> Limits {
    let sample = Limits::default();
    let limit = |name: &str| {
        let value = object.soft(object.whole(name))?;
        let value = u32::try_from(value).ok().filter(|value| *value > 0);
        if value.is_none() {
            object.note(Fault::field(name, "is no limit"));
        }
        value
    };
    let size = |name: &str, sample: usize| {
        limit(name).and_then(|value| usize::try_from(value).ok()).unwrap_or(sample)
    };
    Limits {
        max_assets: size("maxAssets", sample.max_assets),
        max_user_holders: size("maxClientUserIds", sample.max_user_holders),
        max_devices: size("maxSerialNumbers", sample.max_devices),
        max_revoke_users: size("maxRevokeClientUserIds", sample.max_revoke_users),
        max_revoke_devices: size("maxRevokeSerialNumbers", sample.max_revoke_devices),
        max_users: size("maxUsers", sample.max_users),
        max_requests_per_second: limit("maxRequestPerSecond").unwrap_or(sample.max_requests_per_second),
    }
}

fn urls(object: &Object<'_>) -> Urls {
    let all = object.all_texts();
    let named = |name: &str| all.get(name).cloned();
    Urls { invitation: named("invitationEmail"), content_lookup: named("contentMetadataLookup"), all }
}

fn error_code(object: &Object<'_>) -> Result<ErrorCode, Fault> {
    let number = number(object)?.ok_or_else(|| Fault::field("errorNumber", "is missing"))?;
    Ok(ErrorCode { number, message: object.soft_text("errorMessage").unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{read_odd, read_plain};

    #[test]
    fn limits_addresses_types_and_codes_are_read() {
        let config = read_plain(
            r#"{"limits":{"maxUsers":50,"maxRequestPerSecond":"7","maxNew":1},
            "urls":{"invitationEmail":"https://example.com/?c=%25inviteCode%25","contentMetadataLookup":"https://example.com/lookup","getUsers":"u"},
            "notificationTypes":["ASSET_COUNT"],"errorCodes":[{"errorNumber":9602,"errorMessage":"bad"},{"errorNumber":9603}]}"#,
            service_config,
        );
        let expected = Limits { max_users: 50, max_requests_per_second: 7, ..Limits::default() };
        assert_eq!(config.limits, expected);
        assert!(config.urls.invitation.unwrap().ends_with("%25inviteCode%25"));
        assert_eq!(config.urls.content_lookup.as_deref(), Some("https://example.com/lookup"));
        assert_eq!((config.urls.all.len(), config.notification_types.len()), (3, 1));
        let codes: Vec<_> =
            config.error_codes.iter().map(|code| (code.number, code.message.as_str())).collect();
        assert_eq!(codes, [(9602, "bad"), (9603, "")]);
    }

    #[test]
    fn missing_or_senseless_limits_have_their_sample_and_are_named() {
        let text = r#"{"limits":{"maxAssets":10,"maxSerialNumbers":0,"maxRequestPerSecond":"7","maxClientUserIds":[1],"maxUsers":-5,"new":{}}}"#;
        let (config, notes) = read_odd(text, service_config);
        let expected = Limits { max_assets: 10, max_requests_per_second: 7, ..Limits::default() };
        assert_eq!(config.unwrap().limits, expected);
        assert_eq!(
            notes,
            [
                "`limits.maxClientUserIds` is not a whole number",
                "`limits.maxSerialNumbers` is no limit",
                "`limits.maxUsers` is no limit",
            ]
        );
    }

    #[test]
    fn an_object_without_limits_and_addresses_is_no_service_configuration() {
        let (none, _) = read_odd(r#"{"status":"ok"}"#, service_config);
        assert_eq!(none.unwrap_err(), "`limits` is missing, and so are `urls` and `notificationTypes`");
    }
}
