//! The requests that move licenses, and the event that answers them.
//!
//! <https://developer.apple.com/documentation/devicemanagement/associate-assets>

use russet_domain::AssetKey;
use serde::{Deserialize, Serialize};

use crate::wire::Fault;
use crate::wire::scalar::Text;
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
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    #[serde(borrow)]
    event_id: Option<Text<'a>>,
}

impl Event<'_> {
    pub(crate) fn into_id(self) -> Result<EventId, Fault> {
        let id = self.event_id.and_then(Text::filled);
        id.map(EventId).ok_or(Fault::Sense("it is JSON, but names no event"))
    }
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
        let event = |text: &'static [u8]| super::super::read::<Event<'_>>(text).unwrap().into_id();
        assert!(event(b"{}").is_err() && event(br#"{"eventId":""}"#).is_err());
        assert_eq!(event(br#"{"eventId":"e1"}"#).unwrap(), EventId("e1".into()));
    }
}
