//! A job as clients see it.

use russet_domain::job::{JobKind, Progress};
use russet_store::jobs::Job;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::MovesView;
use crate::time;

/// What a client submitted, and how far it has got.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    /// Its number.
    id: i64,
    /// What it asks for.
    #[schema(value_type = JobKindName)]
    kind: &'static str,
    /// The token it is about; null when that is gone.
    token: Option<i64>,
    /// Where it has got to.
    #[schema(value_type = JobStateName)]
    state: &'static str,
    /// `low`, `normal` or `high`.
    priority: &'static str,
    /// `api`, `schedule`, `assignment` or `drift`.
    origin: &'static str,
    /// What was asked for, in short.
    args: Value,
    /// Its changes, counted by state.
    progress: ProgressView,
    /// How far a sync has got; absent for jobs of other kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync: Option<SyncView>,
    /// How far its moves have got; absent for jobs of other kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    moves: Option<MovesView>,
    /// What should be known about how it was understood.
    notes: Vec<String>,
    /// Why it failed as a whole.
    error: Option<JobErrorView>,
    /// What came out of it, where its changes do not say all.
    result: Option<Value>,
    /// When it was submitted, RFC 3339.
    created_at: String,
    /// When the first of it was sent.
    started_at: Option<String>,
    /// When the last of it ended.
    ended_at: Option<String>,
}

/// Kinds of jobs.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "documents the words")]
pub(crate) enum JobKindName {
    SyncToken,
    AssignLicense,
    RevokeLicense,
    MoveLicense,
    RenewToken,
    RemoveToken,
    RefreshCatalog,
    RegisterNotifications,
    TakeOverToken,
    HandOverToken,
    ImportUsers,
    RetireUsers,
    Gate,
    PushUpdate,
}

/// States of jobs.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "documents the words")]
pub(crate) enum JobStateName {
    Queued,
    Running,
    Succeeded,
    PartlyFailed,
    Failed,
    Cancelled,
}

/// A job's changes, counted by state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct ProgressView {
    /// All of them.
    total: u64,
    /// Written down; Apple has not been told.
    planned: u64,
    /// On the way to Apple.
    sending: u64,
    /// Taken by Apple, which settles them in its own time.
    accepted: u64,
    /// Done.
    settled: u64,
    /// Never to be done.
    refused: u64,
    /// Waiting for a license to come free.
    waitlisted: u64,
    /// Waiting for somebody to approve it, since the token's brakes do not allow so much at once.
    held: u64,
    /// Withdrawn or replaced before they were sent.
    cancelled: u64,
}

impl From<Progress> for ProgressView {
    fn from(progress: Progress) -> Self {
        Self {
            total: progress.total(),
            planned: progress.planned,
            sending: progress.sending,
            accepted: progress.accepted,
            settled: progress.settled,
            refused: progress.refused,
            waitlisted: progress.waitlisted,
            held: progress.held,
            cancelled: progress.cancelled,
        }
    }
}

/// How far a sync has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SyncProgress)]
pub(crate) struct SyncView {
    /// `full` or `changes`.
    pub(crate) mode: String,
    /// Pages of licenses read so far.
    pub(crate) pages_done: u64,
    /// Pages of licenses there are, once Apple has said so.
    pub(crate) pages_total: Option<u64>,
    /// Licenses read so far.
    pub(crate) licenses: u64,
}

/// Why a job failed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = JobError)]
pub(crate) struct JobErrorView {
    /// The stable name of the reason.
    code: String,
    /// The reason in a sentence.
    detail: String,
}

impl JobView {
    /// A job, with how far it has got if it is a sync.
    pub(crate) fn new(job: Job, sync: Option<SyncView>) -> Self {
        let error = job.error_code.map(|code| {
            let sentence = || russet_domain::apple_error::sentence(&code).to_owned();
            let detail = job.error_text.clone().unwrap_or_else(sentence);
            JobErrorView { code, detail }
        });
        Self {
            id: job.id.0,
            kind: job.kind.as_str(),
            token: job.token.map(|token| token.0),
            state: job.state.as_str(),
            priority: job.priority.as_str(),
            origin: job.origin.as_str(),
            // What was written by this program is read by it; text that was not is shown as nothing.
            args: serde_json::from_str(&job.args).unwrap_or_default(),
            progress: job.progress.into(),
            sync: sync.filter(|_| job.kind == JobKind::SyncToken),
            moves: None,
            notes: serde_json::from_str(&job.notes).unwrap_or_default(),
            error,
            result: job.result.and_then(|text| serde_json::from_str(&text).ok()),
            created_at: time::text(job.created_at),
            started_at: job.started_at.map(time::text),
            ended_at: job.ended_at.map(time::text),
        }
    }

    /// With how far its moves have got.
    pub(crate) fn with_moves(self, moves: MovesView) -> Self {
        Self { moves: Some(moves), ..self }
    }
}
