//! Carries out an event: a whole cross product of licenses, or a list of users, task by task as far as it goes.

use std::sync::Arc;

use super::asset::AssetId;
use super::event::{
    FailedTasks, Failure, LicenseAct, Outcome, Progress, Settled, Spoil, UserAct, UserOutcome, Work,
};
use super::holders::{HolderId, HolderKind};
use super::licenses::Pair;
use super::location::{Assigned, Location};
use super::user::WantedUser;

/// No license is left of the asset.
const NOT_ENOUGH: u16 = 9709;
/// The user is unknown, or retired.
const NO_SUCH_USER: u16 = 9609;
/// There is no license to take back.
const NOT_ASSOCIATED: u16 = 9619;

impl Location {
    /// Does the work of a pending event, once. `None` when it is done already or was never there.
    ///
    /// `domains` are those of the organization's Managed Apple Accounts; none: every account is the organization's.
    pub(crate) fn settle(&mut self, id: &str, domains: &[String]) -> Option<Settled> {
        let event = self.events.get_mut(id)?;
        let nothing = Progress::Settled { completed: 0, failures: Vec::new() };
        let (work, spoil) = match std::mem::replace(&mut event.progress, nothing) {
            Progress::Pending { work, spoil } => (work, spoil),
            settled @ Progress::Settled { .. } => {
                event.progress = settled;
                return None;
            }
        };
        let settled = match work {
            Work::Licenses { act, assets, mut holders } => {
                // A user may have got a new record since the request came.
                holders.iter_mut().for_each(|holder| *holder = self.holders.newest(*holder));
                let outcome = self.work(act, &assets, &holders, spoil);
                let failures = failures_of(&outcome, assets.len());
                self.finish(id, outcome.done.len(), outcome.refused(), failures);
                Settled::Licenses(act, outcome)
            }
            Work::Users { act, users } => {
                let outcome = self.work_users(act, users, domains, spoil);
                let failed = outcome.failed.iter().cloned();
                let failures = failed
                    .map(|(error_number, ids)| Failure { error_number, tasks: FailedTasks::Users(ids) })
                    .collect();
                self.finish(id, outcome.done.len(), outcome.refused(), failures);
                Settled::Users(act, outcome)
            }
        };
        Some(settled)
    }

    fn finish(&mut self, id: &str, completed: usize, refused: usize, failures: Vec<Failure>) {
        let Some(event) = self.events.get_mut(id) else { return };
        let id = Arc::clone(&event.id);
        // A revoke learns only now what its holders had.
        event.requested = completed + refused;
        event.progress = Progress::Settled { completed, failures };
        self.events.remember(id);
    }

    fn work_users(
        &mut self,
        act: UserAct,
        users: Vec<WantedUser>,
        domains: &[String],
        spoil: Option<Spoil>,
    ) -> UserOutcome {
        let mut outcome = UserOutcome::default();
        for (task, wanted) in (0_u32..).zip(users) {
            if let Some(spoil) = spoil.filter(|spoil| is_spoiled(task, spoil.fraction)) {
                outcome.fail(spoil.error_number, wanted.client_user_id);
                continue;
            }
            let result = match act {
                UserAct::Create => self.create_user(&wanted, domains),
                UserAct::Update => self.update_user(&wanted, domains),
                UserAct::Retire => self.retire_user(&wanted.client_user_id).map(|(holder, freed)| {
                    outcome.freed += freed;
                    holder
                }),
            };
            match result {
                Ok(holder) => outcome.done.push(holder),
                Err(number) => outcome.fail(number, wanted.client_user_id),
            }
        }
        outcome
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
        act: LicenseAct,
        assets: &[AssetId],
        holders: &[HolderId],
        spoil: Option<Spoil>,
    ) -> Outcome {
        let mut work = Tasks { location: self, act, spoil, task: 0, outcome: Outcome::default() };
        match act {
            LicenseAct::Associate | LicenseAct::Disassociate => {
                work.outcome.done.reserve(assets.len() * holders.len());
                for &asset in assets {
                    for &holder in holders {
                        work.carry_out((asset, holder));
                    }
                }
            }
            LicenseAct::Revoke => {
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

struct Tasks<'a> {
    location: &'a mut Location,
    act: LicenseAct,
    spoil: Option<Spoil>,
    task: u32,
    outcome: Outcome,
}

impl Tasks<'_> {
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
        match self.act {
            LicenseAct::Associate => match self.location.assign(asset, holder) {
                Assigned::New => self.done(pair, 1),
                Assigned::Already => self.done(pair, 0),
                Assigned::NoneLeft => self.outcome.fail(NOT_ENOUGH, pair),
            },
            LicenseAct::Disassociate | LicenseAct::Revoke => {
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

/// Groups failed tasks as Apple reports them: by reason, and by asset unless a user fails for every asset.
fn failures_of(outcome: &Outcome, asset_count: usize) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    for (error_number, pairs) in &outcome.failed {
        if *error_number == NO_SUCH_USER && asset_count > 0 && pairs.len() % asset_count == 0 {
            let mut holders: Vec<HolderId> = pairs.iter().map(|(_, holder)| *holder).collect();
            holders.sort_unstable();
            holders.dedup();
            if holders.len() * asset_count == pairs.len() {
                let tasks = FailedTasks::Licenses { assets: Vec::new(), holders };
                failures.push(Failure { error_number: *error_number, tasks });
                continue;
            }
        }
        let mut by_asset: std::collections::BTreeMap<AssetId, Vec<HolderId>> = Default::default();
        for (asset, holder) in pairs {
            by_asset.entry(*asset).or_default().push(*holder);
        }
        failures.extend(by_asset.into_iter().map(|(asset, holders)| Failure {
            error_number: *error_number,
            tasks: FailedTasks::Licenses { assets: vec![asset], holders },
        }));
    }
    failures
}
