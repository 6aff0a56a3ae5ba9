//! `POST /api/v1/tokens/{token}/notifications/test`: makes Apple send a test notification and says what came.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use russet_domain::job::JobState;

use super::registering::{Wanted, register};
use crate::auth::Operator;
use crate::body::Body;
use crate::error::ApiError;
use crate::query::TokenInPath;
use crate::routes::jobs::address;
use crate::state::App;
use crate::view::{JobView, NotificationTestView};

/// Makes Apple send a test notification, by telling it again what it has, and waits for it.
#[utoipa::path(post, operation_id = "test_notifications", path = "/api/v1/tokens/{token}/notifications/test",
    tag = "tokens", params(("token" = i64, Path, description = "The token's number")),
    responses(
        (status = 200, description = "What came, or what to look at when nothing did", body = NotificationTestView),
        (status = 202, description = "Apple has not answered yet; the job to follow", body = JobView,
            headers(("Location" = String))),
    ))]
pub(crate) async fn test(
    State(app): State<App>,
    Operator(actor): Operator,
    TokenInPath(token): TokenInPath,
    body: Body,
) -> Result<Response, ApiError> {
    body.nothing()?;
    let job = register(&app, &actor, token, Wanted::Test).await?;
    match job.state {
        JobState::Queued | JobState::Running => {
            let location = [(header::LOCATION, address(job.id))];
            Ok((StatusCode::ACCEPTED, location, Json(JobView::new(job, None))).into_response())
        }
        JobState::Succeeded | JobState::Failed | JobState::PartlyFailed | JobState::Cancelled => {
            Ok(Json(NotificationTestView::of(&job, &app.settings.public_url)).into_response())
        }
    }
}
