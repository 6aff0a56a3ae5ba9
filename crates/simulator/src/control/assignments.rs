//! `/_sim/locations/{uid}/assignments`: who really holds what, and changes made as if in Apple's portal.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::assets::check_key;
use super::{Answer, Refusal, answer, location_in, read};
use crate::shared::Shared;
use crate::world::asset::{Asset, AssetId, AssetKey, Pricing};
use crate::world::holders::{HolderId, HolderKind};
use crate::world::licenses::Pair;
use crate::world::location::Location;

/// Lines of the stream that are written at a time, while the world stands still.
const LINES_AT_ONCE: usize = 2_000;

/// Assets that are made up when a location owns none.
const DEFAULT_ASSETS: u64 = 25;

/// Assignments that can be made up in one location.
const MOST: usize = 10_000_000;

/// What `POST` and `DELETE …/assignments` take: a list, or a number of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Assignments {
    Assignments(Vec<Assignment>),
    Generate(Generate),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    adam_id: String,
    #[serde(default)]
    pricing_param: Pricing,
    serial: Option<String>,
    user: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generate {
    count: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    adam_id: &'a str,
    pricing_param: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

pub(super) async fn add(State(shared): State<Arc<Shared>>, Path(uid): Path<String>, body: Bytes) -> Answer {
    let wanted: Assignments = read(&body)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    let before = location.licenses.len();
    let asked = put(location, wanted)?;
    let added = location.licenses.len() - before;
    answer(&json!({ "added": added, "already_held": asked - added, "assignments": location.licenses.len() }))
}

/// Assigns without an event and without a notification; all or nothing. Returns how many were asked for.
pub(crate) fn put(location: &mut Location, wanted: Assignments) -> Result<usize, Refusal> {
    match wanted {
        Assignments::Assignments(list) => {
            let pairs = resolve_all(location, list)?;
            check_counts(location, &pairs)?;
            for &(asset, holder) in &pairs {
                location.assign(asset, holder);
            }
            Ok(pairs.len())
        }
        Assignments::Generate(Generate { count }) => {
            if location.licenses.len().saturating_add(count) > MOST {
                return Err(Refusal::Bad(format!(
                    "a location can have {MOST} assignments made up, not more"
                )));
            }
            make_up(location, count);
            Ok(count)
        }
    }
}

fn resolve_all(location: &mut Location, list: Vec<Assignment>) -> Result<Vec<Pair>, Refusal> {
    list.into_iter().map(|assignment| resolve(location, assignment)).collect()
}

fn resolve(location: &mut Location, assignment: Assignment) -> Result<Pair, Refusal> {
    let key = check_key(assignment.adam_id, assignment.pricing_param)?;
    let asset = location.asset_id(&key).filter(|&id| location.assets[id as usize].listed);
    let Some(asset) = asset else {
        return Err(Refusal::Missing(format!(
            "the location does not own {} {}",
            key.adam_id,
            key.pricing.as_str()
        )));
    };
    let holder = match (assignment.serial, assignment.user) {
        (Some(serial), None) if !serial.is_empty() => {
            if !location.assets[asset as usize].device_assignable {
                return Err(Refusal::Conflict(format!("no device can have {}", key.adam_id)));
            }
            location.holders.intern(HolderKind::Device, &serial)
        }
        (None, Some(user)) => {
            let holder = location.holders.find(HolderKind::User, &user);
            let Some(holder) = holder.filter(|&holder| location.users.is_active(holder)) else {
                return Err(Refusal::Missing(format!("there is no active user {user:?}")));
            };
            holder
        }
        _ => return Err(Refusal::Bad("each assignment needs a serial or a user, one of the two".to_owned())),
    };
    Ok((asset, holder))
}

fn check_counts(location: &Location, pairs: &[Pair]) -> Result<(), Refusal> {
    let fresh: HashSet<Pair> =
        pairs.iter().filter(|&&pair| !location.licenses.contains(pair)).copied().collect();
    let mut needed: BTreeMap<AssetId, i64> = BTreeMap::new();
    for (asset, _) in fresh {
        *needed.entry(asset).or_default() += 1;
    }
    for (asset, needed) in needed {
        let asset = &location.assets[asset as usize];
        if asset.available() < needed {
            let (name, free) = (&asset.key.adam_id, asset.available());
            return Err(Refusal::Conflict(format!(
                "{needed} licenses of {name} are needed and {free} are free"
            )));
        }
    }
    Ok(())
}

/// Gives every asset to one made-up device after another, until so many assignments were added.
fn make_up(location: &mut Location, count: usize) {
    let mut assets: Vec<AssetId> = (0_u32..)
        .zip(&location.assets)
        .filter(|(_, asset)| asset.listed && asset.device_assignable)
        .map(|(id, _)| id)
        .collect();
    if assets.is_empty() {
        let keys = (1..=DEFAULT_ASSETS).map(|number| AssetKey {
            adam_id: (500_000_000 + number).to_string(),
            pricing: Pricing::Standard,
        });
        let fresh = keys.map(|key| Asset { listed: true, ..Asset::unknown(key) });
        assets = fresh.map(|asset| location.put_asset(asset)).collect();
    }
    location.licenses.reserve(count);
    let mut added = 0;
    let mut number = 1_u64;
    while added < count {
        let device = location.holders.intern(HolderKind::Device, &format!("SIM{number:09}"));
        number += 1;
        for &asset in &assets {
            if added < count && !location.licenses.contains((asset, device)) {
                make_room(location, asset);
                location.assign(asset, device);
                added += 1;
            }
        }
    }
}

fn make_room(location: &mut Location, asset: AssetId) {
    let counts = &location.assets[asset as usize];
    if counts.available() <= 0 {
        location.set_total(asset, counts.total + 1);
    }
}

/// Takes licenses back without an event and without a notification.
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let wanted: Assignments = read(&body)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    let pairs = match wanted {
        Assignments::Assignments(list) => resolve_all(location, list)?,
        Assignments::Generate(Generate { count }) => {
            location.licenses.in_places(0..location.licenses.places()).take(count).collect()
        }
    };
    let removed = pairs.iter().filter(|&&(asset, holder)| location.unassign(asset, holder)).count();
    let (not_held, left) = (pairs.len() - removed, location.licenses.len());
    answer(&json!({ "removed": removed, "not_held": not_held, "assignments": left }))
}

/// All assignments as they are now, one JSON object a line: by asset, devices before users, then by name.
pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
) -> Result<Response, Refusal> {
    let sorted = sorted(location_in(&mut shared.organization(), &uid)?);
    let lines = stream::unfold((shared, uid, sorted, 0), |(shared, uid, sorted, start)| async move {
        let end = sorted.len().min(start + LINES_AT_ONCE);
        if start == end {
            return None;
        }
        let text = {
            let mut organization = shared.organization();
            let location = location_in(&mut organization, &uid).ok()?;
            write_lines(location, &sorted[start..end])
        };
        Some((Ok::<_, Infallible>(text), (shared, uid, sorted, end)))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// The assignments in the order of the stream. Sorting names once, and then numbers, keeps a million quick.
fn sorted(location: &Location) -> Vec<Pair> {
    let mut asset_order: Vec<AssetId> = (0_u32..).zip(&location.assets).map(|(id, _)| id).collect();
    asset_order.sort_by_key(|&id| {
        let key = &location.assets[id as usize].key;
        (key.adam_id.as_str(), key.pricing.as_str())
    });
    let holders = u32::try_from(location.holders.len()).unwrap_or(u32::MAX);
    let mut holder_order: Vec<HolderId> = (0..holders).collect();
    holder_order.sort_by_key(|&id| (location.holders.kind(id), location.holders.name(id)));
    let (asset_ranks, holder_ranks) = (ranks(&asset_order), ranks(&holder_order));
    let places = location.licenses.places();
    let mut pairs: Vec<Pair> = location
        .licenses
        .in_places(0..places)
        .map(|(asset, holder)| (asset_ranks[asset as usize], holder_ranks[holder as usize]))
        .collect();
    pairs.sort_unstable();
    pairs
        .iter()
        .map(|&(asset, holder)| (asset_order[asset as usize], holder_order[holder as usize]))
        .collect()
}

/// The place of each number in an order.
fn ranks(order: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; order.len()];
    for (rank, &id) in (0_u32..).zip(order) {
        ranks[id as usize] = rank;
    }
    ranks
}

fn write_lines(location: &Location, pairs: &[Pair]) -> Vec<u8> {
    let mut text = Vec::with_capacity(pairs.len() * 72);
    for &(asset, holder) in pairs {
        let key = &location.assets[asset as usize].key;
        let name = location.holders.name(holder);
        let (serial, user) = match location.holders.kind(holder) {
            HolderKind::Device => (Some(name), None),
            HolderKind::User => (None, Some(name)),
        };
        let line = Line { adam_id: &key.adam_id, pricing_param: key.pricing.as_str(), serial, user };
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut text, &line);
        text.push(b'\n');
    }
    text
}
