//! `POST /api/v1/tokens/{token}/take-over`: orders to take the location from the MDM server that has claimed it, once.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::job::{JobKind, JobState, Priority};
use russet_domain::token::TokenState;
use russet_domain::{Timestamp, TokenId};
use russet_store::jobs::{self, Job, NewJob, Origin};
use russet_store::{Tx, tokens};
use serde_json::json;

use super::{known, siblings};
use crate::audit;
use crate::auth::{Actor, Admin};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::TokenInPath;
use crate::retrying::retrying;
use crate::routes::jobs::address;
use crate::state::App;
use crate::time;
use crate::view::JobView;

/// The most orders that can be called off at once.
const ORDERS_MAX: usize = 100;

/// Takes the location of a token from another MDM server, or takes it again after it was handed over. The order is good
/// for once: a later theft is not answered by itself.
#[utoipa::path(post, operation_id = "take_over_token", path = "/api/v1/tokens/{token}/take-over", tag = "tokens",
    params(("token" = i64, Path, description = "The token's number"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses(
        (status = 202, description = "The job that takes the location; its result tells from whom", body = JobView,
            headers(("Location" = String))),
        (status = 409, description = "`token_not_usable`, `token_duplicate` or `token_being_removed`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn take_over(
    State(app): State<App>,
    Admin(actor): Admin,
    TokenInPath(id): TokenInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    body.nothing()?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let answer = retrying(|| write(&app, &actor, &once, id)).await?;
    app.push.claim_token(id).await;
    Ok(answer)
}

async fn write(app: &App, actor: &Actor, once: &Once, id: TokenId) -> Result<Answer, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok(answer);
    }
    known(&mut tx, actor, id).await?;
    tokens::lock(&mut tx, id).await?;
    let job = order(&mut tx, actor, id, now).await?;
    let answer = Answer::new(StatusCode::ACCEPTED, Some(address(job.id)), &JobView::new(job, None))?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Writes an order down, or finds the one that waits already. The caller holds the token's lock.
///
/// # Errors
/// When the token cannot take its location at all.
pub(super) async fn order(tx: &mut Tx, actor: &Actor, id: TokenId, now: Timestamp) -> Result<Job, ApiError> {
    let token = known(tx, actor, id).await?;
    if token.removing {
        return Err(ApiError::TokenBeingRemoved);
    }
    let older = siblings(tx, &token).await?.into_iter().find(|other| other.id < id);
    match older {
        Some(older) if token.state == TokenState::Duplicate => {
            let what = "order the take-over";
            return Err(ApiError::TokenDuplicate { older: Box::new(older), what });
        }
        Some(_) | None if !token.state.may_take_over() => return Err(ApiError::not_usable(&token)),
        Some(_) | None => {}
    }
    if let Some(hand_over) = jobs::open_of_kind(tx, id, JobKind::HandOverToken, 1).await?.pop() {
        return Err(ApiError::JobsOpen(vec![hand_over.id]));
    }
    if let Some(waiting) = jobs::open_of_kind(tx, id, JobKind::TakeOverToken, 1).await?.pop() {
        return Ok(waiting);
    }
    insert(tx, actor, id, now).await
}

/// Writes a new order.
///
/// # Errors
/// As any statement.
pub(super) async fn insert(tx: &mut Tx, actor: &Actor, id: TokenId, now: Timestamp) -> Result<Job, ApiError> {
    let new = NewJob {
        kind: JobKind::TakeOverToken,
        token: id,
        priority: Priority::High,
        origin: Origin::Api,
        key: Some(actor.key),
        args: json!({ "ordered_by": actor.label() }).to_string(),
        notes: "[]".to_owned(),
        line: None,
    };
    let job = jobs::insert(tx, &new, now).await?;
    tokens::set_take_over(tx, id, true, now).await?;
    let detail = json!({ "job": job.0 });
    audit::note(tx, actor, "token.take_over", &format!("token {id}"), &detail, now).await?;
    jobs::find(tx, job).await?.ok_or_else(|| ApiError::NoSuchJob(job.to_string()))
}

/// Calls off the orders that wait.
///
/// # Errors
/// As any statement.
pub(super) async fn call_off(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), ApiError> {
    for job in jobs::open_of_kind(tx, id, JobKind::TakeOverToken, ORDERS_MAX).await? {
        jobs::ended(tx, job.id, JobState::Cancelled, None, None, now).await?;
    }
    Ok(tokens::set_take_over(tx, id, false, now).await?)
}
