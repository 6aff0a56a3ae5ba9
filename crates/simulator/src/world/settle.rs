//! Carries out an event: a whole cross product, task by task, as far as there are licenses and holders.

use std::sync::Arc;

use super::asset::AssetId;
use super::event::{Event, EventKind, Failure, Outcome, Progress, Spoil};
use super::holders::{HolderId, HolderKind};
use super::licenses::Pair;
use super::location::{Assigned, Location};

/// No license is left of the asset.
const NOT_ENOUGH: u16 = 9709;
/// The user is unknown, or retired.
const NO_SUCH_USER: u16 = 9609;
/// There is no license to take back.
const NOT_ASSOCIATED: u16 = 9619;

impl Location {
    /// Does the work of a pending event, once. `None` when it is done already or was never there.
    pub(crate) fn settle(&mut self, id: &str) -> Option<(EventKind, Outcome)> {
        let event = self.events.get_mut(id)?;
        let Progress::Pending { assets, holders, spoil } = &mut event.progress else { return None };
        let (assets, holders, spoil) = (std::mem::take(assets), std::mem::take(holders), *spoil);
        let kind = event.kind;
        let outcome = self.work(kind, &assets, &holders, spoil);
        let failures = failures_of(&outcome, assets.len());
        let event = self.events.get_mut(id)?;
        finish(event, &outcome, failures);
        let id = Arc::clone(&event.id);
        self.events.remember(id);
        Some((kind, outcome))
    }

    /// Tasks that a revoke of these holders has.
    pub(crate) fn count_revocable(&self, holders: &[HolderId]) -> usize {
        holders.iter().map(|&holder| self.revocable_of(holder).len()).sum()
    }

    fn revocable_of(&self, holder: HolderId) -> Vec<AssetId> {
        let mut assets = self.licenses.assets_of(holder);
        assets.retain(|&asset| self.assets[asset as usize].revocable);
        assets.sort_unstable();
        assets
    }

    fn work(
        &mut self,
        kind: EventKind,
        assets: &[AssetId],
        holders: &[HolderId],
        spoil: Option<Spoil>,
    ) -> Outcome {
        let mut work = Work { location: self, kind, spoil, task: 0, outcome: Outcome::default() };
        match kind {
            EventKind::Associate | EventKind::Disassociate => {
                work.outcome.done.reserve(assets.len() * holders.len());
                for &asset in assets {
                    for &holder in holders {
                        work.carry_out((asset, holder));
                    }
                }
            }
            EventKind::Revoke => {
                for &holder in holders {
                    for asset in work.location.revocable_of(holder) {
                        work.carry_out((asset, holder));
                    }
                }
            }
        }
        work.outcome
    }
}

struct Work<'a> {
    location: &'a mut Location,
    kind: EventKind,
    spoil: Option<Spoil>,
    task: u32,
    outcome: Outcome,
}

impl Work<'_> {
    fn carry_out(&mut self, pair: Pair) {
        let task = self.task;
        self.task += 1;
        if let Some(spoil) = self.spoil.filter(|spoil| is_spoiled(task, spoil.fraction)) {
            return self.outcome.fail(spoil.error_number, pair);
        }
        let (asset, holder) = pair;
        let is_user = self.location.holders.kind(holder) == HolderKind::User;
        if is_user && !self.location.users.is_active(holder) {
            return self.outcome.fail(NO_SUCH_USER, pair);
        }
        match self.kind {
            EventKind::Associate => match self.location.assign(asset, holder) {
                Assigned::New => self.done(pair, 1),
                Assigned::Already => self.done(pair, 0),
                Assigned::NoneLeft => self.outcome.fail(NOT_ENOUGH, pair),
            },
            EventKind::Disassociate | EventKind::Revoke => {
                if self.location.unassign(asset, holder) {
                    self.done(pair, 1);
                } else {
                    self.outcome.fail(NOT_ASSOCIATED, pair);
                }
            }
        }
    }

    fn done(&mut self, pair: Pair, moved: usize) {
        self.outcome.done.push(pair);
        self.outcome.moved += moved;
    }
}

/// Spreads the spoiled tasks evenly over all of them, so that a third of nine is always exactly three.
fn is_spoiled(task: u32, fraction: f64) -> bool {
    let before = (f64::from(task) * fraction).floor();
    (f64::from(task + 1) * fraction).floor() > before || fraction >= 1.0
}

fn finish(event: &mut Event, outcome: &Outcome, failures: Vec<Failure>) {
    // A revoke learns only now what its holders had.
    event.requested = outcome.done.len() + outcome.refused();
    event.progress = Progress::Settled { completed: outcome.done.len(), failures };
}

/// Groups failed tasks as Apple reports them: by reason, and by asset unless a user fails for every asset.
fn failures_of(outcome: &Outcome, asset_count: usize) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    for (error_number, pairs) in &outcome.failed {
        if *error_number == NO_SUCH_USER && asset_count > 0 && pairs.len() % asset_count == 0 {
            let mut holders: Vec<HolderId> = pairs.iter().map(|(_, holder)| *holder).collect();
            holders.sort_unstable();
            holders.dedup();
            if holders.len() * asset_count == pairs.len() {
                failures.push(Failure { error_number: *error_number, assets: Vec::new(), holders });
                continue;
            }
        }
        let mut by_asset: std::collections::BTreeMap<AssetId, Vec<HolderId>> = Default::default();
        for (asset, holder) in pairs {
            by_asset.entry(*asset).or_default().push(*holder);
        }
        failures.extend(by_asset.into_iter().map(|(asset, holders)| Failure {
            error_number: *error_number,
            assets: vec![asset],
            holders,
        }));
    }
    failures
}
