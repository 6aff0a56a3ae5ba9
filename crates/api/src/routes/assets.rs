//! `GET /api/v1/assets`: a location's products and their counts.

use axum::Json;
use axum::extract::State;
use russet_domain::{AssetId, TokenId};
use russet_store::assets::AssetRow;
use russet_store::{assets, catalog, policies, tokens};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::Asked;
use crate::state::App;
use crate::view::AssetView;

const LIST: &str = "assets";

/// Which assets.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// The token whose location's assets are listed.
    token: i64,
    /// Only those that are running low: of what was bought, so much is in use as the token's policy `alert_percent` says. A page holds
    /// fewer then; the list ends where `next_cursor` is null.
    #[serde(default)]
    running_low: bool,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists a location's assets, as last read from Apple.
#[utoipa::path(get, operation_id = "list_assets", path = "/api/v1/assets", tag = "licenses", params(Query),
    responses((status = 200, description = "Assets", body = Page<AssetView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<AssetView>>, ApiError> {
    let token = TokenId(query.token);
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(AssetId);
    let mut db = app.store.read().await?;
    if !actor.sees(token) || tokens::find(&mut db, token).await?.is_none() {
        return Err(ApiError::NoSuchToken(token.to_string()));
    }
    let alert = policies::read(&mut db, token).await?.alert_percent();
    let rows = assets::list(&mut db, token, page::one_more(limit), after).await?;
    let mut page = Page::cut(LIST, rows, limit, |row| row.id.0, |row| row);
    // What Apple's list no longer holds stays in the table only while something here refers to it.
    let is_shown =
        |row: &AssetRow| !row.gone && (!query.running_low || row.asset.supply.is_running_low(alert));
    let rows: Vec<_> = page.items.drain(..).filter(is_shown).collect();
    let ids = rows.iter().map(|row| (row.token, row.asset.key.adam_id.as_str()));
    let names = catalog::names(&mut db, ids).await?;
    let items = rows
        .into_iter()
        .map(|row| {
            let name = names.get(&(row.token, row.asset.key.adam_id.clone())).cloned();
            AssetView::new(row, name, alert)
        })
        .collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}
