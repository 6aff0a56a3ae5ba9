//! `GET /api/v1/assignments`: which group is to have which app.

use axum::Json;
use axum::extract::State;
use russet_domain::{AssignmentId, TokenId};
use russet_store::assignments::{self, Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::Asked;
use crate::routes::directory::groups;
use crate::state::App;
use crate::view::AssignmentView;

const LIST: &str = "assignments";

/// Which assignments. Everything that is given has to fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this token.
    token: Option<i64>,
    /// Those of this group, by name.
    group: Option<String>,
    /// Those of this product.
    adam_id: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists assignments, the oldest first.
#[utoipa::path(get, operation_id = "list_assignments", path = "/api/v1/assignments", tag = "assignments", params(Query),
    responses((status = 200, description = "Assignments", body = Page<AssignmentView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<AssignmentView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(AssignmentId);
    let mut db = app.store.read().await?;
    let group = match &query.group {
        Some(name) => Some(groups::the(&mut db, name).await?.id),
        None => None,
    };
    let filter = Filter {
        token: query.token.map(TokenId),
        group,
        adam_id: query.adam_id,
        among: actor.bound_to().map(<[TokenId]>::to_vec),
    };
    let rows = assignments::list(&mut db, &filter, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |row| row.id.0, AssignmentView::from)))
}
