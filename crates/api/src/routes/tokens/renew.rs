//! `PUT /api/v1/tokens/{token}/content`: puts a newly downloaded token file in place of the old (rule S-13).
//!
//! Only Apple can tell whether the new file opens the same location. A worker asks it, and this waits a while for the
//! verdict, so that a person who picked the wrong file sees that at once.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use russet_domain::job::{JobKind, JobState, Priority};
use russet_domain::{JobId, Timestamp, TokenId};
use russet_store::jobs::{self, Job, NewJob, Origin};
use russet_store::{Tx, tokens};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::known;
use crate::audit;
use crate::auth::{Actor, Admin};
use crate::body::Body;
use crate::error::ApiError;
use crate::query::TokenInPath;
use crate::retrying::retrying;
use crate::routes::jobs::address;
use crate::state::App;
use crate::time;
use crate::token_file::{self, TokenFile};
use crate::view::{JobView, TokenView};

/// How often the job is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The most open jobs of a token looked through.
const JOBS_MAX: usize = 10_000;

/// A renewed token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenContent)]
pub(crate) struct Renewal {
    /// The text of the new `.vpptoken` file.
    content: String,
}

/// Renews a token. Its licenses, jobs and settings stay.
#[utoipa::path(put, operation_id = "renew_token", path = "/api/v1/tokens/{token}/content", tag = "tokens",
    params(("token" = i64, Path, description = "The token's number")),
    request_body(content((Renewal = "application/json"), (String = "text/plain"))),
    responses(
        (status = 200, description = "Apple confirmed it; the token as it is now", body = TokenView),
        (status = 202, description = "Apple has not answered yet; the job to follow", body = JobView,
            headers(("Location" = String))),
        (status = 409, description = "`token_of_other_location` or `token_already_uploaded`; nothing was changed",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn renew(
    State(app): State<App>,
    Admin(actor): Admin,
    TokenInPath(id): TokenInPath,
    body: Body,
) -> Result<Response, ApiError> {
    let content = read(&body)?;
    let file = token_file::read(&content, time::now())?;
    let job = retrying(|| write(&app, &actor, id, &file)).await?;
    app.push.renew_token(id).await;
    answer(&app, &actor, id, wait(&app, job).await?).await
}

fn read(body: &Body) -> Result<String, ApiError> {
    match body.media_type.as_str() {
        "text/plain" | "application/octet-stream" => {
            Ok(String::from_utf8(body.bytes.to_vec()).map_err(|_| token_file::TokenFileError::NotBase64)?)
        }
        _ => Ok(body.json::<Renewal>()?.content),
    }
}

async fn write(app: &App, actor: &Actor, id: TokenId, file: &TokenFile) -> Result<JobId, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    known(&mut tx, actor, id).await?;
    tokens::lock(&mut tx, id).await?;
    if known(&mut tx, actor, id).await?.removing {
        return Err(ApiError::TokenBeingRemoved);
    }
    let same = tokens::by_fingerprint(&mut tx, &tokens::fingerprint(&file.content)).await?;
    if let Some(other) = same.filter(|other| other.id != id) {
        return Err(ApiError::TokenAlreadyUploaded(other.id));
    }
    end_older(&mut tx, id, now).await?;
    tokens::set_pending(&mut tx, id, &file.content, &file.org_name, file.expires_at, now).await?;
    let new = NewJob {
        kind: JobKind::RenewToken,
        token: id,
        priority: Priority::High,
        origin: Origin::Api,
        key: Some(actor.key),
        args: json!({ "expires_at": time::text(file.expires_at) }).to_string(),
        notes: "[]".to_owned(),
        line: None,
    };
    let job = jobs::insert(&mut tx, &new, now).await?;
    let detail = json!({ "job": job.0, "expires_at": time::text(file.expires_at) });
    audit::note(&mut tx, actor, "token.renew", &format!("token {id}"), &detail, now).await?;
    tx.commit().await?;
    Ok(job)
}

/// Ends renewals that wait: there is one pending content, and this is the newest.
async fn end_older(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), ApiError> {
    for job in jobs::open_of_token(tx, id, JOBS_MAX).await? {
        if job.kind == JobKind::RenewToken {
            let why = ("replaced", "A newer renewal of the same token took its place.");
            jobs::ended(tx, job.id, JobState::Cancelled, Some(why), None, now).await?;
        }
    }
    Ok(())
}

/// The job once it has ended, or as it is when the wait is over.
async fn wait(app: &App, id: JobId) -> Result<Job, ApiError> {
    let until = Instant::now() + Duration::from_millis(app.settings.renewal_wait_ms);
    loop {
        let found = {
            let mut db = app.store.read().await?;
            jobs::find(&mut db, id).await?
        };
        let job = found.ok_or_else(|| ApiError::NoSuchJob(id.to_string()))?;
        if job.state.has_ended() || Instant::now() >= until || app.stop.is_cancelled() {
            return Ok(job);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn answer(app: &App, actor: &Actor, id: TokenId, job: Job) -> Result<Response, ApiError> {
    match job.state {
        JobState::Succeeded => {
            let mut db = app.store.read().await?;
            Ok(Json(TokenView::from(known(&mut db, actor, id).await?)).into_response())
        }
        JobState::Queued | JobState::Running => {
            let location = [(header::LOCATION, address(job.id))];
            Ok((StatusCode::ACCEPTED, location, Json(JobView::new(job, None))).into_response())
        }
        JobState::Failed | JobState::PartlyFailed | JobState::Cancelled => {
            let code = job.error_code.unwrap_or_else(|| "renewal_failed".to_owned());
            let text = job
                .error_text
                .unwrap_or_else(|| "The renewal was cancelled; nothing was changed.".to_owned());
            Err(ApiError::RenewalRefused { code, text })
        }
    }
}
