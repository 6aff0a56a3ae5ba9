//! `/_sim/locations/{uid}/assets`: what a location owns, and the purchases and refunds that change it.

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Answer, Refusal, answer, location_in, read};
use crate::shared::Shared;
use crate::world::asset::{Asset, AssetKey, Pricing, Product, UNLIMITED};
use crate::world::location::Location;

/// Licenses that an asset gets when nothing is said.
const DEFAULT_TOTAL: i64 = 100;

/// Assets that one location can own.
const MOST_ASSETS: usize = 100_000;

/// What `POST …/assets` takes: a list, or a number of assets to make up.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum NewAssets {
    Assets(Vec<NewAsset>),
    Generate(Generate),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAsset {
    adam_id: String,
    #[serde(default)]
    pricing_param: Pricing,
    #[serde(default)]
    product_type: Product,
    device_assignable: Option<bool>,
    revocable: Option<bool>,
    total: Option<i64>,
    #[serde(default)]
    unlimited: bool,
    supported_platforms: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generate {
    count: usize,
    total: Option<i64>,
    #[serde(default)]
    product_type: Product,
    #[serde(default)]
    pricing_param: Pricing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Purchase {
    adam_id: String,
    #[serde(default)]
    pricing_param: Pricing,
    delta: i64,
}

#[derive(Serialize)]
pub(super) struct Shown<'a> {
    adam_id: &'a str,
    pricing_param: &'static str,
    product_type: &'static str,
    device_assignable: bool,
    revocable: bool,
    unlimited: bool,
    total: i64,
    available: i64,
    assigned: i64,
    retired: i64,
    supported_platforms: &'a [String],
}

pub(super) async fn list(State(shared): State<Arc<Shared>>, Path(uid): Path<String>) -> Answer {
    show(location_in(&mut shared.organization(), &uid)?)
}

pub(super) async fn add(State(shared): State<Arc<Shared>>, Path(uid): Path<String>, body: Bytes) -> Answer {
    let new: NewAssets = read(&body)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    put(location, new)?;
    show(location)
}

/// Adds assets, or sets what those that are there already are; all or nothing.
pub(crate) fn put(location: &mut Location, new: NewAssets) -> Result<(), Refusal> {
    let assets = match new {
        NewAssets::Assets(assets) => {
            assets.into_iter().map(|asset| check(location, asset)).collect::<Result<Vec<_>, _>>()?
        }
        NewAssets::Generate(generate) => make_up(location, &generate)?,
    };
    if location.assets.len() + assets.len() > MOST_ASSETS {
        return Err(Refusal::Bad(format!("a location can own {MOST_ASSETS} assets, and these are more")));
    }
    for asset in assets {
        location.put_asset(asset);
    }
    Ok(())
}

fn make_up(location: &Location, generate: &Generate) -> Result<Vec<Asset>, Refusal> {
    if generate.count > MOST_ASSETS {
        return Err(Refusal::Bad(format!("count is {}, it must be at most {MOST_ASSETS}", generate.count)));
    }
    let total = check_total(generate.total.unwrap_or(DEFAULT_TOTAL))?;
    let (product, pricing) = (generate.product_type, generate.pricing_param);
    let is_app = product == Product::App;
    let first = if is_app { 500_000_001_u64 } else { 400_000_001 };
    let keys = (first..)
        .map(|number| AssetKey { adam_id: number.to_string(), pricing })
        .filter(|key| location.asset_id(key).is_none());
    let assets = keys.take(generate.count).map(|key| Asset {
        product,
        device_assignable: is_app,
        revocable: is_app,
        platforms: default_platforms(product),
        total,
        listed: true,
        ..Asset::unknown(key)
    });
    Ok(assets.collect())
}

/// Those of books have been seen filled, as if they were apps for the Mac.
fn default_platforms(product: Product) -> Vec<String> {
    let names: &[&str] = match product {
        Product::App => &["iOS"],
        Product::Book => &["iOS", "macOS"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn check(location: &Location, new: NewAsset) -> Result<Asset, Refusal> {
    let key = check_key(new.adam_id, new.pricing_param)?;
    let is_app = new.product_type == Product::App;
    if !is_app && (new.device_assignable == Some(true) || new.revocable == Some(true)) {
        let name = &key.adam_id;
        return Err(Refusal::Bad(format!(
            "{name} is a book, which no device can have and nobody can take back"
        )));
    }
    let total = match (new.unlimited, new.total) {
        (true, None) => UNLIMITED,
        (false, total) => check_total(total.unwrap_or(DEFAULT_TOTAL))?,
        (true, Some(_)) => {
            return Err(Refusal::Bad(format!("{} has both unlimited and a total; give one", key.adam_id)));
        }
    };
    let in_use = location.asset_id(&key).map_or(0, |id| {
        let known = &location.assets[id as usize];
        known.assigned + known.retired
    });
    if total < in_use {
        let name = &key.adam_id;
        return Err(Refusal::Conflict(format!(
            "{name} has {in_use} licenses in use, so its total cannot be {total}"
        )));
    }
    Ok(Asset {
        product: new.product_type,
        device_assignable: new.device_assignable.unwrap_or(is_app),
        revocable: new.revocable.unwrap_or(is_app),
        unlimited: new.unlimited,
        platforms: new.supported_platforms.unwrap_or_else(|| default_platforms(new.product_type)),
        total,
        listed: true,
        ..Asset::unknown(key)
    })
}

pub(super) fn check_key(adam_id: String, pricing: Pricing) -> Result<AssetKey, Refusal> {
    if !(1..=20).contains(&adam_id.len()) || !adam_id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::Bad(format!("adam_id is {adam_id:?}, it must be 1 to 20 digits")));
    }
    Ok(AssetKey { adam_id, pricing })
}

pub(super) fn check_total(total: i64) -> Result<i64, Refusal> {
    if (0..UNLIMITED).contains(&total) {
        return Ok(total);
    }
    Err(Refusal::Bad(format!("total is {total}, it must lie between 0 and {}", UNLIMITED - 1)))
}

/// Buys licenses, or with a negative number withdraws some that nobody holds. Sends `ASSET_COUNT`.
pub(super) async fn buy(State(shared): State<Arc<Shared>>, Path(uid): Path<String>, body: Bytes) -> Answer {
    let purchase: Purchase = read(&body)?;
    let key = check_key(purchase.adam_id, purchase.pricing_param)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    if purchase.delta == 0 {
        return Err(Refusal::Bad("delta is 0, so nothing would be bought or withdrawn".to_owned()));
    }
    let (total, available, unlimited) = match location.asset_id(&key) {
        Some(id) => {
            let asset = &location.assets[id as usize];
            (asset.total, asset.available(), asset.unlimited)
        }
        None => (0, 0, false),
    };
    if unlimited {
        return Err(Refusal::Conflict(format!("{} is unlimited, so its count does not change", key.adam_id)));
    }
    if available.saturating_add(purchase.delta) < 0 {
        let name = &key.adam_id;
        return Err(Refusal::Conflict(format!(
            "only {available} licenses of {name} are free to be withdrawn"
        )));
    }
    let total = check_total(total.saturating_add(purchase.delta))?;
    let asset = location.asset_id_or_unknown(key);
    location.set_total(asset, total);
    shared.tell_count(location, asset, purchase.delta);
    answer(&shown(&location.assets[asset as usize]))
}

fn show(location: &Location) -> Answer {
    let assets: Vec<Shown<'_>> = location.assets.iter().filter(|asset| asset.listed).map(shown).collect();
    answer(&json!({ "assets": assets }))
}

pub(super) fn shown(asset: &Asset) -> Shown<'_> {
    Shown {
        adam_id: &asset.key.adam_id,
        pricing_param: asset.key.pricing.as_str(),
        product_type: asset.product.as_str(),
        device_assignable: asset.device_assignable,
        revocable: asset.revocable,
        unlimited: asset.unlimited,
        total: asset.total,
        available: asset.available(),
        assigned: asset.assigned,
        retired: asset.retired,
        supported_platforms: &asset.platforms,
    }
}
