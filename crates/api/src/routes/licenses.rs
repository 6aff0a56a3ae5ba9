//! `GET /api/v1/licenses`: who holds what.

use axum::Json;
use axum::extract::State;
use russet_domain::{AssetId, Holder, TokenId};
use russet_store::{catalog, licenses, tokens};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, holder};
use crate::state::App;
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
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists licenses, as last read from Apple and moved here since.
#[utoipa::path(get, operation_id = "list_licenses", path = "/api/v1/licenses", tag = "licenses", params(Query),
    responses((status = 200, description = "Licenses", body = Page<LicenseView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<LicenseView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor(LIST, query.cursor.as_deref())?.map(read_place);
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
    let rows = licenses::list(&mut db, &filter, page::one_more(limit), after.as_ref()).await?;
    let page = Page::cut(LIST, rows, limit, place, |row| row);
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

fn place(row: &licenses::License) -> (i64, bool, String) {
    (row.asset.0, row.holder.is_device(), row.holder.id().to_owned())
}

fn read_place((asset, is_device, id): (i64, bool, String)) -> (AssetId, Holder) {
    (AssetId(asset), if is_device { Holder::Device(id) } else { Holder::User(id) })
}
