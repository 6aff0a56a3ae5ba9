//! The client configuration, read and written.
//!
//! <https://developer.apple.com/documentation/devicemanagement/clientconfigrequest>

use russet_domain::Secret;
use serde::Serialize;

use crate::location::{ClientConfig, NewClientConfig};
use crate::wire::{Fault, Object, head};

/// `ClientConfigResponse`. An object with neither an id nor a name of the location is not one: a token would seem good
/// that Apple has said nothing about. Nor is one whose claim cannot be read: the location would seem free to be taken.
pub(crate) fn client_config(object: &Object<'_>) -> Result<ClientConfig, Fault> {
    let location_name = object.soft_text("locationName");
    let uid = object.text("uId")?.filter(|uid| !uid.0.is_empty());
    if uid.is_none() && location_name.is_none() {
        return Err(Fault::field("uId", "is missing, and so is `locationName`"));
    }
    head::claim_is_readable(object)?;
    let types = object.soft(object.texts("subscribedNotificationTypes"));
    Ok(ClientConfig {
        location_name,
        country: object.soft_text("countryISO2ACode"),
        platform: object.soft_text("defaultPlatform"),
        website: object.soft_text("websiteURL"),
        notification_url: object.soft_text("notificationUrl"),
        notification_secret: object.soft_text("notificationAuthToken").map(Secret::new),
        notification_types: types.map_or_else(Vec::new, |texts| texts.items),
    })
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
    use crate::wire::{read_odd, read_plain};
    use russet_domain::token::MdmInfo;

    #[test]
    fn a_configuration_is_read_and_its_secret_not_shown() {
        let text = r#"{"uId":"1","locationName":"North","countryISO2ACode":"DE","defaultPlatform":"volumestore",
            "websiteURL":"https://school.apple.com","notificationUrl":"https://vpp.example.net/n","notificationAuthToken":"opaque",
            "subscribedNotificationTypes":["ASSET_COUNT"],"apnToken":{"x":1}}"#;
        let value = read_plain(text, client_config);
        assert_eq!(value.country.as_deref(), Some("DE"));
        assert_eq!(value.notification_types, ["ASSET_COUNT"]);
        assert!(!format!("{value:?}").contains("opaque"));
    }

    #[test]
    fn an_object_without_a_location_is_no_configuration() {
        let (none, _) = read_odd("{}", client_config);
        assert_eq!(none.unwrap_err(), "`uId` is missing, and so is `locationName`");
    }

    #[test]
    fn a_location_whose_claim_cannot_be_read_does_not_seem_free() {
        let text = r#"{"uId":"1","locationName":"North","mdmInfo":{"id":["x"],"name":"Other"}}"#;
        let (read, _) = read_odd(text, client_config);
        assert_eq!(read.unwrap_err(), "`mdmInfo.id` is not a text");
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
