//! `GET /api/v1/jobs`: what was submitted.

use axum::Json;
use axum::extract::State;
use russet_domain::job::{JobKind, JobState};
use russet_domain::{JobId, TokenId};
use russet_store::jobs::{self, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, word};
use crate::state::App;
use crate::view::JobView;

const LIST: &str = "jobs";

/// Which jobs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this kind.
    kind: Option<String>,
    /// Those in this state.
    state: Option<String>,
    /// Those of which something waits for an approval.
    #[serde(default)]
    held: bool,
    /// Those about this token.
    token: Option<i64>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists jobs, the newest first.
#[utoipa::path(get, operation_id = "list_jobs", path = "/api/v1/jobs", tag = "jobs", params(Query),
    responses((status = 200, description = "Jobs", body = Page<JobView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<JobView>>, ApiError> {
    let filter = Filter {
        kind: word("kind", query.kind.as_deref(), &JobKind::ALL, JobKind::as_str)?,
        state: word("state", query.state.as_deref(), &JobState::ALL, JobState::as_str)?,
        token: query.token.map(TokenId),
        held: query.held,
        among: actor.bound_to().map(<[TokenId]>::to_vec),
    };
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(JobId);
    let mut db = app.store.read().await?;
    let rows = jobs::list(&mut db, &filter, page::one_more(limit), after).await?;
    let page = Page::cut(LIST, rows, limit, |job| job.id.0, |job| job);
    let mut items = Vec::with_capacity(page.items.len());
    for job in page.items {
        items.push(view(&mut db, job).await?);
    }
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}
