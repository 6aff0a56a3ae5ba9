//! `POST assets/associate`, `disassociate` and `revoke`: checked at once, carried out later.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/managing-assets>.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;

use super::endpoint::Endpoint;
use super::errors::AppleError;
use super::reply::{Common, EventAccepted, json};
use crate::ledger::Violation;
use crate::rules::Rules;
use crate::shared::Shared;
use crate::world::asset::{AssetId, AssetKey, Pricing};
use crate::world::event::{LicenseAct, Work};
use crate::world::holders::{HolderId, HolderKind};
use crate::world::location::Location;

/// A name of a device or user may be as long as this.
pub(super) const LONGEST_NAME: usize = 1_024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    assets: Option<Vec<AssetName>>,
    client_user_ids: Option<Vec<String>>,
    serial_numbers: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssetName {
    adam_id: Option<String>,
    pricing_param: Option<String>,
}

/// Checks a request and accepts it as an event. An error means that nothing was accepted.
pub(crate) fn post(
    shared: &Shared,
    location: &mut Location,
    (endpoint, act): (Endpoint, LicenseAct),
    body: &[u8],
    rules: &Rules,
    (expires_ms, now_ms): (i64, i64),
) -> Result<Vec<u8>, AppleError> {
    let request: Request = serde_json::from_slice(body).map_err(|_| AppleError::new(9602))?;
    let users = request.client_user_ids.unwrap_or_default();
    let devices = request.serial_numbers.unwrap_or_default();
    let names = match act {
        LicenseAct::Associate | LicenseAct::Disassociate => keys_of(request.assets.unwrap_or_default())?,
        LicenseAct::Revoke => Vec::new(),
    };
    let checked = check_lists(act, &names, &users, &devices, rules);
    checked.inspect_err(|error| count_violation(shared, location, error.number))?;
    check_assets(location, act, &names, !devices.is_empty())?;

    let assets: Vec<AssetId> = names.into_iter().map(|key| location.asset_id_or_unknown(key)).collect();
    let mut holders: Vec<HolderId> = Vec::with_capacity(users.len() + devices.len());
    holders.extend(users.iter().map(|name| location.holders.intern(HolderKind::User, name)));
    holders.extend(devices.iter().map(|name| location.holders.intern(HolderKind::Device, name)));
    let event: Arc<str> = shared.accept(location, endpoint, Work::Licenses { act, assets, holders });
    let common = Common::of(location, expires_ms, now_ms);
    Ok(json(&EventAccepted { event_id: &event, common }))
}

/// Counts what a client could have known: lists beyond a limit that was announced, and what is named twice.
pub(super) fn count_violation(shared: &Shared, location: &Location, number: u16) {
    let violation = match number {
        9700..=9702 | 9714 => Violation::ListTooLong,
        9703..=9705 | 9715 => Violation::Duplicates,
        _ => return,
    };
    shared.ledger.violated(Some(&location.uid), violation);
}

fn keys_of(assets: Vec<AssetName>) -> Result<Vec<AssetKey>, AppleError> {
    assets
        .into_iter()
        .map(|asset| {
            let adam_id = asset.adam_id.ok_or_else(|| AppleError::new(9718))?;
            let is_number = (1..=20).contains(&adam_id.len()) && adam_id.bytes().all(|b| b.is_ascii_digit());
            // The first version of the API took STDQ when nothing was said; the second does not tell.
            let pricing = asset.pricing_param.as_deref().map_or(Some(Pricing::Standard), Pricing::parse);
            match pricing {
                Some(pricing) if is_number => Ok(AssetKey { adam_id, pricing }),
                Some(_) | None => Err(AppleError::new(9602)),
            }
        })
        .collect()
}

fn check_lists(
    act: LicenseAct,
    assets: &[AssetKey],
    users: &[String],
    devices: &[String],
    rules: &Rules,
) -> Result<(), AppleError> {
    let limits = &rules.limits;
    let (most_users, most_devices) = match act {
        LicenseAct::Associate | LicenseAct::Disassociate => {
            if assets.is_empty() {
                return Err(AppleError::new(9718));
            }
            (limits.max_client_user_ids, limits.max_serial_numbers)
        }
        LicenseAct::Revoke => (limits.max_revoke_client_user_ids, limits.max_revoke_serial_numbers),
    };
    if users.is_empty() && devices.is_empty() {
        return Err(AppleError::new(9719));
    }
    let over = [
        (9700, assets.len(), limits.max_assets),
        (9701, users.len(), most_users),
        (9702, devices.len(), most_devices),
    ];
    if let Some((number, ..)) = over.into_iter().find(|(_, length, most)| *length > *most as usize) {
        return Err(AppleError::new(number));
    }
    let impossible = |name: &String| name.is_empty() || name.len() > LONGEST_NAME;
    if users.iter().chain(devices).any(impossible) {
        return Err(AppleError::new(9602));
    }
    check_duplicates(assets, users, devices)
}

fn check_duplicates(assets: &[AssetKey], users: &[String], devices: &[String]) -> Result<(), AppleError> {
    let twice = twice(assets);
    if !twice.is_empty() {
        return Err(AppleError::about(9703, twice));
    }
    let mut error = AppleError::new(9704);
    error.info.client_user_ids = self::twice(users);
    if !error.info.client_user_ids.is_empty() {
        return Err(error);
    }
    let mut error = AppleError::new(9705);
    error.info.serial_numbers = self::twice(devices);
    if error.info.serial_numbers.is_empty() { Ok(()) } else { Err(error) }
}

/// What a list has twice.
pub(super) fn twice<T: Clone + Eq + std::hash::Hash>(list: &[T]) -> Vec<T> {
    let mut seen = HashSet::with_capacity(list.len());
    list.iter().filter(|item| !seen.insert(*item)).cloned().collect()
}

fn check_assets(
    location: &Location,
    act: LicenseAct,
    keys: &[AssetKey],
    has_devices: bool,
) -> Result<(), AppleError> {
    let those = |wrong: fn(&crate::world::asset::Asset) -> bool| -> Vec<AssetKey> {
        let known = keys.iter().filter_map(|key| location.asset_id(key));
        let assets = known.map(|id| &location.assets[id as usize]);
        assets.filter(|asset| wrong(asset)).map(|asset| asset.key.clone()).collect()
    };
    if act == LicenseAct::Disassociate {
        let irrevocable = those(|asset| !asset.revocable);
        if !irrevocable.is_empty() {
            return Err(AppleError::about(9706, irrevocable));
        }
    }
    let user_only = those(|asset| !asset.device_assignable);
    if has_devices && !user_only.is_empty() {
        return Err(AppleError::about(9707, user_only));
    }
    Ok(())
}
