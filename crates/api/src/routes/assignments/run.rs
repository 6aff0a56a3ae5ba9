//! `POST /api/v1/tokens/{token}/reconcile`: looks at everything that assignments have to do with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use russet_domain::TokenId;
use russet_store::marks;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::query::TokenInPath;
use crate::retrying::retrying;
use crate::routes::tokens;
use crate::state::App;
use crate::{audit, time};

/// What is looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reconciling)]
pub(crate) struct RunView {
    /// How many apps assignments of the token have to do with.
    apps: u64,
}

/// Compares all that assignments of a token want with what is, and tries again what did not come to be. The same happens after
/// every full sync.
#[utoipa::path(post, operation_id = "reconcile", path = "/api/v1/tokens/{token}/reconcile", tag = "assignments",
    params(("token" = i64, Path, description = "The token's number")),
    responses((status = 202, description = "It is being looked at", body = RunView)))]
pub(crate) async fn run(
    State(app): State<App>,
    Operator(actor): Operator,
    TokenInPath(id): TokenInPath,
    body: Body,
) -> Result<(StatusCode, Json<RunView>), ApiError> {
    body.nothing()?;
    let view = retrying(|| write(&app, &actor, id)).await?;
    app.push.reconcile().await;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

async fn write(app: &App, actor: &Actor, id: TokenId) -> Result<RunView, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    tokens::known(&mut tx, actor, id).await?;
    let apps = marks::mark_token(&mut tx, id, now).await?;
    audit::note(&mut tx, actor, "token.reconcile", &format!("token {id}"), &json!({ "apps": apps }), now)
        .await?;
    tx.commit().await?;
    Ok(RunView { apps })
}
