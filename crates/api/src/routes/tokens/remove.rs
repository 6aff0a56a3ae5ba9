//! `DELETE /api/v1/tokens/{token}`: removes a token, with or without taking its licenses back first (rules S-14, S-15).

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use russet_domain::job::{JobKind, Priority};
use russet_domain::removal::Licenses;
use russet_domain::{Timestamp, TokenId};
use russet_store::jobs::{self, Job, NewJob, Origin};
use russet_store::tokens::{self, Token};
use russet_store::{Tx, licenses};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{known, must_write, siblings};
use crate::audit;
use crate::auth::{Actor, Admin};
use crate::error::ApiError;
use crate::once::Answer;
use crate::query::{Asked, TokenInPath};
use crate::retrying::retrying;
use crate::routes::jobs::address;
use crate::state::App;
use crate::time;
use crate::view::{JobView, SiblingView};

/// What becomes of the licenses.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// `keep` leaves them with their holders, and nothing can take them back afterwards; `revoke_first` takes them
    /// all back, then removes the token, and is refused when something can never be taken back; `revoke_what_can_be`
    /// leaves that with its holders. There is no default.
    licenses: Option<String>,
}

/// A token that is gone while another one opens its location.
#[derive(Serialize, ToSchema)]
#[schema(as = RemovedToken)]
pub(crate) struct Removed {
    /// Always true.
    removed: bool,
    /// The token that takes its place.
    successor: SiblingView,
}

/// Removes a token. Licenses that Apple has given out meanwhile are read first when all are to be taken back.
#[utoipa::path(delete, operation_id = "remove_token", path = "/api/v1/tokens/{token}", tag = "tokens",
    params(("token" = i64, Path, description = "The token's number"), Query),
    responses(
        (status = 200, description = "`keep`: the token is gone, and a duplicate takes its place", body = Removed),
        (status = 202, description = "The job that takes the licenses back and then removes the token",
            body = JobView, headers(("Location" = String))),
        (status = 204, description = "`keep`: the token is gone"),
        (status = 409, description = "`not_revocable`, with the assets in `errors`; `location_shared`; \
            `token_not_usable`", body = crate::problem::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`choose_licenses`", body = crate::problem::Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn remove(
    State(app): State<App>,
    Admin(actor): Admin,
    TokenInPath(id): TokenInPath,
    Asked(query): Asked<Query>,
) -> Result<Response, ApiError> {
    let choice = query.licenses.as_deref().and_then(Licenses::from_text).ok_or(ApiError::ChooseLicenses)?;
    match choice {
        Licenses::Keep => match retrying(|| keep(&app, &actor, id)).await? {
            Some(successor) => {
                // It works from now on, and nobody need wait for the sweep to find that out.
                app.push.claim_token(TokenId(successor.id)).await;
                Ok(Json(Removed { removed: true, successor }).into_response())
            }
            None => Ok(StatusCode::NO_CONTENT.into_response()),
        },
        Licenses::RevokeFirst | Licenses::RevokeWhatCanBe => {
            let answer = retrying(|| revoke(&app, &actor, id, choice)).await?;
            app.push.remove_token(id).await;
            Ok(answer.into_response())
        }
    }
}

/// Removes it, and tells which token takes its place.
async fn keep(app: &App, actor: &Actor, id: TokenId) -> Result<Option<SiblingView>, ApiError> {
    let mut tx = app.store.begin().await?;
    let successor = keep_in(&mut tx, actor, id, time::now()).await?;
    tx.commit().await?;
    Ok(successor)
}

/// The same in a transaction that the caller keeps or not.
pub(crate) async fn keep_in(
    tx: &mut Tx,
    actor: &Actor,
    id: TokenId,
    now: Timestamp,
) -> Result<Option<SiblingView>, ApiError> {
    let token = known(tx, actor, id).await?;
    let successor = siblings(tx, &token).await?.into_iter().next().map(SiblingView::from);
    tokens::delete(tx, id, now).await?;
    let detail = json!({
        "licenses": Licenses::Keep.as_str(), "name": token.name, "location": token.uid,
        "successor": successor.as_ref().map(|successor| successor.id),
    });
    audit::note(tx, actor, "token.remove", &format!("token {id}"), &detail, now).await?;
    Ok(successor)
}

/// Begins to take the licenses back, in a transaction that the caller keeps or not.
pub(crate) async fn revoke_in(
    tx: &mut Tx,
    actor: &Actor,
    id: TokenId,
    choice: Licenses,
    now: Timestamp,
) -> Result<Job, ApiError> {
    known(tx, actor, id).await?;
    tokens::lock(tx, id).await?;
    let token = known(tx, actor, id).await?;
    if !token.state.may_write() && !token.state.is_undecided() {
        return Err(ApiError::not_usable(&token));
    }
    must_write(tx, id).await?;
    match under_way(tx, id).await? {
        // Asked for twice: the first job does it.
        Some(job) => Ok(job),
        None => begin(tx, actor, &token, choice, now).await,
    }
}

async fn revoke(app: &App, actor: &Actor, id: TokenId, choice: Licenses) -> Result<Answer, ApiError> {
    let mut tx = app.store.begin().await?;
    let job = revoke_in(&mut tx, actor, id, choice, time::now()).await?;
    let answer = Answer::new(StatusCode::ACCEPTED, Some(address(job.id)), &JobView::new(job, None))?;
    tx.commit().await?;
    Ok(answer)
}

async fn under_way(tx: &mut Tx, id: TokenId) -> Result<Option<Job>, ApiError> {
    Ok(jobs::open_of_kind(tx, id, JobKind::RemoveToken, 1).await?.pop())
}

async fn begin(
    tx: &mut Tx,
    actor: &Actor,
    token: &Token,
    choice: Licenses,
    now: Timestamp,
) -> Result<Job, ApiError> {
    let id = token.id;
    if let Some(other) = siblings(tx, token).await?.into_iter().next() {
        let what = "The licenses belong to the location and are not lost with this token: remove it with licenses=keep.";
        return Err(ApiError::LocationShared { other: Box::new(other), what });
    }
    let bound = licenses::irrevocable(tx, id).await?;
    if choice == Licenses::RevokeFirst && !bound.is_empty() {
        return Err(ApiError::NotRevocable(bound));
    }
    let new = NewJob {
        kind: JobKind::RemoveToken,
        token: id,
        priority: Priority::Normal,
        origin: Origin::Api,
        key: Some(actor.key),
        args: json!({ "licenses": choice.as_str() }).to_string(),
        notes: "[]".to_owned(),
        line: None,
    };
    tokens::set_removing(tx, id, true, now).await?;
    let job = jobs::insert(tx, &new, now).await?;
    let detail = json!({ "licenses": choice.as_str(), "job": job.0 });
    audit::note(tx, actor, "token.remove", &format!("token {id}"), &detail, now).await?;
    jobs::find(tx, job).await?.ok_or_else(|| ApiError::NoSuchJob(job.to_string()))
}
