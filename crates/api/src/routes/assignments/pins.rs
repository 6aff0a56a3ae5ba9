//! `/api/v1/pins`: licenses that never go, whatever the policies and jobs say.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::{Holder, TokenId};
use russet_store::{marks, pins as store};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::asset;
use crate::auth::{Actor, Operator, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::page::{self, Page};
use crate::query::{Asked, holder};
use crate::retrying::retrying;
use crate::routes::tokens;
use crate::state::App;
use crate::view::serial_and_user;
use crate::{audit, time};

const LIST: &str = "pins";

/// Which license.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPin)]
pub(crate) struct PinBody {
    /// The token.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality, `STDQ` or `PLUS`; `STDQ` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing_param: Option<String>,
    /// The device, by serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user, by `client_user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PinChanged)]
pub(crate) struct ChangedView {
    /// Whether it is pinned now.
    pinned: bool,
    /// Whether that is news.
    changed: bool,
}

/// Which pins. Everything that is given has to fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this token.
    token: Option<i64>,
    /// Those of this product.
    adam_id: Option<String>,
    /// Those of this device.
    serial: Option<String>,
    /// Those of this user.
    user: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A license that never goes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pin)]
pub(crate) struct PinView {
    /// The token.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality.
    pricing_param: String,
    /// The device, by serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user, by `client_user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// Who pinned it.
    pinned_by: String,
    /// When.
    #[schema(format = DateTime)]
    pinned_at: String,
}

/// Pins a license, also one that is not held yet: no policy, job or drift takes it back before it is unpinned.
#[utoipa::path(post, operation_id = "pin", path = "/api/v1/pins", tag = "assignments", request_body = PinBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "It is pinned", body = ChangedView)))]
pub(crate) async fn pin(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    carry_out(&app, &actor, &headers, &body, true).await
}

/// Unpins a license. What the policies want to take back goes from then on.
#[utoipa::path(delete, operation_id = "unpin", path = "/api/v1/pins", tag = "assignments", request_body = PinBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "It is not pinned", body = ChangedView)))]
pub(crate) async fn unpin(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    carry_out(&app, &actor, &headers, &body, false).await
}

/// Lists pinned licenses.
#[utoipa::path(get, operation_id = "list_pins", path = "/api/v1/pins", tag = "assignments", params(Query),
    responses((status = 200, description = "Pins", body = Page<PinView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<PinView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_place(LIST, query.cursor.as_deref())?;
    let filter = store::Filter {
        token: query.token.map(TokenId),
        adam_id: query.adam_id,
        holder: holder(query.serial, query.user)?,
        among: actor.bound_to().map(<[TokenId]>::to_vec),
    };
    let mut db = app.store.read().await?;
    let rows = store::list(&mut db, &filter, page::one_more(limit), after.as_ref()).await?;
    let place = |row: &store::Pin| page::place(row.asset, &row.holder);
    Ok(Json(Page::cut(LIST, rows, limit, place, PinView::from)))
}

async fn carry_out(
    app: &App,
    actor: &Actor,
    headers: &HeaderMap,
    body: &Body,
    wanted: bool,
) -> Result<Answer, ApiError> {
    let once = Once::of(headers, &body.fingerprint)?;
    let asked: PinBody = body.json()?;
    let holder = one_holder(&asked)?;
    let answer = retrying(|| write(app, actor, &once, &asked, &holder, wanted)).await?;
    if !wanted {
        app.push.reconcile().await;
    }
    Ok(answer)
}

fn one_holder(asked: &PinBody) -> Result<Holder, ApiError> {
    let wrong = |field: &str, why: String| ApiError::InvalidField { field: field.to_owned(), why };
    match (&asked.serial, &asked.user) {
        (Some(serial), None) => Holder::device(serial).map_err(|why| wrong("serial", why.to_string())),
        (None, Some(user)) => Holder::user(user).map_err(|why| wrong("user", why.to_string())),
        (Some(_), Some(_)) | (None, None) => {
            Err(wrong("serial", "give either `serial` or `user`, and not both".to_owned()))
        }
    }
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    asked: &PinBody,
    holder: &Holder,
    wanted: bool,
) -> Result<Answer, ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok(answer);
    }
    let token = tokens::known(&mut tx, actor, TokenId(asked.token)).await?;
    let row = asset(&mut tx, &token, &asked.adam_id, asked.pricing_param.as_deref()).await?;
    let changed = if wanted {
        store::pin(&mut tx, row.id, holder, &actor.label(), now).await?
    } else {
        let changed = store::unpin(&mut tx, row.id, holder).await?;
        marks::mark_whole(&mut tx, &[row.id], now).await?;
        changed
    };
    if changed {
        let what = if wanted { "pin.add" } else { "pin.remove" };
        audit::note(&mut tx, actor, what, &format!("token {}", token.id), &json!(asked), now).await?;
    }
    let answer = Answer::new(StatusCode::OK, None, &ChangedView { pinned: wanted, changed })?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok(answer)
}

impl From<store::Pin> for PinView {
    fn from(row: store::Pin) -> Self {
        let (serial, user) = serial_and_user(row.holder);
        Self {
            token: row.token.0,
            adam_id: row.key.adam_id,
            pricing_param: row.key.pricing.as_str().to_owned(),
            serial,
            user,
            pinned_by: row.by,
            pinned_at: time::text(row.at),
        }
    }
}
