//! The requests that move licenses, and the event that answers these and others.
//!
//! <https://developer.apple.com/documentation/devicemanagement/associate-assets>

use russet_domain::AssetKey;
use serde::Serialize;

use crate::wire::{Fault, Object};
use crate::write::{EventId, Write};

/// `ManageAssetsRequest`, and `RevokeAssetsRequest`, which has no assets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assets: Vec<Product<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    client_user_ids: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    serial_numbers: &'a [String],
}

/// `Asset`. The quality is always sent: Apple does not say what it takes when it is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Product<'a> {
    adam_id: &'a str,
    pricing_param: &'a str,
}

impl<'a> Product<'a> {
    fn of(key: &'a AssetKey) -> Self {
        Self { adam_id: &key.adam_id, pricing_param: key.pricing.as_str() }
    }
}

/// The body of a request that moves licenses.
pub(crate) fn request(write: &Write<'_>) -> Vec<u8> {
    super::body(&Request {
        assets: write.assets.iter().map(Product::of).collect(),
        client_user_ids: write.users,
        serial_numbers: write.devices,
    })
}

/// `EventResponse`.
pub(crate) fn event(object: &Object<'_>) -> Result<EventId, Fault> {
    object.filled("eventId").map(EventId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use russet_domain::Pricing;

    #[test]
    fn the_quality_is_always_sent_and_empty_lists_never() {
        let assets = [AssetKey::new("500000001", Pricing::Standard)];
        let devices = ["S1".to_owned()];
        let body = request(&Write { assets: &assets, devices: &devices, users: &[] });
        let expected = br#"{"assets":[{"adamId":"500000001","pricingParam":"STDQ"}],"serialNumbers":["S1"]}"#;
        assert_eq!(body, expected);
        let users = ["u1".to_owned()];
        assert_eq!(request(&Write { users: &users, ..Write::default() }), br#"{"clientUserIds":["u1"]}"#);
    }

    #[test]
    fn an_answer_without_an_event_is_not_taken_for_one() {
        for none in ["{}", r#"{"eventId":""}"#, r#"{"eventId":null}"#, r#"{"eventId":{}}"#] {
            let (read, _) = crate::wire::read_odd(none, event);
            assert!(read.unwrap_err().starts_with("`eventId` is "), "{none}");
        }
        assert_eq!(crate::wire::read_plain(r#"{"eventId":"e1"}"#, event), EventId("e1".into()));
    }
}
