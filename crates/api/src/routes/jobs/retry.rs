//! `POST /api/v1/jobs/{job}/retry`: wishes again for what was refused.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::job::{JobKind, Priority};
use russet_domain::{JobId, TokenId};
use russet_store::{jobs, moves, tokens, users};
use serde_json::json;

use super::{address, known, view};
use crate::audit;
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::JobInPath;
use crate::retrying::retrying;
use crate::routes::tokens::must_write;
use crate::state::App;
use crate::time;
use crate::view::JobView;

/// Retries what was refused of a job that has ended, under the same job.
#[utoipa::path(post, operation_id = "retry_job", path = "/api/v1/jobs/{job}/retry", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses(
        (status = 202, description = "The job, open again", body = JobView, headers(("Location" = String))),
        (status = 409, description = "`job_still_running`, `nothing_to_retry` or `token_not_usable`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn retry(
    State(app): State<App>,
    Operator(actor): Operator,
    JobInPath(id): JobInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    body.nothing()?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let (answer, wake) = retrying(|| write(&app, &actor, &once, id)).await?;
    match wake {
        Wake::Nobody => {}
        Wake::Apply(token, priority) => app.push.apply_changes(token, priority).await,
        Wake::Users(token, priority) => app.push.apply_users(token, priority).await,
        Wake::Moves => app.push.move_licenses(id).await,
    }
    Ok(answer)
}

/// Who has to know that there is more to do.
enum Wake {
    Nobody,
    Apply(TokenId, Priority),
    Users(TokenId, Priority),
    Moves,
}

async fn write(app: &App, actor: &Actor, once: &Once, id: JobId) -> Result<(Answer, Wake), ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, Wake::Nobody));
    }
    let job = known(&mut tx, actor, id).await?;
    let Some(token) = job.token else { return Err(ApiError::NothingToRetry(id)) };
    if let Some(token) = tokens::find(&mut tx, token).await? {
        tokens::lock(&mut tx, token.id).await?;
        if !token.state.may_write() && !token.state.is_undecided() {
            return Err(ApiError::not_usable(&token));
        }
        must_write(&mut tx, token.id).await?;
    } else {
        return Err(ApiError::NothingToRetry(id));
    }
    // Looked at again, now that nothing can move it.
    let job = known(&mut tx, actor, id).await?;
    if !job.state.has_ended() {
        return Err(ApiError::JobStillRunning(id));
    }
    if job.progress.refused == 0 {
        return Err(ApiError::NothingToRetry(id));
    }
    match job.kind {
        JobKind::AssignLicense | JobKind::RevokeLicense => {
            jobs::retry(&mut tx, id, now).await?;
        }
        JobKind::MoveLicense => {
            moves::retry(&mut tx, id, now).await?;
        }
        JobKind::ImportUsers | JobKind::RetireUsers => {
            users::retry(&mut tx, id, now).await?;
        }
        JobKind::SyncToken
        | JobKind::RenewToken
        | JobKind::RemoveToken
        | JobKind::RefreshCatalog
        | JobKind::RegisterNotifications
        | JobKind::TakeOverToken
        | JobKind::HandOverToken
        // A new one asks for what is missing and nothing else.
        | JobKind::Gate
        | JobKind::PushUpdate => {
            return Err(ApiError::NothingToRetry(id));
        }
    }
    let detail = json!({ "kind": job.kind.as_str(), "refused": job.progress.refused });
    audit::note(&mut tx, actor, "job.retry", &format!("job {id}"), &detail, now).await?;
    let job = known(&mut tx, actor, id).await?;
    let wake = match job.kind {
        JobKind::MoveLicense => Wake::Moves,
        JobKind::ImportUsers | JobKind::RetireUsers => Wake::Users(token, job.priority),
        JobKind::SyncToken
        | JobKind::AssignLicense
        | JobKind::RevokeLicense
        | JobKind::RenewToken
        | JobKind::RemoveToken
        | JobKind::RefreshCatalog
        | JobKind::RegisterNotifications
        | JobKind::TakeOverToken
        | JobKind::HandOverToken
        | JobKind::Gate
        | JobKind::PushUpdate => Wake::Apply(token, job.priority),
    };
    let shown = view(&mut tx, job).await?;
    let answer = Answer::new(StatusCode::ACCEPTED, Some(address(id)), &shown)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, wake))
}
