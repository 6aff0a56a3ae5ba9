//! `POST /api/v1/queue/kinds/{kind}/resume`: lets workers take a kind again.

use axum::extract::State;
use axum::http::HeaderMap;
use serde_json::json;

use super::steer::{Wish, steer};
use super::{look_at, sees_all};
use crate::auth::Operator;
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::KindInPath;
use crate::state::App;
use crate::view::KindView;

/// Resumes a kind: workers take its messages again. A kind that is not paused stays as it is.
#[utoipa::path(post, operation_id = "resume_queue_kind", path = "/api/v1/queue/kinds/{kind}/resume", tag = "queue",
    params(("kind" = String, Path, description = "The kind, such as `sync_token`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses(
        (status = 200, description = "The kind as it is now", body = KindView),
        (status = 404, description = "`no_such_kind`; the sentence lists those there are",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn resume(
    State(app): State<App>,
    Operator(actor): Operator,
    KindInPath(kind): KindInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    sees_all(&actor)?;
    body.nothing()?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let before = look_at(&app, &kind).await?;
    let wish = Wish { action: "queue.resume", subject: format!("kind {}", before.kind), detail: json!({}) };
    steer(&app, &actor, &once, &wish, async || {
        app.queue.resume(&kind).await?;
        look_at(&app, &kind).await
    })
    .await
}
