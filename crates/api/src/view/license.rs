//! A license as clients see it.

use russet_domain::Holder;
use russet_store::licenses::License;
use serde::Serialize;
use utoipa::ToSchema;

/// One asset held by one device or user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = License)]
pub(crate) struct LicenseView {
    /// The token whose location the asset belongs to.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// Its name in the store of the token's country; null until that is known.
    name: Option<String>,
    /// The quality: `STDQ` or `PLUS`.
    pricing_param: String,
    /// The device that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

impl LicenseView {
    /// A license, and the name of the product as far as it is known.
    pub(crate) fn new(license: License, name: Option<String>) -> Self {
        let (serial, user) = serial_and_user(license.holder);
        Self {
            token: license.token.0,
            adam_id: license.key.adam_id,
            name,
            pricing_param: license.key.pricing.as_str().to_owned(),
            serial,
            user,
        }
    }
}

/// A holder as the two fields of which one is there.
pub(crate) fn serial_and_user(holder: Holder) -> (Option<String>, Option<String>) {
    match holder {
        Holder::Device(serial) => (Some(serial), None),
        Holder::User(user) => (None, Some(user)),
    }
}
