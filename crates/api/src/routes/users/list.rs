//! `GET /api/v1/users`: the users there are, each once for each location.

use axum::Json;
use axum::extract::State;
use russet_domain::user_registration::Work;
use russet_domain::{TokenId, UserId, UserStatus};
use russet_store::{tokens, users};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, word};
use crate::state::App;
use crate::view::{STATUSES, UserView};

const LIST: &str = "users";
/// The longest beginning that is looked for.
const PREFIX_MAX: usize = 255;

/// Which users. Everything that is given has to fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those at this token's location.
    token: Option<i64>,
    /// Those that Apple has as `registered`, `associated`, `retired` or `deleted`.
    status: Option<String>,
    /// Those whose wish is `none` (there is nothing to do), `planned`, `held`, `sending`, `accepted` or `refused`.
    work: Option<String>,
    /// Those whose id or email address begins so.
    q: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists users, the oldest first: as last read from Apple, and with what is wished for them here.
#[utoipa::path(get, operation_id = "list_users", path = "/api/v1/users", tag = "users", params(Query),
    responses((status = 200, description = "Users", body = Page<UserView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<UserView>>, ApiError> {
    let status = word("status", query.status.as_deref(), &STATUSES, |(shown, _)| shown)?;
    let work = word("work", query.work.as_deref(), &Work::ALL, Work::as_str)?;
    if query.q.as_ref().is_some_and(|prefix| prefix.len() > PREFIX_MAX) {
        return Err(ApiError::InvalidQuery(format!("`q` should have at most {PREFIX_MAX} bytes")));
    }
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(UserId);
    let token = query.token.map(TokenId);
    let mut db = app.store.read().await?;
    if let Some(token) = token
        && (!actor.sees(token) || tokens::find(&mut db, token).await?.is_none())
    {
        return Err(ApiError::NoSuchToken(token.to_string()));
    }
    let filter = users::Filter {
        token,
        status: status.map(|(_, apples)| UserStatus::from_text(apples)),
        work,
        prefix: query.q.filter(|prefix| !prefix.is_empty()),
        among: actor.bound_to().map(<[TokenId]>::to_vec),
    };
    let rows = users::list(&mut db, &filter, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |user| user.id.0, UserView::from)))
}
