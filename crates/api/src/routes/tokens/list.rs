//! `GET /api/v1/tokens`: the tokens there are.

use axum::Json;
use axum::extract::State;
use russet_domain::TokenId;
use russet_domain::token::TokenState;
use russet_store::tokens::{self, Filter, SyncState};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{account_type, country};
use crate::auth::{Actor, Viewer};
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, moment, word};
use crate::state::App;
use crate::view::TokenView;

const LIST: &str = "tokens";
/// The longest text that is looked for.
const TEXT_MAX: usize = 100;

/// Which tokens. What is left out narrows nothing.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those in this state.
    state: Option<String>,
    /// Those of this name.
    name: Option<String>,
    /// Those with this text in their name, their location's name or id, or their organization, in any case.
    text: Option<String>,
    /// Those that open this location, by Apple's id.
    location: Option<String>,
    /// Those that expire before this moment, RFC 3339, or this day, such as `2031-04-09`.
    expires_before: Option<String>,
    /// Those of this country, as a person set it or else as Apple says.
    country: Option<String>,
    /// `business` or `education` ones.
    account_type: Option<String>,
    /// Those whose last sync is `none`, `in_progress`, `completed` or `failed`.
    sync: Option<String>,
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
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(TokenId);
    let filter = filter(query, &actor)?;
    let mut db = app.store.read().await?;
    let rows = tokens::list(&mut db, &filter, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |token| token.id.0, TokenView::from)))
}

fn filter(query: Query, actor: &Actor) -> Result<Filter, ApiError> {
    let in_query = |error: ApiError| match error {
        ApiError::InvalidField { field, why } => ApiError::InvalidQuery(format!("`{field}`: {why}")),
        other => other,
    };
    if query.text.as_ref().is_some_and(|text| text.chars().count() > TEXT_MAX) {
        return Err(ApiError::InvalidQuery(format!("`text` should have at most {TEXT_MAX} characters")));
    }
    Ok(Filter {
        state: word("state", query.state.as_deref(), &TokenState::ALL, TokenState::as_str)?,
        name: query.name,
        text: query.text.filter(|text| !text.trim().is_empty()),
        uid: query.location,
        expires_before: moment("expires_before", query.expires_before.as_deref())?,
        country: query.country.as_deref().map(country).transpose().map_err(in_query)?,
        account_type: query.account_type.as_deref().map(account_type).transpose().map_err(in_query)?,
        sync: word("sync", query.sync.as_deref(), &SyncState::ALL, SyncState::as_str)?,
        among: actor.bound_to().map(<[TokenId]>::to_vec),
    })
}
