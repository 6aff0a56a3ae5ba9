//! `GET /api/v1/queue`: how many messages of each kind there are, and who takes them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{look, sees_all};
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::state::App;
use crate::view::{KindView, WorkerView};

/// The queue at a glance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
pub(crate) struct QueueView {
    /// All kinds that this program knows or that somebody has pushed, by name.
    kinds: Vec<KindView>,
    /// Workers that were heard of lately, by name; at most a thousand.
    workers: Vec<WorkerView>,
}

/// Shows how many messages of each kind wait, run and are dead, and who takes them.
#[utoipa::path(get, operation_id = "show_queue", path = "/api/v1/queue", tag = "queue",
    responses((status = 200, description = "Kinds and workers", body = QueueView)))]
pub(crate) async fn list(State(app): State<App>, Viewer(actor): Viewer) -> Result<Json<QueueView>, ApiError> {
    sees_all(&actor)?;
    let (depths, workers) = look(&app).await?;
    let kinds = depths.into_iter().map(|depth| KindView::new(depth, &workers)).collect();
    Ok(Json(QueueView { kinds, workers: workers.into_iter().map(WorkerView::from).collect() }))
}
