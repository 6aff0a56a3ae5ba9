//! `GET /api/v1/jobs/{job}/changes`: what became of every license of a job.

use axum::Json;
use axum::extract::State;
use russet_domain::ChangeId;
use russet_domain::change::State as ChangeState;
use russet_store::{catalog, changes};
use serde::Deserialize;
use utoipa::IntoParams;

use super::known;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, JobInPath, word};
use crate::state::App;
use crate::view::ChangeView;

const LIST: &str = "changes";

/// Which changes.
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

/// Lists a job's changes.
#[utoipa::path(get, operation_id = "list_job_changes", path = "/api/v1/jobs/{job}/changes", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number"), Query),
    responses((status = 200, description = "Changes", body = Page<ChangeView>)))]
pub(crate) async fn changes(
    State(app): State<App>,
    Viewer(actor): Viewer,
    JobInPath(id): JobInPath,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<ChangeView>>, ApiError> {
    let state = word("state", query.state.as_deref(), &ChangeState::ALL, ChangeState::as_str)?;
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(ChangeId);
    let mut db = app.store.read().await?;
    let job = known(&mut db, &actor, id).await?;
    let rows = changes::list_of_job(&mut db, id, state, page::one_more(limit), after).await?;
    let ids = rows.iter().filter_map(|change| Some((job.token?, change.key.adam_id.as_str())));
    let names = catalog::names(&mut db, ids).await?;
    let show = |change: changes::Change| {
        let name = job.token.and_then(|token| names.get(&(token, change.key.adam_id.clone())).cloned());
        ChangeView::new(change, name)
    };
    Ok(Json(Page::cut(LIST, rows, limit, |change| change.id.0, show)))
}
