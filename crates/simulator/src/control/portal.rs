//! What content managers do in Apple's portal beside buying: refund, hand over to another location, make unlimited.
//! And notifications of any kind, as if Apple sent them.

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::assets::{check_key, check_total, shown};
use super::{Answer, Refusal, answer, location_in, read};
use crate::notification::Notification;
use crate::shared::Shared;
use crate::world::asset::{Asset, AssetId, AssetKey, Pricing};
use crate::world::location::Location;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    adam_id: String,
    #[serde(default)]
    pricing_param: Pricing,
    count: u32,
    /// True: also licenses that somebody holds, when too few are free.
    #[serde(default)]
    assigned_too: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    adam_id: String,
    #[serde(default)]
    pricing_param: Pricing,
    count: u32,
    /// The `uId` of the other location.
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unlimited {
    adam_id: String,
    #[serde(default)]
    pricing_param: Pricing,
    unlimited: bool,
    /// How many there are when it is no longer unlimited; those in use when nothing is said.
    total: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyNotification {
    r#type: String,
    notification: Value,
}

/// The store takes licenses back. Sends `ASSET_COUNT`, and nothing about holders who lose theirs.
pub(super) async fn refund(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let refund: Refund = read(&body)?;
    let key = check_key(refund.adam_id, refund.pricing_param)?;
    let count = check_count(refund.count)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    let asset = limited(location, &key)?;
    let counts = &location.assets[asset as usize];
    let (available, total) = (counts.available(), counts.total);
    if count > available && !refund.assigned_too {
        return Err(Refusal::Conflict(format!(
            "only {available} licenses of {} are free; with assigned_too those in use go, too",
            key.adam_id
        )));
    }
    if count > total {
        return Err(Refusal::Conflict(format!("there are only {total} licenses of {}", key.adam_id)));
    }
    let lost = location.take_away(asset, usize::try_from(count - available).unwrap_or(0));
    location.set_total(asset, total - count);
    shared.tell_count(location, asset, -count);
    answer(&json!({ "asset": shown(&location.assets[asset as usize]), "taken_from_holders": lost }))
}

/// Licenses that nobody holds go to another location. Both get `ASSET_COUNT`.
pub(super) async fn transfer(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let transfer: Transfer = read(&body)?;
    let key = check_key(transfer.adam_id, transfer.pricing_param)?;
    let count = check_count(transfer.count)?;
    if transfer.to == uid {
        return Err(Refusal::Bad("to is the location itself; name another one".to_owned()));
    }
    let mut organization = shared.organization();
    let to = location_in(&mut organization, &transfer.to)?;
    let known = to.asset_id(&key).map(|id| &to.assets[id as usize]);
    if known.is_some_and(|asset| asset.unlimited) {
        return Err(Refusal::Conflict(format!("{} is unlimited at {}", key.adam_id, transfer.to)));
    }
    let total_there = check_total(known.map_or(0, |asset| asset.total) + count)?;
    let from = location_in(&mut organization, &uid)?;
    let asset = limited(from, &key)?;
    let counts = &from.assets[asset as usize];
    let (available, total) = (counts.available(), counts.total);
    if count > available {
        let name = &key.adam_id;
        return Err(Refusal::Conflict(format!(
            "only {available} licenses of {name} are free; those in use must be taken back first"
        )));
    }
    let moved = Asset {
        product: counts.product,
        device_assignable: counts.device_assignable,
        revocable: counts.revocable,
        platforms: counts.platforms.clone(),
        total: total_there,
        listed: true,
        ..Asset::unknown(key)
    };
    from.set_total(asset, total - count);
    shared.tell_count(from, asset, -count);
    let to = location_in(&mut organization, &transfer.to)?;
    let asset = to.put_asset(moved);
    shared.tell_count(to, asset, count);
    answer(&json!({ "moved": count, "total_there": total_there }))
}

/// An asset becomes unlimited, or is counted again. Sends `UNLIMITED_ASSET`.
pub(super) async fn unlimited(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let change: Unlimited = read(&body)?;
    let key = check_key(change.adam_id, change.pricing_param)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    let asset = owned(location, &key)?;
    let counts = &location.assets[asset as usize];
    let in_use = counts.assigned + counts.retired;
    let total = match (change.unlimited, change.total) {
        (true, None) => None,
        (false, total) => Some(check_total(total.unwrap_or(in_use))?),
        (true, Some(_)) => {
            return Err(Refusal::Bad("unlimited and a total contradict each other; give one".to_owned()));
        }
    };
    if total.is_some_and(|total| total < in_use) {
        let name = &key.adam_id;
        return Err(Refusal::Conflict(format!(
            "{in_use} licenses of {name} are in use, so that many must stay"
        )));
    }
    location.set_unlimited(asset, total);
    shared.tell_unlimited(location, asset, change.unlimited);
    answer(&shown(&location.assets[asset as usize]))
}

/// Sends a notification of any type with any content, whatever was subscribed to.
pub(super) async fn notify(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let wanted: AnyNotification = read(&body)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    if location.receiver.is_none() {
        return Err(Refusal::Conflict("the location has no notification URL".to_owned()));
    }
    let notification = Notification::raw(location, wanted.r#type, wanted.notification);
    let id = notification.id().to_owned();
    shared.notify(&location.uid, notification, shared.clock.now_us());
    answer(&json!({ "notification_id": id }))
}

fn check_count(count: u32) -> Result<i64, Refusal> {
    if count == 0 {
        return Err(Refusal::Bad("count is 0, so nothing would be moved".to_owned()));
    }
    Ok(i64::from(count))
}

fn owned(location: &Location, key: &AssetKey) -> Result<AssetId, Refusal> {
    let asset = location.asset_id(key).filter(|&id| location.assets[id as usize].listed);
    asset.ok_or_else(|| Refusal::Missing(format!("the location does not own {}", key.adam_id)))
}

fn limited(location: &Location, key: &AssetKey) -> Result<AssetId, Refusal> {
    let asset = owned(location, key)?;
    if location.assets[asset as usize].unlimited {
        return Err(Refusal::Conflict(format!("{} is unlimited, so its count does not change", key.adam_id)));
    }
    Ok(asset)
}
