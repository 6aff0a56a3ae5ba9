//! `GET /api/v1/jobs/{job}/users`: what became of every user of a job.

use axum::Json;
use axum::extract::State;
use russet_domain::UserId;
use russet_domain::change::State as WorkState;
use russet_store::users;
use serde::Deserialize;
use utoipa::IntoParams;

use super::known;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, JobInPath, word};
use crate::state::App;
use crate::view::JobUserView;

const LIST: &str = "job_users";

/// Which users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those in this state.
    state: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists the users of a job that registers, changes or retires them.
#[utoipa::path(get, operation_id = "list_job_users", path = "/api/v1/jobs/{job}/users", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number"), Query),
    responses((status = 200, description = "Users", body = Page<JobUserView>)))]
pub(crate) async fn users(
    State(app): State<App>,
    Viewer(actor): Viewer,
    JobInPath(id): JobInPath,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<JobUserView>>, ApiError> {
    let state = word("state", query.state.as_deref(), &WorkState::ALL, WorkState::as_str)?;
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(UserId);
    let mut db = app.store.read().await?;
    known(&mut db, &actor, id).await?;
    let rows = users::list_of_job(&mut db, id, state, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |entry| entry.user.0, JobUserView::from)))
}
