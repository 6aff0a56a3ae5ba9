//! `GET /api/v1/licenses`: who holds what.

use axum::Json;
use axum::extract::State;
use russet_domain::{Timestamp, TokenId};
use russet_store::{Db, catalog, history, licenses, tokens};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, holder, moment};
use crate::state::App;
use crate::time::text;
use crate::view::LicenseView;

const LIST: &str = "licenses";

/// Which licenses. Everything that is given has to fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of this token.
    token: Option<i64>,
    /// Those of this product.
    adam_id: Option<String>,
    /// Those of this quality, `STDQ` or `PLUS`.
    pricing_param: Option<String>,
    /// Those that this device holds.
    serial: Option<String>,
    /// Those that this user holds.
    user: Option<String>,
    /// Those that were held at this moment, RFC 3339; needs `token`. A token's history begins with its first whole sync.
    at: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists licenses, as last read from Apple and moved here since, or as they were at a moment of the past.
#[utoipa::path(get, operation_id = "list_licenses", path = "/api/v1/licenses", tag = "licenses", params(Query),
    responses((status = 200, description = "Licenses", body = Page<LicenseView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<LicenseView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_place(LIST, query.cursor.as_deref())?;
    let holder = holder(query.serial, query.user)?;
    let token = query.token.map(TokenId);
    let mut db = app.store.read().await?;
    if let Some(token) = token
        && (!actor.sees(token) || tokens::find(&mut db, token).await?.is_none())
    {
        return Err(ApiError::NoSuchToken(token.to_string()));
    }
    let filter =
        licenses::Filter { token, adam_id: query.adam_id, pricing_param: query.pricing_param, holder };
    let most = page::one_more(limit);
    let rows = match moment("at", query.at.as_deref())? {
        Some(at) => {
            let at = (named(token)?, at);
            may_know(&mut db, at).await?;
            history::held_at(&mut db, at, &filter, most, after.as_ref()).await?
        }
        None => licenses::list(&mut db, &filter, most, after.as_ref()).await?,
    };
    let page = Page::cut(LIST, rows, limit, |row| page::place(row.asset, &row.holder), |row| row);
    // A page of a key that is bound to some tokens may have fewer entries than asked for, also before the last.
    let rows: Vec<_> = page.items.into_iter().filter(|row| actor.sees(row.token)).collect();
    let ids = rows.iter().map(|row| (row.token, row.key.adam_id.as_str()));
    let names = catalog::names(&mut db, ids).await?;
    let show = |row: licenses::License| {
        let name = names.get(&(row.token, row.key.adam_id.clone())).cloned();
        LicenseView::new(row, name)
    };
    let items = rows.into_iter().map(show).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}

fn named(token: Option<TokenId>) -> Result<TokenId, ApiError> {
    token.ok_or_else(|| {
        ApiError::InvalidQuery("`at` needs `token`: name the token whose past it is".to_owned())
    })
}

/// Whether anything is known of that moment.
async fn may_know(db: &mut Db, (token, at): (TokenId, Timestamp)) -> Result<(), ApiError> {
    let begins = history::begins(db, token).await?.ok_or(ApiError::TokenNotSynced)?;
    if at < begins {
        let begins = text(begins);
        return Err(ApiError::InvalidQuery(format!(
            "`at` is before {begins}, when the token's history begins"
        )));
    }
    Ok(())
}
