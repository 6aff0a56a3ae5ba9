//! Looks for devices with older versions of a token's apps, and has the newer ones pushed: for jobs that ask for it, and by
//! itself where the token's and the assignment's switches allow (rules S-38, N-8, N-11).

use std::collections::HashSet;

use russet_domain::install::{Facts, Verdict, Window, verdict};
use russet_domain::job::{JobKind, JobState};
use russet_domain::{DeviceId, JobId, TokenId};
use russet_queue::Ending;
use russet_queue::jobs::PushUpdates;
use russet_store::installs::{self, Candidate, Latest, Wanted};
use russet_store::jobs::{self, Job};
use russet_store::tokens::Token;
use russet_store::{catalog, policies, tokens};
use serde::Deserialize;
use serde_json::json;

use crate::context::Context;
use crate::error::JobError;
use crate::mdm::{commands, missing};
use crate::updates::rings::{self, Rings};

/// Devices looked at together, with all their apps.
const DEVICES: usize = 1_000;
/// Installs that are withdrawn in one run.
const WITHDRAWN_MAX: usize = 20_000;
/// The most platforms of the most apps that a token can have.
const LATEST_MAX: usize = 200_000;
/// Jobs of one token that are expanded in one run.
const JOBS_MAX: usize = 100;

/// What a job asks for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Args {
    /// Only these products.
    apps: Option<Vec<String>>,
    /// Only these devices.
    serials: Option<Vec<String>>,
    /// Whether to wait for the token's window.
    in_window: bool,
}

/// What was found.
#[derive(Default)]
struct Found {
    wanted: u64,
    too_old: u64,
}

pub(crate) async fn push_updates(job: PushUpdates, ctx: &Context) -> Result<Ending, JobError> {
    let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
    if ctx.is_read_only(token.id).await? {
        return Ok(Ending::Done);
    }
    let latest = latest(ctx, token.id).await?;
    let mut db = ctx.store.read().await?;
    let open = jobs::open_of_kind(&mut db, token.id, JobKind::PushUpdate, JOBS_MAX).await?;
    drop(db);
    for job in open.into_iter().filter(|job| job.started_at.is_none()) {
        expand(ctx, &token, &latest, &job).await?;
    }
    missing::install_all(ctx, token.id).await?;
    if token.auto_update {
        by_itself(ctx, &token, &latest).await?;
    }
    let mut tx = ctx.begin().await?;
    installs::withdraw_left(&mut tx, token.id, WITHDRAWN_MAX, ctx.now()).await?;
    tx.commit().await?;
    commands::wake(ctx).await?;
    Ok(Ending::Done)
}

async fn latest(ctx: &Context, token: TokenId) -> Result<Vec<Latest>, JobError> {
    let mut db = ctx.store.read().await?;
    let language = catalog::language(&mut db).await?;
    Ok(installs::latest(&mut db, token, &language, LATEST_MAX).await?)
}

/// When updates of a token may be pushed.
async fn window(ctx: &Context, token: TokenId) -> Result<Option<Window>, JobError> {
    let mut db = ctx.store.read().await?;
    Ok(policies::read(&mut db, token).await?.update_window())
}

/// Has a job's devices get what it asks for. All of it is written before the job counts as started, so that after a crash it is
/// gone through once more; what is under way by then is joined.
async fn expand(ctx: &Context, token: &Token, latest: &[Latest], job: &Job) -> Result<(), JobError> {
    let args: Args = serde_json::from_str(&job.args).unwrap_or_default();
    let apps: Vec<Latest> = match &args.apps {
        Some(apps) => latest.iter().filter(|app| apps.contains(&app.adam_id)).cloned().collect(),
        None => latest.to_vec(),
    };
    let window = if args.in_window { window(ctx, token.id).await? } else { None };
    let serials: Option<HashSet<&String>> = args.serials.as_ref().map(|serials| serials.iter().collect());
    let mut found = Found::default();
    let mut page = next_page(ctx, &apps, true, DeviceId(0)).await?;
    while let Some(Page { candidates, last }) = page {
        let is_asked_for = |candidate: &Candidate| {
            serials.as_ref().is_none_or(|serials| serials.contains(&candidate.serial))
        };
        let candidates: Vec<Candidate> = candidates.into_iter().filter(is_asked_for).collect();
        let wanted = decide(ctx, &apps, &candidates, window.as_ref(), &mut found);
        let written = write(ctx, token.id, Some(job.id), &wanted);
        ((), page) = tokio::try_join!(written, next_page(ctx, &apps, true, last))?;
    }
    let result = json!({ "updates": found.wanted, "system_too_old": found.too_old });
    let mut tx = ctx.begin().await?;
    let now = ctx.now();
    jobs::set_result(&mut tx, job.id, &result.to_string(), now).await?;
    if found.wanted == 0 {
        jobs::ended(&mut tx, job.id, JobState::Succeeded, None, Some(&result.to_string()), now).await?;
    } else {
        jobs::started(&mut tx, job.id, now).await?;
    }
    Ok(tx.commit().await?)
}

/// Pushes what nobody asked for: ring by ring, in the token's window.
async fn by_itself(ctx: &Context, token: &Token, latest: &[Latest]) -> Result<(), JobError> {
    let window = window(ctx, token.id).await?;
    let rings = Rings::open(ctx, token.id, latest).await?;
    let mut found = Found::default();
    let mut page = next_page(ctx, latest, false, DeviceId(0)).await?;
    while let Some(Page { candidates, last }) = page {
        let is_allowed = |candidate: &Candidate| !candidate.held_back && rings.holds(candidate);
        let allowed: Vec<Candidate> = candidates.into_iter().filter(is_allowed).collect();
        let wanted = decide(ctx, latest, &allowed, window.as_ref(), &mut found);
        rings::begin(ctx, token.id, latest, &allowed).await?;
        let written = write(ctx, token.id, None, &wanted);
        ((), page) = tokio::try_join!(written, next_page(ctx, latest, false, last))?;
    }
    if found.wanted > 0 {
        tracing::info!(token.id = token.id.0, updates = found.wanted, "newer versions are on their way");
    }
    Ok(())
}

/// What may be behind on some devices.
struct Page {
    candidates: Vec<Candidate>,
    /// The last of the devices.
    last: DeviceId,
}

/// The page after a device; it is looked for while the one before is written.
async fn next_page(
    ctx: &Context,
    latest: &[Latest],
    again: bool,
    after: DeviceId,
) -> Result<Option<Page>, JobError> {
    let mut db = ctx.store.read().await?;
    let Some(last) = installs::page_of_devices(&mut db, after, DEVICES).await? else { return Ok(None) };
    let candidates = installs::candidates(&mut db, latest, again, (after, last)).await?;
    Ok(Some(Page { candidates, last }))
}

fn decide(
    ctx: &Context,
    latest: &[Latest],
    candidates: &[Candidate],
    window: Option<&Window>,
    found: &mut Found,
) -> Vec<Wanted> {
    let now = ctx.now();
    let due =
        |candidate: &Candidate| window.map_or(now, |window| window.next(now, candidate.time_zone.as_deref()));
    let mut wanted = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let Some(app) = latest.get(candidate.place) else { continue };
        let facts = Facts {
            reported: Some(candidate.reported),
            latest: Some(app.version),
            minimum_os: app.minimum_os.as_deref(),
            os_version: candidate.os_version.as_deref(),
        };
        match verdict(facts) {
            Verdict::Outdated { target } => {
                found.wanted += 1;
                wanted.push(Wanted {
                    asset: app.asset,
                    device: candidate.device,
                    bundle_id: Some(app.bundle_id.clone()),
                    target: Some(target),
                    before: Some(candidate.reported),
                    due: due(candidate),
                    window: window.copied(),
                });
            }
            Verdict::SystemTooOld => found.too_old += 1,
            Verdict::Current | Verdict::Unknown => {}
        }
    }
    wanted
}

async fn write(ctx: &Context, token: TokenId, job: Option<JobId>, wanted: &[Wanted]) -> Result<(), JobError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    tokens::lock(&mut tx, token).await?;
    installs::want(&mut tx, token, job, wanted, ctx.now()).await?;
    Ok(tx.commit().await?)
}
