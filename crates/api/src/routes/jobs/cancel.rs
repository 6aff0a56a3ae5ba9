//! `POST /api/v1/jobs/{job}/cancel`: withdraws what was not sent yet.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::job::{JobKind, JobState};
use russet_domain::token::TokenState;
use russet_domain::{JobId, Timestamp};
use russet_store::jobs::{self, Job};
use russet_store::{Tx, tokens};
use serde_json::json;

use super::{known, view};
use crate::audit;
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::JobInPath;
use crate::retrying::retrying;
use crate::state::App;
use crate::time;
use crate::view::JobView;

/// Cancels a job: what was not sent to Apple yet will not be, unless another job wants it too. What was sent ends as it
/// ends. A job that has ended stays as it is.
#[utoipa::path(post, operation_id = "cancel_job", path = "/api/v1/jobs/{job}/cancel", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses((status = 200, description = "The job as it is now", body = JobView)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Operator(actor): Operator,
    JobInPath(id): JobInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    body.nothing()?;
    let once = Once::of(&headers, &body.fingerprint)?;
    retrying(|| write(&app, &actor, &once, id)).await
}

async fn write(app: &App, actor: &Actor, once: &Once, id: JobId) -> Result<Answer, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok(answer);
    }
    let job = known(&mut tx, actor, id).await?;
    if !job.state.has_ended() {
        let withdrawn = jobs::cancel(&mut tx, id, now).await?;
        settle(&mut tx, &job, now).await?;
        let detail = json!({ "kind": job.kind.as_str(), "withdrawn": withdrawn });
        audit::note(&mut tx, actor, "job.cancel", &format!("job {id}"), &detail, now).await?;
    }
    let job = known(&mut tx, actor, id).await?;
    let answer = Answer::new(StatusCode::OK, None, &view(&mut tx, job).await?)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Takes back what a job of a token's own has put into the token.
async fn settle(tx: &mut Tx, job: &Job, now: Timestamp) -> Result<(), ApiError> {
    let Some(token) = job.token else { return Ok(()) };
    match job.kind {
        JobKind::RenewToken => tokens::drop_pending(tx, token, now).await?,
        JobKind::RemoveToken => {
            tokens::set_removing(tx, token, false, now).await?;
            // Before the worker has come by it has no changes whose end would be its own.
            if job.progress.total() == 0 {
                jobs::ended(tx, job.id, JobState::Cancelled, None, None, now).await?;
            }
        }
        JobKind::TakeOverToken => {
            let more = jobs::open_of_kind(tx, token, JobKind::TakeOverToken, 1).await?;
            tokens::set_take_over(tx, token, !more.is_empty(), now).await?;
        }
        // The claim is ours still, or is made again: the token is looked at as if it had just been uploaded.
        JobKind::HandOverToken => {
            tokens::set_handed_over(tx, token, None, now).await?;
            let here = tokens::find(tx, token).await?;
            if here.is_some_and(|token| token.state == TokenState::HandedOver) {
                tokens::set_state(tx, token, TokenState::New, None, None, now).await?;
            }
        }
        JobKind::SyncToken
        | JobKind::AssignLicense
        | JobKind::RevokeLicense
        | JobKind::MoveLicense
        | JobKind::RefreshCatalog
        | JobKind::RegisterNotifications
        | JobKind::ImportUsers
        | JobKind::RetireUsers
        | JobKind::Gate
        | JobKind::PushUpdate => {}
    }
    Ok(())
}
