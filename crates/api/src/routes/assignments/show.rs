//! `GET /api/v1/assignments/{assignment}`: one assignment.

use axum::Json;
use axum::extract::{Path, State};

use super::create::contradictions;
use super::the;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::state::App;
use crate::view::AssignmentView;

/// Shows an assignment.
#[utoipa::path(get, operation_id = "show_assignment", path = "/api/v1/assignments/{assignment}", tag = "assignments",
    params(("assignment" = i64, Path, description = "The assignment's number")),
    responses((status = 200, description = "The assignment", body = AssignmentView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Path(id): Path<String>,
) -> Result<Json<AssignmentView>, ApiError> {
    let mut db = app.store.read().await?;
    let found = the(&mut db, &actor, &id).await?;
    let notes = contradictions(&mut db, found.asset, &found.key.adam_id, found.intent).await?;
    Ok(Json(AssignmentView::new(found, notes)))
}
