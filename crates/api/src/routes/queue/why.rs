//! `GET /api/v1/queue/why`: why a message, or what a token waits for, is not running now.

use axum::Json;
use axum::extract::State;
use russet_domain::TokenId;
use russet_queue::jobs::CheckEvent;
use russet_queue::{Job, Standing, Why};
use russet_store::requests;
use serde::Deserialize;
use utoipa::IntoParams;

use super::sees_all;
use crate::auth::{Actor, Viewer};
use crate::error::ApiError;
use crate::page::Page;
use crate::query::Asked;
use crate::routes::tokens;
use crate::state::App;
use crate::view::WhyView;

/// The most requests of a token whose messages are looked at, the oldest first.
const REQUESTS_MAX: usize = 20;

/// About which messages; either the one or the other.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// One message: its kind, a colon and its key, such as `sync_token:7`.
    message: Option<String>,
    /// The messages of this token that wait, run or are dead: its own, and those about its twenty oldest open requests.
    token: Option<i64>,
}

/// Says in a sentence why a message is not running now. A message that is not in the queue is told as `absent`; a token
/// that nothing waits for has an empty list. A key that is bound to certain tokens may ask about those.
#[utoipa::path(get, operation_id = "explain_messages", path = "/api/v1/queue/why", tag = "queue", params(Query),
    responses((status = 200, description = "A sentence for each message", body = Page<WhyView>)))]
pub(crate) async fn why(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<WhyView>>, ApiError> {
    let found = match (&query.message, query.token) {
        (Some(message), None) => vec![of_message(&app, &actor, message).await?],
        (None, Some(token)) => of_token(&app, &actor, TokenId(token)).await?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::InvalidQuery("send either `message` or `token`".to_owned()));
        }
    };
    Ok(Json(Page::whole(found.into_iter().map(WhyView::from).collect())))
}

async fn of_message(app: &App, actor: &Actor, id: &str) -> Result<Why, ApiError> {
    // Which token a message is about cannot be told from the ids of all kinds.
    sees_all(actor)?;
    if id.split_once(':').is_none_or(|(kind, key)| kind.is_empty() || key.is_empty()) {
        let wanted = "`message` should be a kind, a colon and a key, such as `sync_token:7`";
        return Err(ApiError::InvalidQuery(wanted.to_owned()));
    }
    Ok(app.queue.why(id).await?)
}

/// The token's own messages, and those about its requests that Apple has not settled.
async fn of_token(app: &App, actor: &Actor, token: TokenId) -> Result<Vec<Why>, ApiError> {
    let open = {
        let mut db = app.store.read().await?;
        tokens::known(&mut db, actor, token).await?;
        requests::open(&mut db, token, REQUESTS_MAX).await?
    };
    let mut found = app.queue.why_token(token).await?;
    for request in open {
        let about = CheckEvent { token, request: request.id };
        let why = app.queue.why(&format!("{}:{}", CheckEvent::KIND, about.key())).await?;
        if why.standing != Standing::Absent {
            found.push(why);
        }
    }
    Ok(found)
}
