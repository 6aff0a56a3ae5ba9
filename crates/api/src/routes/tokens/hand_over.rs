//! `POST /api/v1/tokens/{token}/hand-over`: writes down who holds what of a location, and lets go of it.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::job::{JobKind, Priority};
use russet_domain::token::TokenState;
use russet_domain::{JobId, Timestamp, TokenId};
use russet_store::jobs::{self, Job, NewJob, Origin};
use russet_store::tokens::{self, Token};
use russet_store::{Tx, hand_overs};
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

/// The most open jobs of a token looked through.
const JOBS_MAX: usize = 1_000;

/// Hands a location over. Nothing is given out or taken back from now on; all is read from Apple once more; who holds
/// what can be fetched from `/api/v1/jobs/{job}/files`, with a signed summary; and Apple is told that the location is
/// nobody's. The token then reads on, and writes again only after a take-over.
#[utoipa::path(post, operation_id = "hand_over_token", path = "/api/v1/tokens/{token}/hand-over", tag = "tokens",
    params(("token" = i64, Path, description = "The token's number"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses(
        (status = 202, description = "The job that hands the location over", body = JobView,
            headers(("Location" = String))),
        (status = 409, description = "`jobs_open`, `token_not_usable`, `location_shared` or `token_being_removed`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn hand_over(
    State(app): State<App>,
    Admin(actor): Admin,
    TokenInPath(id): TokenInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    body.nothing()?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let answer = retrying(|| write(&app, &actor, &once, id)).await?;
    app.push.hand_over_token(id).await;
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
    let token = known(&mut tx, actor, id).await?;
    let job = match jobs::open_of_kind(&mut tx, id, JobKind::HandOverToken, 1).await?.pop() {
        // Asked for twice: the first job does it.
        Some(job) => job,
        None => begin(&mut tx, actor, &token, now).await?,
    };
    let answer = Answer::new(StatusCode::ACCEPTED, Some(address(job.id)), &JobView::new(job, None))?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Whether a job of this kind moves nothing, so that it is not in the way.
fn only_reads(kind: JobKind) -> bool {
    matches!(kind, JobKind::SyncToken | JobKind::RefreshCatalog | JobKind::RegisterNotifications)
}

async fn begin(tx: &mut Tx, actor: &Actor, token: &Token, now: Timestamp) -> Result<Job, ApiError> {
    let id = token.id;
    if token.removing {
        return Err(ApiError::TokenBeingRemoved);
    }
    if let Some(other) = siblings(tx, token).await?.into_iter().next() {
        let what = "It would go on managing the location: remove it with licenses=keep first.";
        return Err(ApiError::LocationShared { other: Box::new(other), what });
    }
    if !token.state.may_write() {
        return Err(ApiError::not_usable(token));
    }
    let open = jobs::open_of_token(tx, id, JOBS_MAX).await?;
    let in_the_way: Vec<JobId> = open.iter().filter(|job| !only_reads(job.kind)).map(|job| job.id).collect();
    if !in_the_way.is_empty() {
        return Err(ApiError::JobsOpen(in_the_way));
    }
    let new = NewJob {
        kind: JobKind::HandOverToken,
        token: id,
        priority: Priority::Normal,
        origin: Origin::Api,
        key: Some(actor.key),
        args: json!({ "ordered_by": actor.label() }).to_string(),
        notes: "[]".to_owned(),
        line: None,
    };
    let job = jobs::insert(tx, &new, now).await?;
    hand_overs::insert(tx, job, id, now).await?;
    // From here on no license moves, so that what is written down stays true.
    tokens::set_handed_over(tx, id, Some(now), now).await?;
    let reason = format!(
        "The location is being handed over by job {job}: it is read, and nothing is given out or taken back any more."
    );
    tokens::set_state(tx, id, TokenState::HandedOver, Some(&reason), None, now).await?;
    let detail = json!({ "job": job.0 });
    audit::note(tx, actor, "token.hand_over", &format!("token {id}"), &detail, now).await?;
    jobs::find(tx, job).await?.ok_or_else(|| ApiError::NoSuchJob(job.to_string()))
}
