//! `GET /api/v1/tokens/{token}/notifications`: what Apple sent for a token.

use axum::Json;
use axum::extract::State;
use russet_store::notifications::{self, NotificationId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, TokenInPath};
use crate::routes::tokens::known;
use crate::state::App;
use crate::view::NotificationView;

const LIST: &str = "notifications";

/// Which notifications.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this type, in Apple's word, such as `ASSET_COUNT`.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    kind: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists a token's notifications, the newest first, as long as they are kept.
#[utoipa::path(get, operation_id = "list_notifications", path = "/api/v1/tokens/{token}/notifications", tag = "tokens",
    params(("token" = i64, Path, description = "The token's number"), Query),
    responses((status = 200, description = "Notifications", body = Page<NotificationView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    TokenInPath(token): TokenInPath,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<NotificationView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let before = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(NotificationId);
    let mut db = app.store.read().await?;
    known(&mut db, &actor, token).await?;
    let kind = query.kind.as_deref();
    let rows = notifications::list(&mut db, token, kind, page::one_more(limit), before).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |row| row.id.0, NotificationView::from)))
}
