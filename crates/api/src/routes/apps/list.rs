//! `GET /api/v1/apps`: products with names and counts, over all tokens or one row a token (rule S-20).

use axum::Json;
use axum::extract::State;
use russet_domain::catalog::{Listing, Platform};
use russet_domain::{ProductType, TokenId};
use russet_store::catalog::{self, Filter, Place};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Actor, Viewer};
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, word};
use crate::routes::tokens::known;
use crate::state::App;
use crate::view::{AppView, PLATFORMS};

const LIST: &str = "apps";
/// The longest text that is looked for.
const TEXT_MAX: usize = 200;

/// Which products. Everything that is given has to fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this token, one row each.
    token: Option<i64>,
    /// True for one row a token instead of one for all.
    #[serde(default)]
    per_token: bool,
    /// This product.
    adam_id: Option<String>,
    /// Those with this text in their name, maker, bundle id or number; case does not matter.
    text: Option<String>,
    /// Those for `iOS`, `macOS`, `tvOS`, `watchOS` or `visionOS`.
    platform: Option<String>,
    /// `App` or `Book`.
    product_type: Option<String>,
    /// True for those made for the organization alone, false for others.
    custom: Option<bool>,
    /// True for those without a limit, false for those with one.
    unlimited: Option<bool>,
    /// Those of which the store says `listed`, `not_in_store` or `gone`.
    state: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists products in the order of their numbers.
#[utoipa::path(get, operation_id = "list_apps", path = "/api/v1/apps", tag = "licenses", params(Query),
    responses((status = 200, description = "Products", body = Page<AppView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<AppView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after: Option<(String, i64)> = page::read_cursor(LIST, query.cursor.as_deref())?;
    let after = after.map(|(adam_id, token)| Place { adam_id, token });
    let filter = filter(&actor, query)?;
    let mut db = app.store.read().await?;
    if let Some(token) = filter.token {
        known(&mut db, &actor, token).await?;
    }
    let rows = catalog::list(&mut db, &filter, page::one_more(limit), after.as_ref()).await?;
    let place = |row: &catalog::Owned| (row.place.adam_id.clone(), row.place.token);
    Ok(Json(Page::cut(LIST, rows, limit, place, AppView::new)))
}

fn filter(actor: &Actor, query: Query) -> Result<Filter, ApiError> {
    let platform = match query.platform {
        None => None,
        Some(text) => Some(platform(&text)?),
    };
    let product_type = match query.product_type.as_deref() {
        None => None,
        Some("App") => Some(ProductType::App),
        Some("Book") => Some(ProductType::Book),
        Some(_) => {
            return Err(ApiError::InvalidQuery("`product_type` should be one of App, Book".to_owned()));
        }
    };
    let text = query.text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > TEXT_MAX) {
        return Err(ApiError::InvalidQuery(format!("`text` should have at most {TEXT_MAX} characters")));
    }
    Ok(Filter {
        token: query.token.map(TokenId),
        among: actor.bound_to().map(<[TokenId]>::to_vec),
        adam_id: query.adam_id,
        text,
        platform,
        product_type,
        custom: query.custom,
        unlimited: query.unlimited,
        listing: word("state", query.state.as_deref(), &Listing::ALL, Listing::as_str)?,
        per_token: query.per_token || query.token.is_some(),
    })
}

fn platform(text: &str) -> Result<Platform, ApiError> {
    let named = Platform::from_text(text);
    if PLATFORMS.contains(&named) {
        return Ok(named);
    }
    let words: Vec<&str> = PLATFORMS.iter().map(Platform::as_str).collect();
    Err(ApiError::InvalidQuery(format!("`platform` should be one of {}", words.join(", "))))
}
