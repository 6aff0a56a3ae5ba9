//! Turns what is wished for into licenses: looks the assets up, and who holds what when that was left open.

use std::collections::{BTreeSet, HashMap, HashSet};

use russet_domain::directory::GroupKind;
use russet_domain::job::JobKind;
use russet_domain::token::TokenState;
use russet_domain::{AssetId, AssetKey, Holder};
use russet_store::assets::{self, AssetRow};
use russet_store::directory::members;
use russet_store::submit::Wish;
use russet_store::tokens::Token;
use russet_store::{Db, changes, licenses};

use super::wanted::{PAIRS_MAX, Wanted, Which, too_many};
use crate::error::ApiError;
use crate::problem::{FIELD_ERRORS_MAX, FieldError};
use crate::routes::directory::groups;
use crate::state::wide;

/// The licenses that a job is to move.
///
/// # Errors
/// When assets are unknown, the location was never read, or there are too many pairs.
pub(super) async fn expand(db: &mut Db, token: &Token, wanted: &Wanted) -> Result<Vec<Wish>, ApiError> {
    let with_members;
    let which = if wanted.groups.is_empty() {
        &wanted.which
    } else {
        with_members = join_members(db, wanted).await?;
        &with_members
    };
    match which {
        Which::Pairs(pairs) => {
            let ids = look_up(db, token, wanted.kind, pairs.iter().map(|(key, _)| key)).await?;
            let wish = |(key, holder): &(AssetKey, Holder)| {
                Some(Wish { asset: *ids.get(key)?, holder: holder.clone() })
            };
            Ok(pairs.iter().filter_map(wish).collect())
        }
        Which::Grid { assets, holders } => {
            let ids = look_up(db, token, wanted.kind, assets.iter()).await?;
            let mut wishes = Vec::with_capacity(assets.len().saturating_mul(holders.len()));
            for asset in assets.iter().filter_map(|key| ids.get(key)) {
                wishes.extend(holders.iter().map(|holder| Wish { asset: *asset, holder: holder.clone() }));
            }
            Ok(wishes)
        }
        Which::HoldersOf(assets) => {
            let ids = look_up(db, token, wanted.kind, assets.iter()).await?;
            read_whole(token)?;
            let ids: Vec<AssetId> = ids.into_values().collect();
            let held = licenses::held_of(db, token.id, &ids, PAIRS_MAX + 1).await?;
            together(held, changes::coming_of(db, token.id, &ids, PAIRS_MAX + 1).await?)
        }
        Which::HeldBy(holders) => {
            read_whole(token)?;
            let held = licenses::held_by(db, token.id, holders, PAIRS_MAX + 1).await?;
            together(held, changes::coming_to(db, token.id, holders, PAIRS_MAX + 1).await?)
        }
    }
}

/// What is wanted, with the members of its groups among the holders.
async fn join_members(db: &mut Db, wanted: &Wanted) -> Result<Which, ApiError> {
    let mut members = Vec::new();
    for name in &wanted.groups {
        let group = groups::the(db, name).await?;
        let make = match group.kind {
            GroupKind::Devices => Holder::Device,
            GroupKind::People => Holder::User,
        };
        let names = members::list(db, &group, PAIRS_MAX + 1, None).await?;
        members.extend(names.into_iter().map(make));
        too_many(wide(members.len()))?;
    }
    let mut which = wanted.which.clone();
    match &mut which {
        Which::Grid { assets, holders } => {
            join(holders, members);
            too_many(wide(assets.len()).saturating_mul(wide(holders.len())))?;
        }
        Which::HeldBy(holders) => {
            join(holders, members);
            too_many(wide(holders.len()))?;
        }
        // Groups are among the holders, so that neither comes with any.
        Which::Pairs(_) | Which::HoldersOf(_) => {}
    }
    Ok(which)
}

fn join(holders: &mut Vec<Holder>, members: Vec<Holder>) {
    let mut known: HashSet<Holder> = holders.iter().cloned().collect();
    holders.extend(members.into_iter().filter(|member| known.insert(member.clone())));
}

/// The numbers of named assets.
pub(crate) async fn look_up<'a>(
    db: &mut Db,
    token: &Token,
    kind: JobKind,
    keys: impl Iterator<Item = &'a AssetKey>,
) -> Result<HashMap<AssetKey, AssetId>, ApiError> {
    let mut seen = HashSet::new();
    let names: Vec<AssetKey> = keys.filter(|key| seen.insert(*key)).cloned().collect();
    let known = assets::by_keys(db, token.id, &names).await?;
    // What Apple's list no longer holds cannot be given to anybody, but it can be taken back.
    let fits = |row: &AssetRow| !row.gone || kind == JobKind::RevokeLicense;
    let ids: HashMap<_, _> =
        known.into_iter().filter(|(_, row)| fits(row)).map(|(key, row)| (key, row.id)).collect();
    let missing: Vec<&AssetKey> = names.iter().filter(|key| !ids.contains_key(*key)).collect();
    if missing.is_empty() {
        return Ok(ids);
    }
    if ids.is_empty() && assets::list(db, token.id, 1, None).await?.is_empty() {
        return Err(ApiError::TokenNotSynced);
    }
    let error = |key: &&AssetKey| FieldError {
        field: "adam_id".to_owned(),
        detail: format!("{} of quality {} is not in this location", key.adam_id, key.pricing.as_str()),
    };
    let errors = missing.iter().take(FIELD_ERRORS_MAX).map(error).collect();
    Err(ApiError::UnknownAssets { count: missing.len(), errors })
}

/// Who holds what is known only once all of it was read: a list with gaps would leave licenses behind unsaid.
fn read_whole(token: &Token) -> Result<(), ApiError> {
    match (token.synced_whole_at, token.state) {
        (Some(_), _) => Ok(()),
        (None, TokenState::Duplicate) => Err(ApiError::not_usable(token)),
        (None, _) => Err(ApiError::TokenNotSynced),
    }
}

/// What is held, with what is on its way to being held: a license that is being assigned is to be taken back as well.
fn together(held: Vec<(AssetId, Holder)>, coming: Vec<(AssetId, Holder)>) -> Result<Vec<Wish>, ApiError> {
    let pairs: BTreeSet<(AssetId, Holder)> = held.into_iter().chain(coming).collect();
    if pairs.len() > PAIRS_MAX {
        return Err(ApiError::TooManyPairs { count: wide(pairs.len()), max: PAIRS_MAX });
    }
    Ok(pairs.into_iter().map(|(asset, holder)| Wish { asset, holder }).collect())
}
