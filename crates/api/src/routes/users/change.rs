//! `PATCH /api/v1/users/{user}`: changes what Apple knows of a user.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::TokenId;
use russet_domain::job::{JobKind, JobState, Priority};
use russet_domain::user_registration::{Profile, Wish};
use russet_store::users::UserWish;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{Order, UserJobsView, address, known, usable, wake, write_job};
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::{Asked, UserInPath};
use crate::retrying::retrying;
use crate::state::App;
use crate::view::JobView;
use crate::{audit, time};

/// Where.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// At this token's location only; at all of them when left out.
    token: Option<i64>,
}

/// What is to be changed. What is left out stays; Apple knows no way to take an address away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserPatch)]
pub(crate) struct PatchBody {
    /// The address that the invitation can go to.
    email: Option<String>,
    /// A Managed Apple Account of the same organization.
    managed_apple_id: Option<String>,
}

/// Changes a user: one job for each location he is active in, or wished to be.
#[utoipa::path(patch, operation_id = "change_user", path = "/api/v1/users/{user}", tag = "users",
    request_body = PatchBody,
    params(("user" = String, Path, description = "The `client_user_id`"), Query,
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses(
        (status = 202, description = "The jobs are written down", body = UserJobsView, headers(("Location" = String))),
        (status = 409, description = "`user_retired`, `token_not_usable` or `token_being_removed`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn change(
    State(app): State<App>,
    Operator(actor): Operator,
    UserInPath(id): UserInPath,
    Asked(query): Asked<Query>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    let once = Once::of(&headers, &body.fingerprint)?;
    let patch: PatchBody = body.json()?;
    let profile = Profile {
        email: address("email", patch.email.as_deref())?,
        managed_apple_id: address("managed_apple_id", patch.managed_apple_id.as_deref())?,
    };
    if profile == Profile::default() {
        return Err(ApiError::NothingNamed("Name `email` or `managed_apple_id`, or both."));
    }
    let (answer, jobs) = retrying(|| write(&app, &actor, &once, &id, query.token, &profile)).await?;
    wake(&app, &jobs, Priority::Normal).await;
    Ok(answer)
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    id: &str,
    token: Option<i64>,
    profile: &Profile,
) -> Result<(Answer, Vec<(TokenId, JobState)>), ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, Vec::new()));
    }
    let mut found = known(&mut tx, actor, id, token).await?;
    // Changing one who is out would bring him back, which nobody asked for.
    found.retain(|user| {
        let coming = user.work.is_under_way() && user.registration.wish == Wish::Active;
        let going = user.work.is_under_way() && user.registration.wish == Wish::Retired;
        coming || (user.registration.is_active() && !going)
    });
    if found.is_empty() {
        return Err(ApiError::UserRetired);
    }
    let (mut views, mut jobs) = (Vec::new(), Vec::new());
    for user in &found {
        let token = usable(&mut tx, actor, user.token).await?;
        let wish = UserWish { client_user_id: id.to_owned(), wish: Wish::Active, profile: profile.clone() };
        let args = json!({ "users": 1, "client_user_id": id });
        let order = Order { kind: JobKind::ImportUsers, priority: Priority::Normal, args, notes: Vec::new() };
        let job = write_job(&mut tx, actor, &token, order, vec![wish], now).await?;
        let detail = json!({
            "token": token.id.0, "job": job.id.0,
            "email": profile.email.is_some(), "managed_apple_id": profile.managed_apple_id.is_some(),
        });
        audit::note(&mut tx, actor, "user.change", &format!("user {id}"), &detail, now).await?;
        jobs.push((token.id, job.state));
        views.push(JobView::new(job, None));
    }
    let shown = UserJobsView { client_user_id: id.to_owned(), jobs: views, lost: Vec::new() };
    let answer = Answer::new(StatusCode::ACCEPTED, Some(format!("/api/v1/users/{id}")), &shown)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, jobs))
}
