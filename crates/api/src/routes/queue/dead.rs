//! `GET /api/v1/queue/dead`: messages set aside, with the reason.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{known, sees_all};
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::Asked;
use crate::state::App;
use crate::view::DeadView;

const LIST: &str = "queue_dead";

/// Which messages.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this kind.
    kind: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists dead messages, the latest first.
#[utoipa::path(get, operation_id = "list_dead_messages", path = "/api/v1/queue/dead", tag = "queue",
    params(Query), responses((status = 200, description = "Messages", body = Page<DeadView>)))]
pub(crate) async fn dead(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<DeadView>>, ApiError> {
    sees_all(&actor)?;
    let limit = page::limit(&app, query.limit)? as usize;
    let after = page::read_cursor::<String>(LIST, query.cursor.as_deref())?;
    known(&app, query.kind.as_deref()).await?;
    let found = match &query.kind {
        Some(kind) => app.queue.dead_of(kind, limit, after.as_deref()).await?,
        None => app.queue.dead(limit, after.as_deref()).await?,
    };
    let items = found.items.into_iter().map(DeadView::from).collect();
    Ok(Json(Page::until(LIST, items, found.next_cursor.as_ref())))
}
