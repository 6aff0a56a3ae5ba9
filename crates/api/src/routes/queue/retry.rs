//! `POST /api/v1/queue/dead/retry`: pushes dead messages again.

use axum::extract::State;
use axum::http::HeaderMap;

use super::chosen::{Act, Chosen, Handled};
use super::sees_all;
use super::steer::{Wish, steer};
use crate::auth::Operator;
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::state::App;

/// Pushes dead messages again, at once and as if nothing had happened.
#[utoipa::path(post, operation_id = "retry_dead_messages", path = "/api/v1/queue/dead/retry", tag = "queue",
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    request_body = Chosen,
    responses(
        (status = 200, description = "How many there were", body = Handled),
        (status = 422, description = "`ids_or_all`, `empty_list` or `unknown_kind`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn retry(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    sees_all(&actor)?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let chosen: Chosen = body.json()?;
    chosen.check(&app).await?;
    let wish = Wish { action: "queue.retry", subject: "dead messages".to_owned(), detail: chosen.detail() };
    steer(&app, &actor, &once, &wish, async || chosen.each(&app, Act::Retry).await).await
}
