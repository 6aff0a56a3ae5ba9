//! Looks a submission through: what speaks against it becomes a refusal at the door, or a note.

use std::collections::{BTreeMap, HashMap, HashSet};

use russet_domain::change::Action;
use russet_domain::job::JobKind;
use russet_domain::lint::{About, Finding, Kind, Report, Severity, Situation, lint};
use russet_domain::{Asset, AssetId, AssetKey, Holder};
use russet_store::assets::{self, AssetRow};
use russet_store::submit::Wish;
use russet_store::tokens::Token;
use russet_store::{Db, licenses, reconcile};

use super::expand::expand;
use super::standings::{Depth, with_known};
use super::wanted::{PAIRS_MAX, Wanted, Which};
use crate::error::ApiError;
use crate::problem::{FIELD_ERRORS_MAX, FieldError};

/// The most assets that a note names.
const NAMED_MAX: usize = 20;

/// Pairs to be looked through, with their assets.
pub(crate) struct Pairs {
    pub(crate) pairs: Vec<(AssetKey, Holder)>,
    pub(crate) assets: HashMap<AssetKey, Asset>,
}

/// The pairs of wishes.
pub(super) async fn of_wishes(db: &mut Db, wishes: &[Wish]) -> Result<Pairs, ApiError> {
    let ids: HashSet<AssetId> = wishes.iter().map(|wish| wish.asset).collect();
    let rows = assets::get_many(db, &ids.into_iter().collect::<Vec<_>>()).await?;
    let pair = |wish: &Wish| Some((rows.get(&wish.asset)?.asset.key.clone(), wish.holder.clone()));
    let pairs = wishes.iter().filter_map(pair).collect();
    Ok(Pairs { pairs, assets: rows.into_values().map(|row| (row.asset.key.clone(), row.asset)).collect() })
}

/// The pairs that a job would have, those of unknown assets too.
pub(crate) async fn of_wanted(db: &mut Db, token: &Token, wanted: &Wanted) -> Result<Pairs, ApiError> {
    let pairs = match &wanted.which {
        Which::Pairs(pairs) => pairs.clone(),
        Which::Grid { assets, holders } if wanted.groups.is_empty() => {
            assets.iter().flat_map(|key| holders.iter().map(|holder| (key.clone(), holder.clone()))).collect()
        }
        Which::Grid { .. } | Which::HoldersOf(_) | Which::HeldBy(_) => {
            let wishes = expand(db, token, wanted).await?;
            return of_wishes(db, &wishes).await;
        }
    };
    let names: HashSet<&AssetKey> = pairs.iter().map(|(key, _)| key).collect();
    let names: Vec<AssetKey> = names.into_iter().cloned().collect();
    let rows = assets::by_keys(db, token.id, &names).await?;
    let fits = |row: &AssetRow| !row.gone || action_of(wanted.kind) == Action::Revoke;
    let assets = rows.into_iter().filter(|(_, row)| fits(row)).map(|(key, row)| (key, row.asset)).collect();
    Ok(Pairs { pairs, assets })
}

/// Takes what never comes back out of a wish for all that somebody holds, and names it.
pub(super) fn leave_out_irrevocable(wishes: &mut Vec<Wish>, pairs: &Pairs) -> Vec<String> {
    let stays = |key: &AssetKey| pairs.assets.get(key).is_some_and(|asset| !asset.revocable);
    let mut counts: BTreeMap<&AssetKey, u64> = BTreeMap::new();
    let mut keys = pairs.pairs.iter().map(|(key, _)| key);
    // One pair a wish, in their order.
    wishes.retain(|_| {
        let Some(key) = keys.next().filter(|key| stays(key)) else { return true };
        *counts.entry(key).or_default() += 1;
        false
    });
    let left_out: u64 = counts.values().sum();
    if left_out == 0 {
        return Vec::new();
    }
    let mut names: Vec<String> =
        counts.iter().take(NAMED_MAX).map(|(key, count)| format!("{key} ({count})")).collect();
    if counts.len() > NAMED_MAX {
        names.push(format!("and {} more", counts.len() - NAMED_MAX));
    }
    vec![format!(
        "{left_out} licenses were left out because they can never be taken back (not_revocable, rule N-30), by asset: {}.",
        names.join(", ")
    )]
}

/// Which way a job of pairs moves licenses.
pub(crate) fn action_of(kind: JobKind) -> Action {
    if kind == JobKind::RevokeLicense { Action::Revoke } else { Action::Assign }
}

/// What speaks against these pairs, by what was told of devices and users and what is known of users here.
///
/// # Errors
/// As any statement.
pub(crate) async fn report(
    db: &mut Db,
    token: &Token,
    action: Action,
    pairs: &Pairs,
    about: &About,
    depth: Depth,
) -> Result<Report, ApiError> {
    let about = &with_known(db, token, action, pairs, about.clone(), depth).await?;
    let held = held_of(db, token, action, pairs, about).await?;
    let wanted = wanted_of(db, token, action, pairs).await?;
    let situation = Situation {
        action,
        pairs: &pairs.pairs,
        assets: &pairs.assets,
        country: token.country.as_deref().or(token.apple_country.as_deref()),
        about,
        held: &held,
        wanted: &wanted,
    };
    Ok(lint(&situation))
}

/// The licenses that decide: of the pairs' holders where licenses may not suffice for all, and of the users and devices that
/// belong to them.
async fn held_of(
    db: &mut Db,
    token: &Token,
    action: Action,
    pairs: &Pairs,
    about: &About,
) -> Result<HashSet<(AssetKey, Holder)>, ApiError> {
    if action == Action::Revoke {
        return Ok(HashSet::new());
    }
    let mut wished: HashMap<&AssetKey, i64> = HashMap::new();
    for (key, _) in &pairs.pairs {
        *wished.entry(key).or_default() += 1;
    }
    let scarce = |key: &AssetKey| {
        let free = pairs.assets.get(key).map_or(0, |asset| asset.supply.free());
        wished.get(key).is_some_and(|wished| *wished > free)
    };
    let devices_of = about.devices_by_user();
    let mut holders: HashSet<Holder> = HashSet::new();
    for (key, holder) in &pairs.pairs {
        if scarce(key) {
            holders.insert(holder.clone());
        }
        match holder {
            Holder::Device(serial) => {
                let user = about.devices.get(serial).and_then(|device| device.user.clone());
                holders.extend(user.map(Holder::User));
            }
            Holder::User(user) => {
                let devices = devices_of.get(user.as_str()).into_iter().flatten();
                holders.extend(devices.map(|serial| Holder::Device((*serial).to_owned())));
            }
        }
    }
    if holders.is_empty() {
        return Ok(HashSet::new());
    }
    let holders: Vec<Holder> = holders.into_iter().collect();
    let held = licenses::held_by(db, token.id, &holders, PAIRS_MAX * 10).await?;
    let ids: HashSet<AssetId> = held.iter().map(|(asset, _)| *asset).collect();
    let rows = assets::get_many(db, &ids.into_iter().collect::<Vec<_>>()).await?;
    let named = |(asset, holder)| Some((rows.get(&asset)?.asset.key.clone(), holder));
    Ok(held.into_iter().filter_map(named).collect())
}

/// Those of the pairs that an assignment wants; only who takes back needs to know.
async fn wanted_of(
    db: &mut Db,
    token: &Token,
    action: Action,
    pairs: &Pairs,
) -> Result<HashSet<(AssetKey, Holder)>, ApiError> {
    if action == Action::Assign {
        return Ok(HashSet::new());
    }
    let names: Vec<AssetKey> = pairs.assets.keys().cloned().collect();
    let known = assets::by_keys(db, token.id, &names).await?;
    let row = |(key, holder): &(AssetKey, Holder)| Some((known.get(key)?.id, holder.clone()));
    let rows: Vec<(AssetId, Holder)> = pairs.pairs.iter().filter_map(row).collect();
    let wanted: HashSet<(AssetId, Holder)> = reconcile::wanted_among(db, &rows).await?.into_iter().collect();
    if wanted.is_empty() {
        return Ok(HashSet::new());
    }
    let is_wanted = |(key, holder): &&(AssetKey, Holder)| {
        known.get(key).is_some_and(|row| wanted.contains(&(row.id, holder.clone())))
    };
    Ok(pairs.pairs.iter().filter(is_wanted).cloned().collect())
}

/// What should be known about taking back all that somebody holds: what is refused pair by pair is left out before.
pub(super) fn warnings(report: &Report) -> Vec<String> {
    report.of(Severity::Warning).map(note).collect()
}

/// Refuses what cannot be, and answers what should be known about the rest.
///
/// What a rule about the asset forbids is refused pair by pair when the job is taken in, so that the rest goes on; here it
/// refuses only a job of which nothing is left. What contradicts what the client itself said of devices and users refuses
/// the job: whoever said it can correct it.
///
/// # Errors
/// [`ApiError::Forbidden`] with the finding's code and rule.
pub(crate) fn judge(report: &Report, pairs: usize) -> Result<Vec<String>, ApiError> {
    let by_pair =
        |kind: Kind| matches!(kind, Kind::BookToDevice | Kind::NotDeviceAssignable | Kind::NotRevocable);
    let mut refused = 0;
    for finding in report.of(Severity::Error) {
        if !by_pair(finding.kind) {
            return Err(forbidden(finding));
        }
        refused += finding.count;
    }
    if let Some(first) = report.of(Severity::Error).next()
        && refused >= crate::state::wide(pairs)
    {
        return Err(forbidden(first));
    }
    let told = report.of(Severity::Error).chain(report.of(Severity::Warning));
    Ok(told.map(note).collect())
}

fn note(finding: &Finding) -> String {
    let (kind, count) = (finding.kind, finding.count);
    let first = finding.examples.first();
    let place = match first.map(|first| (&first.asset, &first.holder)) {
        Some((Some(asset), Some(holder))) => format!(", first {asset} for {holder}"),
        Some((Some(asset), None)) => format!(", first {asset}"),
        Some((None, Some(holder))) => format!(", first {holder}"),
        Some((None, None)) | None => String::new(),
    };
    format!(
        "{} {} ({}, rule {}; {count} found{place})",
        kind.sentence(),
        kind.advice(),
        kind.code(),
        kind.rule()
    )
}

/// The refusal that a finding makes.
pub(crate) fn forbidden(finding: &Finding) -> ApiError {
    let place = |subject: &russet_domain::lint::Subject| FieldError {
        field: subject.holder.as_ref().map_or_else(|| "adam_id".to_owned(), ToString::to_string),
        detail: match &subject.asset {
            Some(asset) => format!("asset {} of quality {}", asset.adam_id, asset.pricing.as_str()),
            None => "all of its assets".to_owned(),
        },
    };
    ApiError::Forbidden {
        code: finding.kind.code(),
        text: format!(
            "{} {} Rule {}; {} of the pairs.",
            finding.kind.sentence(),
            finding.kind.advice(),
            finding.kind.rule(),
            finding.count
        ),
        errors: finding.examples.iter().take(FIELD_ERRORS_MAX).map(place).collect(),
    }
}
