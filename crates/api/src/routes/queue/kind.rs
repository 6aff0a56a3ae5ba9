//! `GET /api/v1/queue/kinds/{kind}`: one kind.

use axum::Json;
use axum::extract::State;

use super::{look_at, sees_all};
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::query::KindInPath;
use crate::state::App;
use crate::view::KindView;

/// Shows one kind.
#[utoipa::path(get, operation_id = "show_queue_kind", path = "/api/v1/queue/kinds/{kind}", tag = "queue",
    params(("kind" = String, Path, description = "The kind, such as `sync_token`")),
    responses(
        (status = 200, description = "The kind", body = KindView),
        (status = 404, description = "`no_such_kind`; the sentence lists those there are",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn kind(
    State(app): State<App>,
    Viewer(actor): Viewer,
    KindInPath(kind): KindInPath,
) -> Result<Json<KindView>, ApiError> {
    sees_all(&actor)?;
    look_at(&app, &kind).await.map(Json)
}
