//! `GET /api/v1/jobs/{job}`: one job.

use axum::Json;
use axum::extract::State;

use super::{known, view};
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::query::JobInPath;
use crate::state::App;
use crate::view::JobView;

/// Shows a job and how far it has got.
#[utoipa::path(get, operation_id = "show_job", path = "/api/v1/jobs/{job}", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number")),
    responses((status = 200, description = "The job", body = JobView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    JobInPath(id): JobInPath,
) -> Result<Json<JobView>, ApiError> {
    let mut db = app.store.read().await?;
    let job = known(&mut db, &actor, id).await?;
    Ok(Json(view(&mut db, job).await?))
}
