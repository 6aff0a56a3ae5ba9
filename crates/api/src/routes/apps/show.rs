//! `GET /api/v1/apps/{adam_id}`: all that is known of a product.

use axum::Json;
use axum::extract::State;
use russet_domain::TokenId;
use russet_store::catalog::{self, Filter};

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::query::{AppInPath, shown};
use crate::state::App;
use crate::view::{AppDetailView, AppView, FactsView, VersionView};

/// The most versions and tokens that are shown with a product.
const VERSIONS_MAX: usize = 200;
const OWNERS_MAX: usize = 1_000;

/// Shows a product with its versions and the tokens that own it. One that Apple lists no more for any of them is not there
/// any more.
#[utoipa::path(get, operation_id = "show_app", path = "/api/v1/apps/{adam_id}", tag = "licenses",
    params(("adam_id" = String, Path, description = "The product's number in Apple's stores")),
    responses((status = 200, description = "The product", body = AppDetailView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    AppInPath(adam_id): AppInPath,
) -> Result<Json<AppDetailView>, ApiError> {
    let filter = Filter {
        adam_id: Some(adam_id.clone()),
        among: actor.bound_to().map(<[TokenId]>::to_vec),
        ..Filter::default()
    };
    let mut db = app.store.read().await?;
    let row = catalog::list(&mut db, &filter, 1, None).await?.pop();
    let row = row.ok_or_else(|| ApiError::NoSuchApp(shown(&adam_id)))?;
    let per_token = Filter { per_token: true, ..filter };
    let owners = catalog::list(&mut db, &per_token, OWNERS_MAX, None).await?;
    let language = catalog::language(&mut db).await?;
    let stores: Vec<_> = row.stores.iter().map(|app| (adam_id.clone(), app.country.clone())).collect();
    let history = catalog::versions(&mut db, &stores, &language, false, VERSIONS_MAX).await?;
    Ok(Json(AppDetailView {
        stores: row.stores.iter().map(|app| FactsView::new(app, &row.versions)).collect(),
        history: history.iter().map(VersionView::from).collect(),
        owners: owners.into_iter().map(AppView::new).collect(),
        app: AppView::new(row),
    }))
}
