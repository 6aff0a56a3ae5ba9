//! `POST /api/v1/queue/kinds/{kind}/pause`: makes workers leave a kind alone.

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

/// Pauses a kind: no worker takes a message of it until it is resumed. What runs goes on, and what is pushed waits.
#[utoipa::path(post, operation_id = "pause_queue_kind", path = "/api/v1/queue/kinds/{kind}/pause", tag = "queue",
    params(("kind" = String, Path, description = "The kind, such as `sync_token`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses(
        (status = 200, description = "The kind as it is now", body = KindView),
        (status = 404, description = "`no_such_kind`; the sentence lists those there are",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn pause(
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
    let wish = Wish { action: "queue.pause", subject: format!("kind {}", before.kind), detail: json!({}) };
    steer(&app, &actor, &once, &wish, async || {
        app.queue.pause(&kind).await?;
        look_at(&app, &kind).await
    })
    .await
}
