//! `GET /api/v1/tokens/{token}`: one token.

use axum::Json;
use axum::extract::State;
use russet_store::take_overs;

use super::{known, siblings};
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::query::TokenInPath;
use crate::state::App;
use crate::view::TokenView;

/// The most take-overs that are shown.
const TAKE_OVERS_MAX: usize = 20;

/// Shows a token.
#[utoipa::path(get, operation_id = "show_token", path = "/api/v1/tokens/{token}", tag = "tokens",
    params(("token" = i64, Path, description = "The token's number")),
    responses((status = 200, description = "The token", body = TokenView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    TokenInPath(id): TokenInPath,
) -> Result<Json<TokenView>, ApiError> {
    let mut db = app.store.read().await?;
    let token = known(&mut db, &actor, id).await?;
    let taken = take_overs::of_token(&mut db, id, TAKE_OVERS_MAX).await?;
    let siblings = siblings(&mut db, &token).await?;
    Ok(Json(TokenView::from(token).with(taken, siblings)))
}
