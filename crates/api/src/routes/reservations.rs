//! `POST /api/v1/reservations`: licenses of an app that those who wait in the line are not given.

use axum::Json;
use axum::extract::State;
use russet_domain::TokenId;
use russet_domain::job::Priority;
use russet_store::{assets, policies};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::retrying::retrying;
use crate::routes::assignments::asset;
use crate::routes::tokens;
use crate::state::App;
use crate::view::AssetView;
use crate::{audit, time};

/// The most licenses that are kept of one app: more than anybody owns.
const KEEP_MAX: u64 = 10_000_000;

/// What is kept of which app.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reservation)]
pub(crate) struct ReservationBody {
    /// The token.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality, `STDQ` or `PLUS`; `STDQ` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing_param: Option<String>,
    /// How many are kept; 0 keeps none.
    keep: u64,
}

/// Keeps the last licenses of an app for jobs of their own: whoever waits in the line, which is what assignments do, is not given them.
/// May be repeated.
#[utoipa::path(post, operation_id = "reserve", path = "/api/v1/reservations", tag = "licenses", request_body = ReservationBody,
    responses((status = 200, description = "The app with what is kept of it", body = AssetView)))]
pub(crate) async fn reserve(
    State(app): State<App>,
    Operator(actor): Operator,
    body: Body,
) -> Result<Json<AssetView>, ApiError> {
    let asked: ReservationBody = body.json()?;
    if asked.keep > KEEP_MAX {
        let why = format!("it should be from 0 to {KEEP_MAX}");
        return Err(ApiError::InvalidField { field: "keep".to_owned(), why });
    }
    let view = retrying(|| write(&app, &actor, &asked)).await?;
    // With fewer kept, some who wait may be served.
    app.push.apply_changes(TokenId(asked.token), Priority::Normal).await;
    Ok(Json(view))
}

async fn write(app: &App, actor: &Actor, asked: &ReservationBody) -> Result<AssetView, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    let token = tokens::known(&mut tx, actor, TokenId(asked.token)).await?;
    let row = asset(&mut tx, &token, &asked.adam_id, asked.pricing_param.as_deref()).await?;
    let keep = i64::try_from(asked.keep).unwrap_or(i64::MAX);
    let alert = policies::read(&mut tx, token.id).await?.alert_percent();
    assets::reserve(&mut tx, row.id, keep).await?;
    audit::note(&mut tx, actor, "asset.reserve", &format!("token {}", token.id), &json!(asked), now).await?;
    tx.commit().await?;
    Ok(AssetView::new(assets::AssetRow { reserved: keep, ..row }, None, alert))
}
