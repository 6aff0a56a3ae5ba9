//! `DELETE /api/v1/tokens/{token}`: removes a token, with or without taking its licenses back first (rules S-14, S-15).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use russet_domain::job::{JobKind, Priority};
use russet_domain::{Timestamp, TokenId};
use russet_store::jobs::{self, Job, NewJob, Origin};
use russet_store::{Tx, tokens};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::known;
use crate::audit;
use crate::auth::{Actor, Admin};
use crate::error::ApiError;
use crate::once::Answer;
use crate::query::{Asked, TokenInPath};
use crate::retrying::retrying;
use crate::routes::jobs::address;
use crate::state::App;
use crate::time;
use crate::view::JobView;

/// The most open jobs of a token looked through.
const JOBS_MAX: usize = 10_000;

/// What becomes of the licenses.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// `keep` leaves them with their holders, and nothing can take them back afterwards; `revoke_first` takes them
    /// all back, then removes the token. There is no default.
    licenses: Option<String>,
}

/// Removes a token.
#[utoipa::path(delete, operation_id = "remove_token", path = "/api/v1/tokens/{token}", tag = "tokens",
    params(("token" = i64, Path, description = "The token's number"), Query),
    responses(
        (status = 202, description = "`revoke_first`: the job that takes the licenses back and then removes the token",
            body = JobView, headers(("Location" = String))),
        (status = 204, description = "`keep`: the token is gone"),
        (status = 422, description = "`choose_licenses`", body = crate::problem::Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn remove(
    State(app): State<App>,
    Admin(actor): Admin,
    TokenInPath(id): TokenInPath,
    Asked(query): Asked<Query>,
) -> Result<Response, ApiError> {
    match query.licenses.as_deref() {
        Some("keep") => {
            retrying(|| keep(&app, &actor, id)).await?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        Some("revoke_first") => {
            let answer = retrying(|| revoke_first(&app, &actor, id)).await?;
            app.push.remove_token(id).await;
            Ok(answer.into_response())
        }
        Some(_) | None => Err(ApiError::ChooseLicenses),
    }
}

async fn keep(app: &App, actor: &Actor, id: TokenId) -> Result<(), ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    let token = known(&mut tx, actor, id).await?;
    tokens::delete(&mut tx, id, now).await?;
    let detail = json!({ "licenses": "keep", "name": token.name, "location": token.uid });
    audit::note(&mut tx, actor, "token.remove", &format!("token {id}"), &detail, now).await?;
    Ok(tx.commit().await?)
}

async fn revoke_first(app: &App, actor: &Actor, id: TokenId) -> Result<Answer, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    known(&mut tx, actor, id).await?;
    tokens::lock(&mut tx, id).await?;
    let token = known(&mut tx, actor, id).await?;
    if !token.state.may_write() && !token.state.is_undecided() {
        return Err(ApiError::TokenNotUsable(token.state));
    }
    let job = match under_way(&mut tx, id).await? {
        // Asked for twice: the first job does it.
        Some(job) => job,
        None => begin(&mut tx, actor, id, now).await?,
    };
    let answer = Answer::new(StatusCode::ACCEPTED, Some(address(job.id)), &JobView::new(job, None))?;
    tx.commit().await?;
    Ok(answer)
}

async fn under_way(tx: &mut Tx, id: TokenId) -> Result<Option<Job>, ApiError> {
    let open = jobs::open_of_token(tx, id, JOBS_MAX).await?;
    Ok(open.into_iter().find(|job| job.kind == JobKind::RemoveToken))
}

async fn begin(tx: &mut Tx, actor: &Actor, id: TokenId, now: Timestamp) -> Result<Job, ApiError> {
    let new = NewJob {
        kind: JobKind::RemoveToken,
        token: id,
        priority: Priority::Normal,
        origin: Origin::Api,
        key: Some(actor.key),
        args: json!({ "licenses": "revoke_first" }).to_string(),
        notes: "[]".to_owned(),
    };
    tokens::set_removing(tx, id, true, now).await?;
    let job = jobs::insert(tx, &new, now).await?;
    let detail = json!({ "licenses": "revoke_first", "job": job.0 });
    audit::note(tx, actor, "token.remove", &format!("token {id}"), &detail, now).await?;
    jobs::find(tx, job).await?.ok_or_else(|| ApiError::NoSuchJob(job.to_string()))
}
