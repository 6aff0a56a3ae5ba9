//! `GET /api/v1/queue/running`: messages in workers' hands.

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
use crate::view::RunningView;

/// The most messages that those of one kind are looked for among.
const LOOKED_AT_MAX: usize = 1_000;

/// Which messages.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this kind.
    kind: Option<String>,
    /// How many at most, 1 to 1000; 100 when left out.
    limit: Option<u32>,
}

/// Lists messages in workers' hands, those whose lease ends first at the top. It has one page; of one kind it shows
/// those among the first thousand of all.
#[utoipa::path(get, operation_id = "list_running_messages", path = "/api/v1/queue/running", tag = "queue",
    params(Query), responses((status = 200, description = "Messages", body = Page<RunningView>)))]
pub(crate) async fn running(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<RunningView>>, ApiError> {
    sees_all(&actor)?;
    let limit = page::limit(&app, query.limit)? as usize;
    known(&app, query.kind.as_deref()).await?;
    let looked_at = if query.kind.is_some() { LOOKED_AT_MAX } else { limit };
    let (now, mut found) = tokio::try_join!(app.queue.now(), app.queue.running(looked_at))?;
    found.retain(|message| query.kind.as_ref().is_none_or(|kind| message.kind == *kind));
    found.truncate(limit);
    Ok(Json(Page::whole(found.into_iter().map(|message| RunningView::new(message, now)).collect())))
}
