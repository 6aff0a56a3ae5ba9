//! `GET /api/v1/tokens`: the tokens there are.

use axum::Json;
use axum::extract::State;
use russet_domain::TokenId;
use russet_domain::token::TokenState;
use russet_store::tokens::{self, Filter, Token};
use russet_store::{Db, StoreError};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, word};
use crate::state::App;
use crate::view::TokenView;

const LIST: &str = "tokens";

/// Which tokens.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those in this state.
    state: Option<String>,
    /// Those of this name.
    name: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists tokens, the oldest first.
#[utoipa::path(get, operation_id = "list_tokens", path = "/api/v1/tokens", tag = "tokens", params(Query),
    responses((status = 200, description = "Tokens", body = Page<TokenView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<TokenView>>, ApiError> {
    let state = word("state", query.state.as_deref(), &TokenState::ALL, TokenState::as_str)?;
    let filter = Filter { state, name: query.name };
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(TokenId);
    let mut db = app.store.read().await?;
    let most = page::one_more(limit);
    let rows = match actor.bound_to() {
        None => tokens::list(&mut db, &filter, most, after).await?,
        Some(bound) => among(&mut db, bound, &filter, most, after).await?,
    };
    Ok(Json(Page::cut(LIST, rows, limit, |token| token.id.0, TokenView::from)))
}

/// The same for a key that is bound to a few tokens: each is looked up.
async fn among(
    db: &mut Db,
    bound: &[TokenId],
    filter: &Filter,
    limit: usize,
    after: Option<TokenId>,
) -> Result<Vec<Token>, StoreError> {
    let mut found = Vec::new();
    for id in bound.iter().filter(|id| after.is_none_or(|after| **id > after)) {
        if found.len() >= limit {
            break;
        }
        if let Some(token) = tokens::find(db, *id).await?
            && filter.state.is_none_or(|state| token.state == state)
            && filter.name.as_ref().is_none_or(|name| token.name == *name)
        {
            found.push(token);
        }
    }
    Ok(found)
}
