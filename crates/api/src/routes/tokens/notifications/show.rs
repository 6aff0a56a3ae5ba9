//! `GET /api/v1/tokens/{token}/notifications/{notification}`: one notification with its body, for administrators.

use axum::Json;
use axum::extract::State;
use russet_store::notifications::{self, NotificationId};

use crate::auth::Admin;
use crate::error::ApiError;
use crate::query::NotificationInPath;
use crate::routes::tokens::known;
use crate::state::App;
use crate::view::WholeNotificationView;

/// Shows a notification as it came; secrets and people's addresses in it are hidden.
#[utoipa::path(get, operation_id = "show_notification", path = "/api/v1/tokens/{token}/notifications/{notification}",
    tag = "tokens",
    params(("token" = i64, Path, description = "The token's number"),
        ("notification" = i64, Path, description = "The notification's number in the list")),
    responses((status = 200, description = "The notification", body = WholeNotificationView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Admin(actor): Admin,
    NotificationInPath { token, notification }: NotificationInPath,
) -> Result<Json<WholeNotificationView>, ApiError> {
    let mut db = app.store.read().await?;
    known(&mut db, &actor, token).await?;
    let found = notifications::find(&mut db, token, NotificationId(notification)).await?;
    let (entry, body) = found.ok_or_else(|| ApiError::NoSuchNotification(notification.to_string(), token))?;
    Ok(Json(WholeNotificationView::new(entry, &body)))
}
