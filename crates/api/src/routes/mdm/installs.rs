//! `GET /api/v1/installs` and `GET /api/v1/jobs/{job}/installs`: which apps are on their way to which devices, and why not.

use axum::Json;
use axum::extract::State;
use russet_domain::InstallId;
use russet_domain::install::InstallState;
use russet_store::installs::{self, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::InstallView;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page, Paging};
use crate::query::{Asked, JobInPath, word};
use crate::routes::jobs::known;
use crate::state::App;

const LIST: &str = "installs";
const OF_JOB: &str = "job_installs";

/// Which installs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this token; a key that is bound to certain tokens names one of them.
    token: Option<i64>,
    /// Those of this device.
    serial: Option<String>,
    /// Those of this product.
    adam_id: Option<String>,
    /// Those in this state.
    state: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists installs, the newest first.
#[utoipa::path(get, operation_id = "list_installs", path = "/api/v1/installs", tag = "mdm", params(Query),
    responses((status = 200, description = "Installs", body = Page<InstallView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<InstallView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let before = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(InstallId);
    let token = actor.token_of(query.token)?;
    let filter = Filter {
        token,
        serial: query.serial,
        adam_id: query.adam_id,
        state: word("state", query.state.as_deref(), &InstallState::ALL, InstallState::as_str)?,
    };
    let mut db = app.store.read().await?;
    let rows = installs::list(&mut db, &filter, page::one_more(limit), before).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |row| row.id.0, InstallView::from)))
}

/// Lists the installs that a job of kind `push_update` waits for; other jobs have none.
#[utoipa::path(get, operation_id = "list_job_installs", path = "/api/v1/jobs/{job}/installs", tag = "mdm",
    params(("job" = i64, Path, description = "The job's number"), Paging),
    responses((status = 200, description = "Installs", body = Page<InstallView>)))]
pub(crate) async fn of_job(
    State(app): State<App>,
    Viewer(actor): Viewer,
    JobInPath(id): JobInPath,
    Asked(query): Asked<Paging>,
) -> Result<Json<Page<InstallView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(OF_JOB, query.cursor.as_deref())?.map(InstallId);
    let mut db = app.store.read().await?;
    known(&mut db, &actor, id).await?;
    let rows = installs::of_job(&mut db, id, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(OF_JOB, rows, limit, |row| row.id.0, InstallView::from)))
}
