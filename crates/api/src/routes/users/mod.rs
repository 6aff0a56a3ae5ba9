//! `/api/v1/users`: who is known to Apple at which location.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod retire;
pub(crate) mod rows;
pub(crate) mod show;

use russet_domain::job::{JobKind, JobState, Priority};
use russet_domain::user_registration::check_address;
use russet_domain::{Holder, Timestamp, TokenId};
use russet_store::jobs::{self, Job, NewJob, Origin};
use russet_store::tokens::{self, Token};
use russet_store::users::{self, User, UserWish};
use russet_store::{Db, Tx};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::Actor;
use crate::error::ApiError;
use crate::query::shown;
use crate::routes::tokens::must_write;
use crate::state::App;
use crate::view::{HeldView, JobView};

/// The most locations that one user is looked for in: more than there can be tokens.
const LOCATIONS_MAX: usize = 10_000;
/// The most tokens named in one request.
const TOKENS_MAX: usize = 1_000;

/// What is done for a user: one job for each location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserJobs)]
pub(crate) struct UserJobsView {
    /// The id that Apple is given; made up here when none was sent.
    client_user_id: String,
    /// The jobs, one for each location.
    jobs: Vec<JobView>,
    /// Licenses that can never be taken back, such as books, and are lost with the user.
    lost: Vec<HeldView>,
}

/// An id as a client sent it.
fn client_user_id(text: &str) -> Result<String, ApiError> {
    match Holder::user(text) {
        Ok(holder) => Ok(holder.id().to_owned()),
        Err(why) => Err(ApiError::InvalidField { field: "client_user_id".to_owned(), why: why.to_string() }),
    }
}

/// An address as a client sent it, without the blanks around it.
fn address(field: &str, text: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    match check_address(text) {
        Ok(()) => Ok(Some(text.to_owned())),
        Err(why) => Err(ApiError::InvalidField { field: field.to_owned(), why: format!("it {why}") }),
    }
}

/// The token that users are to be registered at, when the key sees it and it may write.
async fn usable(tx: &mut Tx, actor: &Actor, id: TokenId) -> Result<Token, ApiError> {
    let found = if actor.sees(id) { tokens::find(tx, id).await? } else { None };
    let token = found.ok_or(ApiError::UnknownToken(id))?;
    if token.removing {
        return Err(ApiError::TokenBeingRemoved);
    }
    must_write(tx, id).await?;
    if token.state.may_write() || token.state.is_undecided() {
        Ok(token)
    } else {
        Err(ApiError::not_usable(&token))
    }
}

/// The registrations of a user that the asking key may know of, at one token or at all.
///
/// # Errors
/// [`ApiError::NoSuchUser`] when there is none.
async fn known(
    db: &mut Db,
    actor: &Actor,
    client_user_id: &str,
    token: Option<i64>,
) -> Result<Vec<User>, ApiError> {
    let found = users::of_name(db, client_user_id, LOCATIONS_MAX).await?;
    let known: Vec<User> = found
        .into_iter()
        .filter(|user| actor.sees(user.token) && token.is_none_or(|token| user.token == TokenId(token)))
        .collect();
    if known.is_empty() { Err(ApiError::NoSuchUser(shown(client_user_id))) } else { Ok(known) }
}

/// A job to be written with its users.
struct Order {
    kind: JobKind,
    priority: Priority,
    args: Value,
    notes: Vec<String>,
}

/// Writes a job for users of one token.
async fn write_job(
    tx: &mut Tx,
    actor: &Actor,
    token: &Token,
    order: Order,
    wishes: Vec<UserWish>,
    now: Timestamp,
) -> Result<Job, ApiError> {
    let mut notes = order.notes;
    if token.state.is_undecided() {
        notes.push("The token is new; this waits until Apple has confirmed it.".to_owned());
    }
    let new = NewJob {
        kind: order.kind,
        token: token.id,
        priority: order.priority,
        origin: Origin::Api,
        key: Some(actor.key),
        args: order.args.to_string(),
        notes: json!(notes).to_string(),
        line: None,
    };
    let done = users::submit(tx, &new, wishes, now).await?;
    jobs::find(tx, done.job).await?.ok_or_else(|| ApiError::NoSuchJob(done.job.to_string()))
}

/// Taps a worker on the shoulder for every job that is not over.
async fn wake(app: &App, jobs: &[(TokenId, JobState)], priority: Priority) {
    for (token, state) in jobs {
        if !state.has_ended() {
            app.push.apply_users(*token, priority).await;
        }
    }
}
