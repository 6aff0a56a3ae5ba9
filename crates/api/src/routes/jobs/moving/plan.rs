//! Looks up what would become of wished moves: what can move, what has, what cannot, and how many licenses it takes.

use std::collections::{HashMap, HashSet};

use russet_domain::change::Action;
use russet_domain::intake::rule_against;
use russet_domain::lint::comes_back;
use russet_domain::moving::{First, Known, first};
use russet_domain::{Asset, AssetId, AssetKey, Holder};
use russet_store::assets::{self, AssetRow};
use russet_store::moves::{Fact, NewMove, Pair, facts};
use russet_store::tokens::Token;
use russet_store::{Db, licenses};

use super::wanted::Wanted;
use crate::error::ApiError;
use crate::problem::{FIELD_ERRORS_MAX, FieldError};
use crate::routes::jobs::wanted::PAIRS_MAX;
use crate::state::wide;

/// What would become of wished moves.
pub(super) struct Plan {
    pub(super) moves: Vec<NewMove>,
    pub(super) assets: HashMap<AssetId, Asset>,
    /// What each asset needs.
    pub(super) needs: Vec<Need>,
    /// Assets that the users hold and no device can have, or nobody can give back; left out.
    pub(super) left_out: Vec<(AssetKey, u64)>,
}

/// The licenses of an asset that moves need.
pub(super) struct Need {
    pub(super) key: AssetKey,
    /// Licenses that devices need beside those of the users, until these are taken back.
    pub(super) extra: u64,
    /// Free ones, as far as is known; nothing for an asset without limit.
    pub(super) free: Option<u64>,
    /// Licenses of users that come back in the end.
    pub(super) freed: u64,
}

/// Looks wished moves up.
///
/// # Errors
/// When assets are unknown, the location was never read where that matters, or there are too many.
pub(super) async fn plan(db: &mut Db, token: &Token, wanted: &Wanted) -> Result<Plan, ApiError> {
    let (pairs, assets, left_out) = match &wanted.assets {
        Some(keys) => named(db, token, wanted, keys).await?,
        None => all_held(db, token, wanted).await?,
    };
    if pairs.len() > PAIRS_MAX {
        return Err(ApiError::TooManyPairs { count: wide(pairs.len()), max: PAIRS_MAX });
    }
    let facts = facts(db, &pairs).await?;
    let is_whole = token.synced_whole_at.is_some();
    let mut needs = Needs::default();
    let mut moves = Vec::with_capacity(pairs.len());
    for (pair, fact) in pairs.into_iter().zip(facts) {
        let known = Known {
            // What our copy has is so; what it has not is known only when it is whole.
            user_holds: if fact.user_holds || is_whole { Some(fact.user_holds) } else { None },
            device_holds: if fact.device_holds || is_whole { Some(fact.device_holds) } else { None },
            forbidden: assets.get(&pair.asset).and_then(|asset| forbidden(asset, &pair)),
        };
        let first = first(known);
        if first == First::Plan {
            needs.add(&pair, fact);
        }
        moves.push(NewMove { asset: pair.asset, user: pair.user, serial: pair.serial, first });
    }
    let needs = needs.told(&assets);
    Ok(Plan { moves, assets, needs, left_out })
}

fn forbidden(asset: &Asset, pair: &Pair) -> Option<&'static str> {
    rule_against(Action::Assign, asset, &Holder::Device(pair.serial.clone()))
        .or_else(|| rule_against(Action::Revoke, asset, &Holder::User(pair.user.clone())))
}

type Found = (Vec<Pair>, HashMap<AssetId, Asset>, Vec<(AssetKey, u64)>);

/// Each of the named assets for each user and device.
async fn named(db: &mut Db, token: &Token, wanted: &Wanted, keys: &[AssetKey]) -> Result<Found, ApiError> {
    let mut known = assets::by_keys(db, token.id, keys).await?;
    known.retain(|_, row| !row.gone);
    let missing: Vec<&AssetKey> = keys.iter().filter(|key| !known.contains_key(*key)).collect();
    if !missing.is_empty() {
        if known.is_empty() && assets::list(db, token.id, 1, None).await?.is_empty() {
            return Err(ApiError::TokenNotSynced);
        }
        let error = |key: &&AssetKey| FieldError {
            field: "adam_id".to_owned(),
            detail: format!("{} of quality {} is not in this location", key.adam_id, key.pricing.as_str()),
        };
        let errors = missing.iter().take(FIELD_ERRORS_MAX).map(error).collect();
        return Err(ApiError::UnknownAssets { count: missing.len(), errors });
    }
    let mut pairs = Vec::with_capacity(keys.len().saturating_mul(wanted.moves.len()));
    for row in keys.iter().filter_map(|key| known.get(key)) {
        pairs.extend(wanted.moves.iter().map(|(user, serial)| Pair {
            asset: row.id,
            user: user.clone(),
            serial: serial.clone(),
        }));
    }
    Ok((pairs, by_id(known.into_values()), Vec::new()))
}

/// All that each user holds, but for what no device can have and what never comes back.
async fn all_held(db: &mut Db, token: &Token, wanted: &Wanted) -> Result<Found, ApiError> {
    if token.synced_whole_at.is_none() {
        return Err(ApiError::TokenNotSynced);
    }
    let users: HashSet<&String> = wanted.moves.iter().map(|(user, _)| user).collect();
    let holders: Vec<Holder> = users.into_iter().map(|user| Holder::User(user.clone())).collect();
    let held = licenses::held_by(db, token.id, &holders, PAIRS_MAX + 1).await?;
    let ids: HashSet<AssetId> = held.iter().map(|(asset, _)| *asset).collect();
    let rows = assets::get_many(db, &ids.into_iter().collect::<Vec<_>>()).await?;
    let mut by_user: HashMap<String, Vec<AssetId>> = HashMap::new();
    let mut left_out: HashMap<AssetKey, u64> = HashMap::new();
    for (asset, holder) in held {
        let Some(row) = rows.get(&asset) else { continue };
        if row.asset.device_assignable && comes_back(&row.asset) {
            by_user.entry(holder.id().to_owned()).or_default().push(asset);
        } else {
            *left_out.entry(row.asset.key.clone()).or_default() += 1;
        }
    }
    let mut pairs = Vec::new();
    for (user, serial) in &wanted.moves {
        for asset in by_user.get(user).into_iter().flatten() {
            pairs.push(Pair { asset: *asset, user: user.clone(), serial: serial.clone() });
        }
    }
    pairs.sort_by_key(|pair| pair.asset);
    let mut left_out: Vec<_> = left_out.into_iter().collect();
    left_out.sort();
    Ok((pairs, by_id(rows.into_values()), left_out))
}

fn by_id(rows: impl Iterator<Item = AssetRow>) -> HashMap<AssetId, Asset> {
    rows.map(|row| (row.id, row.asset)).collect()
}

/// Counts what moves need, by asset.
#[derive(Default)]
struct Needs {
    devices: HashMap<AssetId, HashSet<String>>,
    users: HashMap<AssetId, HashSet<String>>,
}

impl Needs {
    fn add(&mut self, pair: &Pair, fact: Fact) {
        self.users.entry(pair.asset).or_default().insert(pair.user.clone());
        let devices = self.devices.entry(pair.asset).or_default();
        if !fact.device_holds {
            devices.insert(pair.serial.clone());
        }
    }

    fn told(self, assets: &HashMap<AssetId, Asset>) -> Vec<Need> {
        let need = |(id, devices): (&AssetId, &HashSet<String>)| {
            let asset = assets.get(id)?;
            let free = asset.supply.free();
            Some(Need {
                key: asset.key.clone(),
                extra: wide(devices.len()),
                free: (free != i64::MAX).then(|| u64::try_from(free).unwrap_or(0)),
                freed: self.users.get(id).map_or(0, |users| wide(users.len())),
            })
        };
        let mut needs: Vec<Need> = self.devices.iter().filter_map(need).collect();
        needs.sort_by(|one, other| one.key.cmp(&other.key));
        needs
    }
}

impl Need {
    /// Whether all of its moves can be made at once.
    pub(super) fn is_met(&self) -> bool {
        self.free.is_none_or(|free| free >= self.extra)
    }
}
