//! `/api/v1/jobs`: what clients submit, and how far it has got.

pub(crate) mod about;
pub(crate) mod approve;
pub(crate) mod bodies;
pub(crate) mod cancel;
pub(crate) mod changes;
pub(crate) mod events;
pub(crate) mod expand;
pub(crate) mod files;
pub(crate) mod linting;
pub(crate) mod list;
pub(crate) mod moving;
pub(crate) mod retry;
pub(crate) mod show;
pub(crate) mod standings;
pub(crate) mod submit;
pub(crate) mod users;
pub(crate) mod wanted;

pub(crate) use bodies::{MoveLicensesJob, PriorityName};

use russet_domain::job::{JobKind, JobState};
use russet_domain::{JobId, TokenId};
use russet_store::jobs::{self, Job};
use russet_store::tokens::{self, Token};
use russet_store::walks::{self, WalkKind};
use russet_store::{Db, moves};
use serde::Deserialize;

use crate::auth::Actor;
use crate::error::ApiError;
use crate::view::{JobView, MovesView, SyncView};

/// Where a job is found.
pub(crate) fn address(id: JobId) -> String {
    format!("/api/v1/jobs/{id}")
}

/// A job that the asking key may know of.
///
/// # Errors
/// When there is none.
pub(crate) async fn known(db: &mut Db, actor: &Actor, id: JobId) -> Result<Job, ApiError> {
    let job = jobs::find(db, id).await?;
    job.filter(|job| sees(actor, job)).ok_or_else(|| ApiError::NoSuchJob(id.to_string()))
}

/// The token that a body names, if the asking key may know of it.
///
/// # Errors
/// When there is none.
pub(crate) async fn seen_token(db: &mut Db, actor: &Actor, id: TokenId) -> Result<Token, ApiError> {
    let found = if actor.sees(id) { tokens::find(db, id).await? } else { None };
    found.ok_or(ApiError::UnknownToken(id))
}

/// A job that is about no token any more is seen by keys that see all tokens.
fn sees(actor: &Actor, job: &Job) -> bool {
    match job.token {
        Some(token) => actor.sees(token),
        None => actor.bound_to().is_none(),
    }
}

/// A job as it is shown.
///
/// # Errors
/// As any statement.
pub(crate) async fn view(db: &mut Db, job: Job) -> Result<JobView, ApiError> {
    let sync = match job.kind {
        JobKind::SyncToken => Some(sync_progress(db, &job).await?),
        JobKind::MoveLicense => {
            let id = job.id;
            let shown = JobView::new(job, None);
            return Ok(match moves::order(db, id).await? {
                Some(order) => {
                    let counts = moves::counts(db, id).await?;
                    shown.with_moves(MovesView::new(&counts, order.confirm.as_str(), order.last_error))
                }
                // The token took them with it.
                None => shown,
            });
        }
        JobKind::AssignLicense
        | JobKind::RevokeLicense
        | JobKind::RenewToken
        | JobKind::RemoveToken
        | JobKind::RefreshCatalog
        | JobKind::RegisterNotifications
        | JobKind::TakeOverToken
        | JobKind::HandOverToken
        | JobKind::ImportUsers
        | JobKind::RetireUsers
        | JobKind::Gate
        | JobKind::PushUpdate => None,
    };
    Ok(JobView::new(job, sync))
}

/// How far a sync has got: from its walk while it runs, from its result afterwards.
async fn sync_progress(db: &mut Db, job: &Job) -> Result<SyncView, ApiError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Args {
        mode: Option<String>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Outcome {
        pages_done: u64,
        pages_total: Option<u64>,
        licenses: u64,
    }
    let args: Args = serde_json::from_str(&job.args).unwrap_or_default();
    let mode = args.mode.unwrap_or_else(|| "full".to_owned());
    let outcome: Outcome =
        job.result.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut sync = SyncView {
        mode,
        pages_done: outcome.pages_done,
        pages_total: outcome.pages_total,
        licenses: outcome.licenses,
    };
    let (JobState::Running, Some(token)) = (job.state, job.token) else { return Ok(sync) };
    for kind in [WalkKind::Assignments, WalkKind::Changes] {
        if let Some(walk) = walks::open(db, token, kind).await? {
            sync.pages_done = walk.next_page.into();
            sync.pages_total = walk.total_pages.map(Into::into);
            sync.licenses = walk.rows;
        }
    }
    Ok(sync)
}
