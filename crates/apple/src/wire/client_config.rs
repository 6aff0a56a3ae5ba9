//! The client configuration, read and written.
//!
//! <https://developer.apple.com/documentation/devicemanagement/clientconfigrequest>

use russet_domain::Secret;
use serde::{Deserialize, Serialize};

use crate::location::{ClientConfig as Value, NewClientConfig};
use crate::wire::Fault;
use crate::wire::scalar::Text;

/// `ClientConfigResponse`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientConfig<'a> {
    #[serde(borrow)]
    location_name: Option<Text<'a>>,
    #[serde(borrow, rename = "countryISO2ACode")]
    country: Option<Text<'a>>,
    #[serde(borrow)]
    default_platform: Option<Text<'a>>,
    #[serde(borrow, rename = "websiteURL")]
    website: Option<Text<'a>>,
    #[serde(borrow)]
    notification_url: Option<Text<'a>>,
    #[serde(borrow)]
    notification_auth_token: Option<Text<'a>>,
    #[serde(borrow)]
    subscribed_notification_types: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    u_id: Option<Text<'a>>,
}

impl ClientConfig<'_> {
    /// The configuration. An object with neither an id nor a name of the location is not one: a token would seem good
    /// that Apple has said nothing about.
    pub(crate) fn into_value(self) -> Result<Value, Fault> {
        if self.u_id.is_none() && self.location_name.is_none() {
            return Err(Fault::Sense("it is JSON, but names no location"));
        }
        let text = |text: Option<Text<'_>>| text.and_then(Text::filled);
        let types = self.subscribed_notification_types;
        Ok(Value {
            location_name: text(self.location_name),
            country: text(self.country),
            platform: text(self.default_platform),
            website: text(self.website),
            notification_url: text(self.notification_url),
            notification_secret: text(self.notification_auth_token).map(Secret::new),
            notification_types: types.into_iter().flatten().map(Text::into_string).collect(),
        })
    }
}

/// `ClientConfigRequest`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mdm_info: Option<Mdm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_auth_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_types: Option<&'a [String]>,
}

#[derive(Serialize)]
struct Mdm<'a> {
    id: &'a str,
    name: &'a str,
    metadata: &'a str,
}

/// The body that sets a client configuration.
pub(crate) fn request(new: &NewClientConfig) -> Vec<u8> {
    let target = new.notification.as_ref();
    super::body(&Request {
        mdm_info: new.mdm.as_ref().map(|mdm| Mdm { id: &mdm.id, name: &mdm.name, metadata: &mdm.metadata }),
        notification_url: target.map(|target| target.url.as_str()),
        notification_auth_token: target.map(|target| target.secret.reveal()),
        notification_types: target.map(|target| target.types.as_slice()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::NotificationTarget;
    use crate::wire::read;
    use russet_domain::token::MdmInfo;

    #[test]
    fn a_configuration_is_read_and_its_secret_not_shown() {
        let text = r#"{"uId":"1","locationName":"North","countryISO2ACode":"DE","defaultPlatform":"volumestore",
            "websiteURL":"https://school.apple.com","notificationUrl":"https://vpp.example.net/n","notificationAuthToken":"opaque",
            "subscribedNotificationTypes":["ASSET_COUNT"],"apnToken":{"x":1}}"#;
        let value = read::<ClientConfig<'_>>(text.as_bytes()).unwrap().into_value().unwrap();
        assert_eq!(value.country.as_deref(), Some("DE"));
        assert_eq!(value.notification_types, ["ASSET_COUNT"]);
        assert!(!format!("{value:?}").contains("opaque"));
    }

    #[test]
    fn an_object_without_a_location_is_no_configuration() {
        assert!(read::<ClientConfig<'_>>(b"{}").unwrap().into_value().is_err());
    }

    #[test]
    fn only_what_is_set_is_sent() {
        let mdm = MdmInfo { id: "a".into(), name: "n".into(), metadata: "m".into() };
        let claim = NewClientConfig { mdm: Some(mdm), notification: None };
        assert_eq!(request(&claim), br#"{"mdmInfo":{"id":"a","name":"n","metadata":"m"}}"#);
        let target = NotificationTarget {
            url: "https://vpp.example.net/n".into(),
            secret: Secret::new("s"),
            types: vec!["ASSET_COUNT".into()],
        };
        let subscribe = NewClientConfig { mdm: None, notification: Some(target) };
        let expected = br#"{"notificationUrl":"https://vpp.example.net/n","notificationAuthToken":"s","notificationTypes":["ASSET_COUNT"]}"#;
        assert_eq!(request(&subscribe), expected);
    }
}
