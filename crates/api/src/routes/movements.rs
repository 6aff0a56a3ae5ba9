//! `GET /api/v1/movements`: which licenses changed hands, when, and what moved them.

use axum::Json;
use axum::extract::State;
use russet_domain::TokenId;
use russet_store::history::{self, Filter, Movement};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, holder, moment};
use crate::routes::tokens;
use crate::state::App;
use crate::time::text;
use crate::view::serial_and_user;

const LIST: &str = "movements";

/// Which movements. Everything that is given has to fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this token, also of one that was removed.
    token: Option<i64>,
    /// Those of this product.
    adam_id: Option<String>,
    /// Those of this device.
    serial: Option<String>,
    /// Those of this user.
    user: Option<String>,
    /// Those from this moment on, RFC 3339.
    since: Option<String>,
    /// Those before this moment, RFC 3339.
    until: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One license that changed hands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Movement)]
pub(crate) struct MovementView {
    /// Its number.
    id: i64,
    /// When it was learned.
    #[schema(format = DateTime)]
    at: String,
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
    /// `assign` or `revoke`.
    action: &'static str,
    /// What it was learned from: `change` (ours), `notification` or `sync` (others'), or `retired` (the user went out of the program).
    cause: &'static str,
    /// The change of ours that moved it.
    change: Option<i64>,
    /// The first job that had asked for it.
    job: Option<i64>,
    /// Who wanted that job: `api`, `schedule`, `assignment` or `drift`.
    origin: Option<String>,
    /// The name of the API key that submitted that job.
    key: Option<String>,
    /// Apple's event.
    event: Option<String>,
}

/// Lists which licenses changed hands, the newest first. What the first whole reading of a location found has not moved and is not in it.
#[utoipa::path(get, operation_id = "list_movements", path = "/api/v1/movements", tag = "licenses", params(Query),
    responses((status = 200, description = "Movements", body = Page<MovementView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<MovementView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let before = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?;
    let filter = Filter {
        token: query.token.map(TokenId),
        adam_id: query.adam_id,
        holder: holder(query.serial, query.user)?,
        since: moment("since", query.since.as_deref())?,
        until: moment("until", query.until.as_deref())?,
        among: actor.bound_to().map(<[TokenId]>::to_vec),
    };
    let mut db = app.store.read().await?;
    if let Some(token) = filter.token
        && !actor.sees(token)
    {
        tokens::known(&mut db, &actor, token).await?;
    }
    let rows = history::list(&mut db, &filter, page::one_more(limit), before).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |row| row.id, MovementView::from)))
}

impl From<Movement> for MovementView {
    fn from(row: Movement) -> Self {
        let (serial, user) = serial_and_user(row.holder);
        Self {
            id: row.id,
            at: text(row.at),
            token: row.token.0,
            adam_id: row.key.adam_id,
            pricing_param: row.key.pricing.as_str().to_owned(),
            serial,
            user,
            action: row.action.as_str(),
            cause: row.cause.as_str(),
            change: row.change.map(|change| change.0),
            job: row.job.map(|job| job.0),
            origin: row.origin,
            key: row.key_name,
            event: row.event,
        }
    }
}
