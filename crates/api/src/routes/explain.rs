//! `GET /api/v1/explain`: why a device or a user has an app or lacks it.

use axum::Json;
use axum::extract::State;
use russet_domain::explain::{Facts, Last, explain};
use russet_domain::{Holder, TokenId};
use russet_store::assets::{self, AssetRow};
use russet_store::{Db, catalog, changes, policies, reconcile, waitlist};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Actor, Viewer};
use crate::error::ApiError;
use crate::page::Page;
use crate::query::{Asked, shown};
use crate::state::App;
use crate::view::ExplanationView;

/// The most assets that one answer explains: as many tokens may own the same app.
const ASSETS_MAX: usize = 50;
/// The most changes of each that are told.
const CHANGES_MAX: usize = 20;

/// Who, and which app.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The device, by serial number.
    serial: Option<String>,
    /// The user, by `client_user_id`.
    user: Option<String>,
    /// Through this token alone.
    token: Option<i64>,
}

/// Explains in one sentence why a device or a user has an app or lacks it, what would change that, and what happened: for every token
/// that owns the app, those first whose license the holder has.
#[utoipa::path(get, operation_id = "explain", path = "/api/v1/explain", tag = "licenses", params(Query),
    responses((status = 200, description = "One entry for each asset", body = Page<ExplanationView>),
        (status = 404, description = "`no_such_app`: no token here owns it",
            body = crate::problem::Problem, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<ExplanationView>>, ApiError> {
    let holder = match (&query.serial, &query.user) {
        (Some(serial), None) => Holder::device(serial).map_err(|why| wrong("serial", &why))?,
        (None, Some(user)) => Holder::user(user).map_err(|why| wrong("user", &why))?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::InvalidQuery("give `serial` or `user`, and one of them".to_owned()));
        }
    };
    let mut db = app.store.read().await?;
    let token = query.token.map(TokenId);
    let mut rows = assets::of_product(&mut db, &query.adam_id, token, &holder, ASSETS_MAX).await?;
    rows.retain(|row| actor.sees(row.token));
    if rows.is_empty() {
        return Err(ApiError::NoSuchApp(shown(&query.adam_id)));
    }
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(one(&mut db, &actor, row, &holder).await?);
    }
    Ok(Json(Page::whole(items)))
}

fn wrong(field: &str, why: &dyn std::fmt::Display) -> ApiError {
    ApiError::InvalidQuery(format!("`{field}` cannot be taken: {why}"))
}

async fn one(
    db: &mut Db,
    actor: &Actor,
    row: AssetRow,
    holder: &Holder,
) -> Result<ExplanationView, ApiError> {
    let about = reconcile::about(db, row.id, holder).await?;
    let changes = changes::history(db, row.id, holder, CHANGES_MAX).await?;
    let filter = waitlist::Filter {
        token: Some(row.token),
        adam_id: Some(row.asset.key.adam_id.clone()),
        holder: Some(holder.id().to_owned()),
        among: actor.bound_to().map(<[TokenId]>::to_vec),
    };
    let lines = waitlist::list(db, &filter, CHANGES_MAX, None).await?;
    let place = lines.iter().find(|entry| entry.asset == row.id && entry.holder == *holder);
    let rules = policies::read(db, row.token).await?;
    let last = changes.first().map(|change| Last {
        action: change.action,
        state: change.state,
        code: change.error_code.as_deref(),
        job: change.job.map(|job| job.0),
    });
    let explanation = explain(&Facts {
        holder,
        known: about.known,
        standing: &about.standing,
        claims: &about.claims,
        place: place.map(|entry| (entry.place, entry.waiting)),
        last,
        policies: &rules,
    });
    let named = [(row.token, row.asset.key.adam_id.as_str())];
    let name = catalog::names(db, named).await?.into_values().next();
    Ok(ExplanationView::new(row, holder, name, explanation, &about, changes))
}
