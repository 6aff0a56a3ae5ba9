//! `POST /api/v1/tokens/{token}/notifications/rotate`: gives Apple a new secret to send along.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use russet_domain::job::JobState;

use super::registering::{Wanted, register};
use crate::auth::Admin;
use crate::body::Body;
use crate::error::ApiError;
use crate::query::TokenInPath;
use crate::routes::jobs::address;
use crate::routes::tokens::known;
use crate::state::App;
use crate::view::{JobView, TokenView};

/// Gives Apple a new secret for a token's notifications. Both are taken until Apple has confirmed the new one. Sent again,
/// it gives Apple another one.
#[utoipa::path(post, operation_id = "rotate_notification_secret", path = "/api/v1/tokens/{token}/notifications/rotate",
    tag = "tokens", params(("token" = i64, Path, description = "The token's number")),
    responses(
        (status = 200, description = "Apple has it; the token as it is now", body = TokenView),
        (status = 202, description = "Apple has not answered yet; the job to follow", body = JobView,
            headers(("Location" = String))),
        (status = 409, description = "Apple cannot be told, or does not take the address; the old secret stays",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn rotate(
    State(app): State<App>,
    Admin(actor): Admin,
    TokenInPath(token): TokenInPath,
    body: Body,
) -> Result<Response, ApiError> {
    body.nothing()?;
    let job = register(&app, &actor, token, Wanted::NewSecret).await?;
    match job.state {
        JobState::Succeeded => {
            let mut db = app.store.read().await?;
            Ok(Json(TokenView::from(known(&mut db, &actor, token).await?)).into_response())
        }
        JobState::Queued | JobState::Running => {
            let location = [(header::LOCATION, address(job.id))];
            Ok((StatusCode::ACCEPTED, location, Json(JobView::new(job, None))).into_response())
        }
        JobState::Failed | JobState::PartlyFailed | JobState::Cancelled => {
            Err(ApiError::RegistrationFailed {
                code: job.error_code.unwrap_or_else(|| "withdrawn".to_owned()),
                text: job
                    .error_text
                    .unwrap_or_else(|| "The job was cancelled; nothing was changed.".to_owned()),
            })
        }
    }
}
