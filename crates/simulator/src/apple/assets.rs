//! `GET assets`: what the location owns, with its counts.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/get-assets-4ski1>.

use serde::Serialize;

use super::errors::AppleError;
use super::paging::Page;
use super::query::Params;
use super::reply::{AssetRef, Common, PageCommon, json};
use crate::rules::Rules;
use crate::world::asset::{Asset, Product};
use crate::world::location::{Collection, Location};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    assets: Vec<AssetBody<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unlimited_assets: Vec<AssetBody<'a>>,
    #[serde(flatten)]
    page: PageCommon<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssetBody<'a> {
    #[serde(flatten)]
    asset: AssetRef<'a>,
    product_type: &'static str,
    device_assignable: bool,
    revocable: bool,
    supported_platforms: &'a [String],
    assigned_count: i64,
    #[serde(flatten)]
    counts: Option<Counts>,
}

/// What an asset in `unlimitedAssets` does not have.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    available_count: i64,
    retired_count: i64,
    total_count: i64,
}

/// One page of the assets that pass the filters.
pub(crate) fn get(
    location: &mut Location,
    params: &Params,
    rules: &Rules,
    (expires_ms, now_ms): (i64, i64),
) -> Result<Vec<u8>, AppleError> {
    let filter = Filter::of(params)?;
    location.page_read(rules.version_moves_every_pages);
    let location = &*location;
    let passing: Vec<&Asset> = location.assets.iter().filter(|asset| filter.passes(asset)).collect();
    let page = Page::of(passing.len(), params.page_index()?, rules.page_size)?;
    let on_page = &passing[page.range.clone()];
    // Only whoever asks for the unlimited ones sees them as such; to others they have a very large total.
    let apart = filter.unlimited == Some(true);
    let bodies: Vec<AssetBody<'_>> = on_page.iter().map(|asset| body_of(asset, !apart)).collect();
    let size = bodies.len();
    let (assets, unlimited_assets) = if apart { (Vec::new(), bodies) } else { (bodies, Vec::new()) };
    let page = PageCommon {
        current_page_index: page.index,
        next_page_index: page.next(),
        size,
        total_pages: page.total,
        version_id: location.version_id(Collection::Assets),
        common: Common::of(location, expires_ms, now_ms),
    };
    Ok(json(&Body { assets, unlimited_assets, page }))
}

fn body_of(asset: &Asset, with_counts: bool) -> AssetBody<'_> {
    AssetBody {
        asset: AssetRef::of(&asset.key),
        product_type: asset.product.as_str(),
        device_assignable: asset.device_assignable,
        revocable: asset.revocable,
        supported_platforms: &asset.platforms,
        assigned_count: asset.assigned,
        counts: with_counts.then(|| Counts {
            available_count: asset.available(),
            retired_count: asset.retired,
            total_count: asset.total,
        }),
    }
}

struct Filter<'a> {
    product: Option<Product>,
    pricing: Option<crate::world::asset::Pricing>,
    adam_id: Option<&'a str>,
    revocable: Option<bool>,
    device_assignable: Option<bool>,
    available: (i64, i64),
    assigned: (i64, i64),
    unlimited: Option<bool>,
}

impl<'a> Filter<'a> {
    fn of(params: &'a Params) -> Result<Self, AppleError> {
        let product = match params.text("productType") {
            None => None,
            Some("App") => Some(Product::App),
            Some("Book") => Some(Product::Book),
            Some(_) => return Err(AppleError::new(9602)),
        };
        let bounds = |least: &str, most: &str| -> Result<(i64, i64), AppleError> {
            Ok((params.integer(least)?.unwrap_or(i64::MIN), params.integer(most)?.unwrap_or(i64::MAX)))
        };
        Ok(Self {
            product,
            pricing: params.pricing()?,
            adam_id: params.text("adamId"),
            revocable: params.boolean("revocable")?,
            device_assignable: params.boolean("deviceAssignable")?,
            available: bounds("minAvailableCount", "maxAvailableCount")?,
            assigned: bounds("minAssignedCount", "maxAssignedCount")?,
            unlimited: params.boolean("unlimited")?,
        })
    }

    fn passes(&self, asset: &Asset) -> bool {
        let within = |value: i64, (least, most): (i64, i64)| (least..=most).contains(&value);
        asset.listed
            && self.product.is_none_or(|product| asset.product == product)
            && self.pricing.is_none_or(|pricing| asset.key.pricing == pricing)
            && self.adam_id.is_none_or(|adam_id| asset.key.adam_id == adam_id)
            && self.revocable.is_none_or(|revocable| asset.revocable == revocable)
            && self.device_assignable.is_none_or(|assignable| asset.device_assignable == assignable)
            && self.unlimited.is_none_or(|unlimited| asset.unlimited == unlimited)
            && within(asset.available(), self.available)
            && within(asset.assigned, self.assigned)
    }
}
