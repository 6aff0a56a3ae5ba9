//! `POST /api/v1/jobs/{job}/approve`: lets be taken back what the token's brakes hold.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::JobId;
use russet_domain::job::{JobKind, Priority};
use russet_store::changes::held;
use russet_store::jobs::Job;
use russet_store::tokens;
use serde_json::json;

use super::{known, view};
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

/// Approves what a job wants to take back beyond the token's brakes (`brake_revocations`, `brake_percent`): it is sent, and counts for no
/// brake. It takes another key than the one that submitted the job; what follows from assignments or drift takes an administrator's.
#[utoipa::path(post, operation_id = "approve_job", path = "/api/v1/jobs/{job}/approve", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses((status = 202, description = "The job as it is now", body = JobView),
        (status = 409, description = "`nothing_to_approve`, `approval_needs_another_key` or `token_not_usable`",
            body = crate::problem::Problem, content_type = "application/problem+json")))]
pub(crate) async fn approve(
    State(app): State<App>,
    Operator(actor): Operator,
    JobInPath(id): JobInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    body.nothing()?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let (answer, wake) = retrying(|| write(&app, &actor, &once, id)).await?;
    if let Some((token, priority)) = wake {
        app.push.apply_changes(token, priority).await;
        app.push.apply_users(token, priority).await;
    }
    Ok(answer)
}

type Wake = Option<(russet_domain::TokenId, Priority)>;

async fn write(app: &App, actor: &Actor, once: &Once, id: JobId) -> Result<(Answer, Wake), ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, None));
    }
    let job = known(&mut tx, actor, id).await?;
    let Some(token) = job.token else { return Err(nothing(id)) };
    tokens::lock(&mut tx, token).await?;
    // Looked at again, now that nothing can move it.
    let job = known(&mut tx, actor, id).await?;
    if job.progress.held == 0 {
        return Err(nothing(id));
    }
    may(actor, &job)?;
    let found =
        tokens::find(&mut tx, token).await?.ok_or_else(|| ApiError::NoSuchToken(token.to_string()))?;
    if !found.state.may_write() && !found.state.is_undecided() {
        return Err(ApiError::not_usable(&found));
    }
    must_write(&mut tx, token).await?;
    let approved = held::approve(&mut tx, token, id, now).await?;
    let detail = json!({ "kind": job.kind.as_str(), (of(&job)): approved });
    audit::note(&mut tx, actor, "job.approve", &format!("job {id}"), &detail, now).await?;
    let job = known(&mut tx, actor, id).await?;
    let priority = job.priority;
    let answer = Answer::new(StatusCode::ACCEPTED, None, &view(&mut tx, job).await?)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, Some((token, priority))))
}

fn nothing(id: JobId) -> ApiError {
    ApiError::Conflict {
        code: "nothing_to_approve",
        text: format!(
            "Nothing of job {id} waits for an approval; GET /api/v1/jobs?held=true lists the jobs of which something does."
        ),
    }
}

/// What is counted of a job.
fn of(job: &Job) -> &'static str {
    if job.kind == JobKind::RetireUsers { "users" } else { "licenses" }
}

/// Whether it is somebody else who approves.
fn may(actor: &Actor, job: &Job) -> Result<(), ApiError> {
    let text = match job.key {
        Some(key) if key == actor.key => {
            "The job was submitted with this very key; have it approved with another one.".to_owned()
        }
        None if !actor.may_administer() => {
            "The job follows from assignments or drift, so that nobody submitted it; have it approved with an administrator's key.".to_owned()
        }
        Some(_) | None => return Ok(()),
    };
    Err(ApiError::Conflict { code: "approval_needs_another_key", text })
}
