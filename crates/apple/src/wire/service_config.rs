//! The answer of Service Config.
//!
//! <https://developer.apple.com/documentation/devicemanagement/serviceconfigresponse>

use std::collections::HashMap;

use russet_domain::limits::Limits;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::service::ServiceConfig as Value;
use crate::wire::Fault;
use crate::wire::scalar::{Text, Whole};

/// `ServiceConfigResponse`. The maps grow over time; a value of an unexpected kind spoils only itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceConfig<'a> {
    #[serde(borrow)]
    limits: Option<HashMap<&'a str, &'a RawValue>>,
    #[serde(borrow)]
    urls: Option<HashMap<&'a str, &'a RawValue>>,
    #[serde(borrow)]
    notification_types: Option<Vec<Text<'a>>>,
}

impl ServiceConfig<'_> {
    pub(crate) fn into_value(self) -> Result<Value, Fault> {
        if self.limits.is_none() && self.urls.is_none() && self.notification_types.is_none() {
            return Err(Fault::Sense("it is JSON, but not a service configuration"));
        }
        let limits = self.limits.unwrap_or_default();
        let urls = self.urls.unwrap_or_default();
        let invitation =
            urls.get("invitationEmail").and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok());
        Ok(Value {
            limits: read_limits(&limits),
            notification_types: self
                .notification_types
                .into_iter()
                .flatten()
                .map(Text::into_string)
                .collect(),
            invitation_url: invitation.and_then(Text::filled),
        })
    }
}

/// A limit that is missing is unknown, not absent: the documented sample stands in.
fn read_limits(limits: &HashMap<&str, &RawValue>) -> Limits {
    let sample = Limits::default();
    let limit = |name: &str| {
        let raw = limits.get(name)?;
        let Whole(value) = serde_json::from_str(raw.get()).ok()?;
        u32::try_from(value).ok().filter(|value| *value > 0)
    };
    let size = |name: &str, sample: usize| {
        limit(name).and_then(|value| usize::try_from(value).ok()).unwrap_or(sample)
    };
    Limits {
        max_assets: size("maxAssets", sample.max_assets),
        max_users: size("maxClientUserIds", sample.max_users),
        max_devices: size("maxSerialNumbers", sample.max_devices),
        max_revoke_users: size("maxRevokeClientUserIds", sample.max_revoke_users),
        max_revoke_devices: size("maxRevokeSerialNumbers", sample.max_revoke_devices),
        max_requests_per_second: limit("maxRequestPerSecond").unwrap_or(sample.max_requests_per_second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read;

    #[test]
    fn limits_are_read_and_missing_or_senseless_ones_have_their_sample() {
        let text = r#"{"limits":{"maxAssets":10,"maxSerialNumbers":0,"maxRequestPerSecond":"7","maxClientUserIds":[1],"new":{}},
            "urls":{"invitationEmail":"https://example.com/?c=%25inviteCode%25"},"notificationTypes":["ASSET_COUNT"],"errorCodes":[]}"#;
        let value = read::<ServiceConfig<'_>>(text.as_bytes()).unwrap().into_value().unwrap();
        let expected = Limits { max_assets: 10, max_requests_per_second: 7, ..Limits::default() };
        assert_eq!(value.limits, expected);
        assert!(value.invitation_url.unwrap().ends_with("%25inviteCode%25"));
    }

    #[test]
    fn an_object_without_limits_and_addresses_is_no_service_configuration() {
        assert!(read::<ServiceConfig<'_>>(br#"{"status":"ok"}"#).unwrap().into_value().is_err());
    }
}
