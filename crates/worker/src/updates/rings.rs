//! Takes newer versions from ring to ring, and halts those that too many devices fail with.

use std::collections::{HashMap, HashSet};

use russet_domain::install::InstallState;
use russet_domain::rollout::{Counts, Judgement, Rules, judge, place};
use russet_domain::{AssetId, TokenId};
use russet_store::installs::{self, Candidate, Latest};
use russet_store::rollouts::{self, Rollout};
use russet_store::{policies, tokens};

use crate::context::Context;
use crate::error::JobError;

/// Rollouts of a token that are looked at; older ones have gone to everybody long ago.
const ROLLOUTS_MAX: usize = 10_000;

/// To which share of the devices each version goes by now.
pub(crate) struct Rings<'a> {
    latest: &'a [Latest],
    /// In percent; nothing for what is halted.
    shares: HashMap<(AssetId, i64), Option<u8>>,
    first: u8,
}

impl<'a> Rings<'a> {
    /// Looks at a token's rollouts of the versions that its stores have now, and takes each as far as it may go.
    pub(crate) async fn open(ctx: &Context, token: TokenId, latest: &'a [Latest]) -> Result<Self, JobError> {
        let mut db = ctx.store.read().await?;
        let rules = policies::read(&mut db, token).await?.rollout();
        let current: HashSet<(AssetId, i64)> = latest.iter().map(|app| (app.asset, app.version)).collect();
        let rollouts = rollouts::list(&mut db, token, ROLLOUTS_MAX).await?;
        drop(db);
        let mut shares = HashMap::new();
        for rollout in
            rollouts.into_iter().filter(|rollout| current.contains(&(rollout.asset, rollout.target)))
        {
            let share = step(ctx, &rules, &rollout).await?;
            shares.insert((rollout.asset, rollout.target), share);
        }
        Ok(Self { latest, shares, first: rules.rings.percent(0) })
    }

    /// Whether a version has reached a device's ring.
    pub(crate) fn holds(&self, candidate: &Candidate) -> bool {
        let Some(app) = self.latest.get(candidate.place) else { return false };
        let share = self.shares.get(&(app.asset, app.version)).copied().unwrap_or(Some(self.first));
        share.is_some_and(|share| place(&candidate.serial, &app.adam_id) < share)
    }
}

/// Judges one rollout. Answers its share from now on.
async fn step(ctx: &Context, rules: &Rules, rollout: &Rollout) -> Result<Option<u8>, JobError> {
    if rollout.halted {
        return Ok(None);
    }
    if rollout.ring == usize::MAX {
        return Ok(Some(100));
    }
    let now = ctx.now();
    let mut db = ctx.store.read().await?;
    let counts = counts(installs::counts_of_app(&mut db, rollout.asset, Some(rollout.target)).await?);
    drop(db);
    match judge(rules, counts, now.since(rollout.ring_at), rollout.ring) {
        Judgement::Stay => Ok(Some(rules.rings.percent(rollout.ring))),
        Judgement::Advance => {
            let ring = rollout.ring + 1;
            let mut tx = ctx.begin().await?;
            rollouts::advance(&mut tx, rollout.id, ring, now).await?;
            tx.commit().await?;
            tracing::info!(token.id = rollout.token.0, asset = %rollout.key, version = rollout.target, percent = rules.rings.percent(ring), "a newer version goes to its next ring");
            Ok(Some(rules.rings.percent(ring)))
        }
        Judgement::Halt => {
            let reason = format!("{} of {} installs failed", counts.failed, counts.failed + counts.installed);
            let mut tx = ctx.begin().await?;
            tokens::lock(&mut tx, rollout.token).await?;
            rollouts::halt(&mut tx, rollout.id, &reason, now).await?;
            installs::halt(&mut tx, rollout.asset, rollout.target, now).await?;
            tx.commit().await?;
            tracing::error!(token.id = rollout.token.0, asset = %rollout.key, version = rollout.target, reason, "a newer version is halted until somebody lets it go on");
            Ok(None)
        }
    }
}

fn counts(by_state: Vec<(InstallState, u64)>) -> Counts {
    let mut counts = Counts::default();
    for (state, number) in by_state {
        match state {
            InstallState::Ready | InstallState::Sending | InstallState::Sent | InstallState::Verifying => {
                counts.open += number;
            }
            InstallState::Installed => counts.installed += number,
            InstallState::Resting | InstallState::Failed => counts.failed += number,
            InstallState::Removed | InstallState::Cancelled => {}
        }
    }
    counts
}

/// Begins the rollouts of versions that go to a first device.
pub(crate) async fn begin(
    ctx: &Context,
    token: TokenId,
    latest: &[Latest],
    candidates: &[Candidate],
) -> Result<(), JobError> {
    let versions: HashSet<(AssetId, i64)> = candidates
        .iter()
        .filter_map(|candidate| latest.get(candidate.place).map(|app| (app.asset, app.version)))
        .collect();
    if versions.is_empty() {
        return Ok(());
    }
    let versions: Vec<(AssetId, i64)> = versions.into_iter().collect();
    let mut tx = ctx.begin().await?;
    rollouts::begin(&mut tx, token, &versions, ctx.now()).await?;
    Ok(tx.commit().await?)
}
