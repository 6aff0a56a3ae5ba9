//! `PATCH /api/v1/tokens/{token}`: changes what a person decides about a token.

use axum::Json;
use axum::extract::State;
use russet_domain::TokenId;
use russet_store::tokens;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{account_type, apple_id, country, known, name, schedule, take_over};
use crate::audit;
use crate::auth::{Actor, Admin};
use crate::body::Body;
use crate::error::ApiError;
use crate::query::TokenInPath;
use crate::retrying::retrying;
use crate::state::App;
use crate::time;
use crate::view::TokenView;

/// What is to change. What is left out, or null, stays as it is.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenPatch)]
pub(crate) struct Patch {
    /// The administrator's label, 1 to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The store's country, ISO 3166-1 alpha-2. Names and versions follow at the next sync; an app that is not sold there
    /// stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// Whether apps are to be updated without being asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_update: Option<bool>,
    /// True orders to take the location from another MDM server, once, as `POST …/take-over` does; false calls off an
    /// order that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    take_over: Option<bool>,
    /// `business` or `education`.
    #[serde(skip_serializing_if = "Option::is_none")]
    account_type: Option<String>,
    /// The Managed Apple Account that the token belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    apple_id: Option<String>,
    /// When it is synced: `default`, `never`, or a cron expression of five fields, as in `0 */6 * * *`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_schedule: Option<String>,
}

/// Changes a token.
#[utoipa::path(patch, operation_id = "change_token", path = "/api/v1/tokens/{token}", tag = "tokens", request_body = Patch,
    params(("token" = i64, Path, description = "The token's number")),
    responses((status = 200, description = "The token as it is now", body = TokenView)))]
pub(crate) async fn change(
    State(app): State<App>,
    Admin(actor): Admin,
    TokenInPath(id): TokenInPath,
    body: Body,
) -> Result<Json<TokenView>, ApiError> {
    let patch: Patch = body.json()?;
    let takes_over = patch.take_over == Some(true);
    let change = tokens::Patch {
        name: patch.name.as_deref().map(name).transpose()?,
        country: patch.country.as_deref().map(country).transpose()?,
        account_type: patch.account_type.as_deref().map(account_type).transpose()?,
        auto_update: patch.auto_update,
        apple_id: patch.apple_id.as_deref().map(apple_id).transpose()?,
        sync_schedule: patch.sync_schedule.as_deref().map(schedule).transpose()?,
    };
    let view = retrying(|| write(&app, &actor, id, &patch, &change)).await?;
    if takes_over {
        app.push.claim_token(id).await;
    }
    Ok(Json(view))
}

async fn write(
    app: &App,
    actor: &Actor,
    id: TokenId,
    patch: &Patch,
    change: &tokens::Patch,
) -> Result<TokenView, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    known(&mut tx, actor, id).await?;
    tokens::lock(&mut tx, id).await?;
    tokens::update(&mut tx, id, change, now).await?;
    match patch.take_over {
        Some(true) => drop(take_over::order(&mut tx, actor, id, now).await?),
        Some(false) => take_over::call_off(&mut tx, id, now).await?,
        None => {}
    }
    let detail = serde_json::to_value(patch).unwrap_or_default();
    audit::note(&mut tx, actor, "token.change", &format!("token {id}"), &detail, now).await?;
    let token = known(&mut tx, actor, id).await?;
    tx.commit().await?;
    Ok(token.into())
}
