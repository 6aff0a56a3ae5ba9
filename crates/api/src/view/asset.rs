//! An asset as clients see it.

use russet_domain::asset::Supply;
use russet_store::assets::AssetRow;
use serde::Serialize;
use utoipa::ToSchema;

/// One product of a location, with its counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Asset)]
pub(crate) struct AssetView {
    /// The token whose location it belongs to.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// Its name in the store of the token's country; null until that is known.
    name: Option<String>,
    /// The quality: `STDQ` or `PLUS`.
    pricing_param: String,
    /// `App` or `Book`.
    product_type: String,
    /// Whether a device can hold a license of it.
    device_assignable: bool,
    /// Whether a license can be taken back.
    revocable: bool,
    /// Licenses bought; null when there is no limit.
    total: Option<i64>,
    /// Licenses that nobody holds; null when there is no limit.
    available: Option<i64>,
    /// Whether it can be assigned without limit.
    unlimited: bool,
    /// How much of what was bought is in use, in percent; null when there is no limit or nothing was bought.
    used_percent: Option<i64>,
    /// Whether so much of it is in use as the token's policy `alert_percent` says, half when nobody decided; it clears by itself.
    running_low: bool,
    /// Licenses that somebody holds.
    assigned: i64,
    /// How many licenses those who wait in the line are not given.
    reserved: i64,
    /// Licenses lost with retired users.
    retired: i64,
    /// Platforms, as far as Apple names them.
    platforms: Vec<String>,
}

impl AssetView {
    /// An asset, its name as far as it is known, and from how many percent in use on it is running low.
    pub(crate) fn new(row: AssetRow, name: Option<String>, alert_percent: Option<u64>) -> Self {
        let asset = row.asset;
        let (total, available) = match asset.supply {
            Supply::Unlimited => (None, None),
            Supply::Limited { total, available } => (Some(total), Some(available)),
        };
        Self {
            token: row.token.0,
            adam_id: asset.key.adam_id,
            name,
            pricing_param: asset.key.pricing.as_str().to_owned(),
            product_type: asset.product_type.as_str().to_owned(),
            device_assignable: asset.device_assignable,
            revocable: asset.revocable,
            total,
            available,
            unlimited: total.is_none(),
            used_percent: asset.supply.used_percent(),
            running_low: asset.supply.is_running_low(alert_percent),
            assigned: asset.assigned,
            reserved: row.reserved,
            retired: asset.retired,
            platforms: asset.platforms,
        }
    }
}
