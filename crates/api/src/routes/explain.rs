//! `GET /api/v1/explain`: why a device or a user has an app or lacks it.

use axum::Json;
use axum::extract::State;
use russet_domain::change;
use russet_domain::explain::{Facts, Last, Place, explain};
use russet_domain::{Holder, TokenId};
use russet_store::assets::{self, AssetRow};
use russet_store::changes::{self, waitlist};
use russet_store::{Snapshot, catalog, policies, reconcile};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::Page;
use crate::query::{Asked, holder, shown};
use crate::state::App;
use crate::view::ExplanationView;

/// The most assets that one answer explains: as many tokens may own the same app.
const ASSETS_MAX: usize = 50;
/// The most changes of each that are told.
const CHANGES_MAX: usize = 20;
/// The most qualities that one product has.
const QUALITIES_MAX: usize = 10;

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
    let Some(holder) = holder(query.serial, query.user)? else {
        return Err(ApiError::InvalidQuery("say who, in `serial` or `user`".to_owned()));
    };
    let missing = || ApiError::NoSuchApp(shown(&query.adam_id));
    let asked = query.token.map(TokenId);
    if asked.is_some_and(|token| !actor.sees(token)) {
        return Err(missing());
    }
    let tokens = asked.as_ref().map(std::slice::from_ref).or(actor.bound_to());
    let mut db = app.store.snapshot().await?;
    let rows = assets::of_product(&mut db, &query.adam_id, tokens, &holder, ASSETS_MAX).await?;
    if rows.is_empty() {
        return Err(missing());
    }
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        items.push(one(&mut db, row, &holder).await?);
    }
    Ok(Json(Page::whole(items)))
}

async fn one(db: &mut Snapshot, row: AssetRow, holder: &Holder) -> Result<ExplanationView, ApiError> {
    let about = reconcile::about(db, row.id, holder).await?;
    let changes = changes::history(db, row.id, holder, CHANGES_MAX).await?;
    let place = match changes.first() {
        Some(newest) if newest.state == change::State::Waitlisted => place(db, &row, holder).await?,
        Some(_) | None => None,
    };
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
        place,
        last,
        policies: &rules,
    });
    let named = [(row.token, row.asset.key.adam_id.as_str())];
    let name = catalog::names(db, named).await?.into_values().next();
    Ok(ExplanationView::new(row, holder, name, explanation, &about, changes))
}

/// The holder's place in the asset's line.
async fn place(db: &mut Snapshot, row: &AssetRow, holder: &Holder) -> Result<Option<Place>, ApiError> {
    let filter = waitlist::Filter {
        token: Some(row.token),
        adam_id: Some(row.asset.key.adam_id.clone()),
        holder: Some(holder.clone()),
        among: None,
    };
    // One for each quality of the product.
    let lines = waitlist::list(db, &filter, QUALITIES_MAX, None).await?;
    let found = lines.into_iter().find(|entry| entry.asset == row.id);
    Ok(found.map(|entry| Place {
        number: entry.place,
        of: entry.waiting,
        ahead: entry.ahead,
        quota: entry.quota,
    }))
}
