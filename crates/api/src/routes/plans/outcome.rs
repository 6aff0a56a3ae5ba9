//! What an act makes, counted and hashed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use russet_domain::asset::Supply;
use russet_domain::change::Action;
use russet_domain::coalesce::{self, Pair};
use russet_domain::limits::Limits;
use russet_domain::reconcile::Left;
use russet_domain::{AssetId, Holder, JobId, TokenId};
use russet_store::assets::{self, AssetRow};
use russet_store::directory::platforms;
use russet_store::reconcile::Plan;
use russet_store::submit::Wish;
use russet_store::{Db, catalog, limits};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::prompts::PromptsView;
use super::quotas::over_quota;
use crate::error::ApiError;
use crate::state::wide;

/// The most licenses that an answer names, each way.
const NAMED_MAX: usize = 1_000;

/// Everything that would move.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    assigns: BTreeMap<TokenId, BTreeSet<(AssetId, Holder)>>,
    revokes: BTreeMap<TokenId, BTreeMap<(AssetId, Holder), Why>>,
    /// Wishes that are withdrawn before there is a license.
    withdrawn: BTreeMap<TokenId, BTreeMap<(AssetId, Holder), Why>>,
    removals: usize,
    /// How many of those who are given licenses wait for the quota of their assignment.
    over_quota: BTreeMap<(TokenId, AssetId), u64>,
    /// Jobs that the act itself is.
    pub(super) jobs: Vec<JobId>,
    /// The token that is being removed.
    pub(super) removing: Option<TokenId>,
    /// The token that takes the place of one that was removed.
    pub(super) successor: Option<TokenId>,
    /// What should be known besides.
    pub(super) notes: Vec<String>,
}

/// Why a license is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Its holder is to have the app no more.
    Left(Left),
    /// A job says so.
    Job,
    /// A job is undone.
    Undo,
    /// Its token is removed.
    TokenRemoved,
}

impl Why {
    /// The word shown. Clients hold it; it never changes.
    fn as_str(self) -> &'static str {
        match self {
            Self::Left(left) => left.as_str(),
            Self::Job => "job",
            Self::Undo => "undo",
            Self::TokenRemoved => "token_removed",
        }
    }
}

/// What an act does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Plan)]
pub(crate) struct PlanView {
    /// What names this very outcome; applying the plan needs it.
    hash: String,
    /// How many licenses are given.
    assigns: u64,
    /// How many licenses are taken back.
    revokes: u64,
    /// How many wishes are withdrawn before their holders have a license, such as those of who waits in line.
    withdrawn: u64,
    /// How many apps are to go from their devices as well.
    remove_app: u64,
    /// Why licenses are taken back, by number.
    reasons: BTreeMap<&'static str, u64>,
    /// By app.
    apps: Vec<AppPlanView>,
    /// Jobs that the act itself is. As long as it is a plan, nobody has them.
    jobs: Vec<i64>,
    /// The fewest requests to Apple that all of it fits into, by the limits that Apple told last.
    requests: u64,
    /// The least time those take at the rate that Apple told last, in seconds. Apple settles them in its own time.
    seconds: u64,
    /// What people see of the licenses that are given.
    prompts: PromptsView,
    /// The first 1000 licenses that are given.
    first_assigns: Vec<MoveView>,
    /// The first 1000 licenses that are taken back.
    first_revokes: Vec<MoveView>,
    /// What should be known before it is applied.
    notes: Vec<String>,
}

/// What an act does with one app.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppPlan)]
pub(crate) struct AppPlanView {
    /// The token.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The product's name, as far as it is known.
    name: Option<String>,
    /// How many licenses are given.
    assigns: u64,
    /// How many licenses are taken back.
    revokes: u64,
    /// How many are free now; null without a limit.
    free: Option<i64>,
    /// Of those that are given, how many wait, or fail, because the quota of their assignment is used up.
    over_quota: u64,
    /// How many more are wished, without those, than are free, with those that come back.
    short: u64,
}

/// One license that moves.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlannedMove)]
pub(crate) struct MoveView {
    /// The token.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The device, by serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user, by `client_user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Why it is taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl Outcome {
    /// Adds what one look found.
    pub(super) fn add(&mut self, plan: &Plan) {
        for (token, moves) in &plan.moves {
            let pair = |wish: &Wish| (wish.asset, wish.holder.clone());
            self.assigns.entry(*token).or_default().extend(moves.assigns.iter().map(|(wish, _)| pair(wish)));
            let revokes = moves.revokes.iter().map(|(wish, left)| (pair(wish), Why::Left(*left)));
            self.revokes.entry(*token).or_default().extend(revokes);
            let withdrawn = moves.withdrawn.iter().map(|(wish, left)| (pair(wish), Why::Left(*left)));
            self.withdrawn.entry(*token).or_default().extend(withdrawn);
            self.removals += moves.removals;
        }
    }

    /// Adds one license that the act itself moves.
    pub(super) fn add_one(&mut self, token: TokenId, action: Action, pair: (AssetId, Holder), why: Why) {
        match action {
            Action::Assign => drop(self.assigns.entry(token).or_default().insert(pair)),
            Action::Revoke => drop(self.revokes.entry(token).or_default().insert(pair, why)),
        }
    }

    /// Has the apps go with all licenses of devices that are taken back so far.
    pub(super) fn take_apps_along(&mut self) {
        let pairs = self.revokes.values().flat_map(|pairs| pairs.keys());
        self.removals = pairs.filter(|(_, holder)| holder.is_device()).count();
    }

    /// Counts whom quotas keep waiting, once the act is done.
    pub(super) async fn look_at_quotas(&mut self, db: &mut Db) -> Result<(), ApiError> {
        let over = over_quota(db, &self.assigns).await?;
        self.over_quota = over.by_asset;
        self.notes.extend(over.notes);
        Ok(())
    }

    /// How many licenses move.
    pub(super) fn moves(&self) -> usize {
        self.assigns.values().map(BTreeSet::len).sum::<usize>()
            + self.revokes.values().chain(self.withdrawn.values()).map(BTreeMap::len).sum::<usize>()
    }

    /// The tokens of which something moves.
    pub(super) fn tokens(&self) -> impl Iterator<Item = TokenId> {
        let taken = self.revokes.keys().chain(self.withdrawn.keys());
        self.assigns.keys().chain(taken).copied().collect::<BTreeSet<_>>().into_iter()
    }

    /// Names the outcome: every license that moves, and why, and what should be known besides.
    pub(super) fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for note in &self.notes {
            hash.update(format!("note {note}\n"));
        }
        for (token, pairs) in &self.assigns {
            for (asset, holder) in pairs {
                hash.update(format!("assign {token} {asset} {holder}\n"));
            }
        }
        for (word, tokens) in [("revoke", &self.revokes), ("withdraw", &self.withdrawn)] {
            for (token, pairs) in tokens {
                for ((asset, holder), why) in pairs {
                    hash.update(format!("{word} {token} {asset} {holder} {}\n", why.as_str()));
                }
            }
        }
        crate::body::hex(&hash.finalize())
    }

    /// The outcome for people.
    pub(super) async fn view(&self, db: &mut Db) -> Result<PlanView, ApiError> {
        let rows = self.assets(db).await?;
        let ids = rows.values().map(|row| (row.token, row.asset.key.adam_id.as_str()));
        let names = catalog::names(db, ids).await?;
        let apps = self.apps(&rows, &names);
        let mut reasons: BTreeMap<&'static str, u64> = BTreeMap::new();
        for why in self.revokes.values().flat_map(BTreeMap::values) {
            *reasons.entry(why.as_str()).or_default() += 1;
        }
        let short: u64 = apps.iter().map(|app| app.short).sum();
        let limits = limits::kept(db).await?.unwrap_or_default();
        let requests = self.requests(&limits);
        Ok(PlanView {
            hash: self.hash(),
            assigns: apps.iter().map(|app| app.assigns).sum(),
            revokes: apps.iter().map(|app| app.revokes).sum(),
            withdrawn: wide(self.withdrawn.values().map(BTreeMap::len).sum()),
            remove_app: wide(self.removals),
            reasons,
            jobs: self.jobs.iter().map(|job| job.0).collect(),
            requests,
            seconds: requests.div_ceil(u64::from(limits.max_requests_per_second.max(1))),
            prompts: PromptsView::count(db, self.assigns.values().flatten()).await?,
            first_assigns: self.first_assigns(&rows),
            first_revokes: self.first_revokes(&rows),
            notes: [notes(short, self.removals), self.staying(db).await?, self.notes.clone()].concat(),
            apps,
        })
    }

    /// What becomes of apps whose licenses go while the apps stay (rule S-43).
    async fn staying(&self, db: &mut Db) -> Result<Vec<String>, ApiError> {
        // Where an assignment says that the app is to go, it does.
        let goes = |why: &Why| matches!(why, Why::Left(Left::Uninstall));
        let holders: Vec<&Holder> = self
            .revokes
            .values()
            .flatten()
            .filter(|(_, why)| !goes(why))
            .map(|((_, holder), _)| holder)
            .collect();
        let platforms = platforms(db, &holders).await?;
        let macs = holders
            .iter()
            .filter(|holder| platforms.get(**holder).is_some_and(|known| known.is_mac()))
            .count();
        let others = platforms.values().any(|known| !known.is_mac());
        let mut notes = Vec::new();
        if macs > 0 {
            notes.push(format!(
                "{macs} licenses come back from Macs, where the apps go on working without updates and go by themselves after 30 days (rule S-43)."
            ));
        }
        if others && self.removals == 0 {
            notes.push(
                "On iPhones and iPads the apps stay until an assignment says `uninstall` (rule S-43)."
                    .to_owned(),
            );
        }
        Ok(notes)
    }

    async fn assets(&self, db: &mut Db) -> Result<HashMap<AssetId, AssetRow>, ApiError> {
        let assigns = self.assigns.values().flatten().map(|(asset, _)| *asset);
        let revokes = self.revokes.values().flat_map(BTreeMap::keys).map(|(asset, _)| *asset);
        let ids: BTreeSet<AssetId> = assigns.chain(revokes).collect();
        Ok(assets::get_many(db, &ids.into_iter().collect::<Vec<_>>()).await?)
    }

    fn apps(
        &self,
        rows: &HashMap<AssetId, AssetRow>,
        names: &HashMap<(TokenId, String), String>,
    ) -> Vec<AppPlanView> {
        let mut counts: BTreeMap<(TokenId, AssetId), (u64, u64)> = BTreeMap::new();
        for (token, pairs) in &self.assigns {
            pairs.iter().for_each(|(asset, _)| counts.entry((*token, *asset)).or_default().0 += 1);
        }
        for (token, pairs) in &self.revokes {
            pairs.keys().for_each(|(asset, _)| counts.entry((*token, *asset)).or_default().1 += 1);
        }
        let app = |((token, asset), (assigns, revokes)): ((TokenId, AssetId), (u64, u64))| {
            let row = rows.get(&asset)?;
            let free = match row.asset.supply {
                Supply::Unlimited => None,
                Supply::Limited { available, .. } => Some(available.max(0)),
            };
            let there =
                free.map_or(u64::MAX, |free| u64::try_from(free).unwrap_or(0).saturating_add(revokes));
            let over_quota = self.over_quota.get(&(token, asset)).copied().unwrap_or(0);
            Some(AppPlanView {
                token: token.0,
                adam_id: row.asset.key.adam_id.clone(),
                name: names.get(&(token, row.asset.key.adam_id.clone())).cloned(),
                assigns,
                revokes,
                free,
                over_quota,
                short: assigns.saturating_sub(over_quota).saturating_sub(there),
            })
        };
        counts.into_iter().filter_map(app).collect()
    }

    /// The fewest requests that both ways need, token by token.
    fn requests(&self, limits: &Limits) -> u64 {
        let assigns = self.assigns.values().map(|pairs| fewest(pairs.iter(), limits));
        let revokes = self.revokes.values().map(|pairs| fewest(pairs.keys(), limits));
        assigns.chain(revokes).sum()
    }

    fn first_assigns(&self, rows: &HashMap<AssetId, AssetRow>) -> Vec<MoveView> {
        let all =
            self.assigns.iter().flat_map(|(token, pairs)| pairs.iter().map(|pair| (*token, pair, None)));
        named(all, rows)
    }

    fn first_revokes(&self, rows: &HashMap<AssetId, AssetRow>) -> Vec<MoveView> {
        let all = self
            .revokes
            .iter()
            .flat_map(|(token, pairs)| pairs.iter().map(|(pair, why)| (*token, pair, Some(*why))));
        named(all, rows)
    }
}

fn named<'a>(
    all: impl Iterator<Item = (TokenId, &'a (AssetId, Holder), Option<Why>)>,
    rows: &HashMap<AssetId, AssetRow>,
) -> Vec<MoveView> {
    let view = |(token, (asset, holder), why): (TokenId, &(AssetId, Holder), Option<Why>)| MoveView {
        token: token.0,
        adam_id: rows.get(asset).map_or_else(String::new, |row| row.asset.key.adam_id.clone()),
        serial: holder.is_device().then(|| holder.id().to_owned()),
        user: (!holder.is_device()).then(|| holder.id().to_owned()),
        reason: why.map(Why::as_str),
    };
    all.take(NAMED_MAX).map(view).collect()
}

fn fewest<'a>(pairs: impl Iterator<Item = &'a (AssetId, Holder)>, limits: &Limits) -> u64 {
    let (mut assets, mut holders) = (HashMap::new(), HashMap::new());
    let mut devices: Vec<bool> = Vec::new();
    let pairs: Vec<Pair> = pairs
        .map(|(asset, holder)| {
            let next = u32::try_from(assets.len()).unwrap_or(u32::MAX);
            let asset = *assets.entry(*asset).or_insert(next);
            let next = u32::try_from(holders.len()).unwrap_or(u32::MAX);
            let number = *holders.entry(holder).or_insert_with(|| {
                devices.push(holder.is_device());
                next
            });
            Pair { asset, holder: number }
        })
        .collect();
    if pairs.is_empty() {
        return 0;
    }
    let is_device = |holder: u32| devices.get(holder as usize).copied().unwrap_or(true);
    wide(coalesce::plan(&pairs, is_device, limits).rectangles.len())
}

fn notes(short: u64, removals: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if short > 0 {
        notes.push(format!("{short} more licenses are wished than are free; the rest waits in line for licenses, or fails where the token's policy `waitlist` is off (rule S-37)."));
    }
    if removals > 0 {
        notes.push(format!("{removals} apps are to go from their devices as well, which takes their data along and cannot be undone."));
    }
    notes
}
