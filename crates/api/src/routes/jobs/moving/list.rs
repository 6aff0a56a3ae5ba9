//! `GET /api/v1/jobs/{job}/moves`: where every license of a job that moves them has got to.

use axum::Json;
use axum::extract::State;
use russet_domain::MoveId;
use russet_domain::moving::MoveState;
use russet_store::catalog;
use russet_store::moves::{self, Move};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, JobInPath, word};
use crate::routes::jobs::known;
use crate::state::App;
use crate::view::MoveView;

const LIST: &str = "moves";

/// Which moves.
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

/// Lists the moves of a job of kind `move_license`; other jobs have none.
#[utoipa::path(get, operation_id = "list_job_moves", path = "/api/v1/jobs/{job}/moves", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number"), Query),
    responses((status = 200, description = "Moves", body = Page<MoveView>)))]
pub(crate) async fn moves(
    State(app): State<App>,
    Viewer(actor): Viewer,
    JobInPath(id): JobInPath,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<MoveView>>, ApiError> {
    let state = word("state", query.state.as_deref(), &MoveState::ALL, MoveState::as_str)?;
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(MoveId);
    let mut db = app.store.read().await?;
    let token = known(&mut db, &actor, id).await?.token;
    let rows = moves::list(&mut db, id, state, page::one_more(limit), after).await?;
    let ids = rows.iter().filter_map(|row| Some((token?, row.key.adam_id.as_str())));
    let names = catalog::names(&mut db, ids).await?;
    let view = |row: Move| {
        let name = token.and_then(|token| names.get(&(token, row.key.adam_id.clone())).cloned());
        MoveView::new(row, name)
    };
    Ok(Json(Page::cut(LIST, rows, limit, |row| row.id.0, view)))
}
