//! `DELETE /api/v1/users/{user}`: takes a user out of the program.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::TokenId;
use russet_domain::job::{JobKind, JobState, Priority};
use russet_domain::user_registration::{Profile, Wish};
use russet_store::users::{self, UserWish};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::{Order, UserJobsView, known, usable, wake, write_job};
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::{Asked, UserInPath};
use crate::retrying::retrying;
use crate::state::App;
use crate::view::{HeldView, JobView};
use crate::{audit, time};

/// The most licenses named that are lost.
const LOST_MAX: usize = 1_000;

/// Where.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// At this token's location only; at all of them when left out.
    token: Option<i64>,
}

/// Retires a user: one job for each location. His licenses come free, but for those that can never be taken back, such as
/// books; `lost` names them (rules S-25, N-30).
#[utoipa::path(delete, operation_id = "retire_user", path = "/api/v1/users/{user}", tag = "users",
    params(("user" = String, Path, description = "The `client_user_id`"), Query,
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses(
        (status = 202, description = "The jobs are written down", body = UserJobsView, headers(("Location" = String))),
        (status = 409, description = "`token_not_usable` or `token_being_removed`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn retire(
    State(app): State<App>,
    Operator(actor): Operator,
    UserInPath(id): UserInPath,
    Asked(query): Asked<Query>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    body.nothing()?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let (answer, jobs) = retrying(|| write(&app, &actor, &once, &id, query.token)).await?;
    wake(&app, &jobs, Priority::Normal).await;
    Ok(answer)
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    id: &str,
    token: Option<i64>,
) -> Result<(Answer, Vec<(TokenId, JobState)>), ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, Vec::new()));
    }
    let found = known(&mut tx, actor, id, token).await?;
    let (mut views, mut jobs, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    for user in &found {
        let token = usable(&mut tx, actor, user.token).await?;
        let lasting = users::licenses_of(&mut tx, user, true, LOST_MAX).await?;
        let mut notes = Vec::new();
        if !lasting.is_empty() {
            notes.push(format!(
                "{} licenses can never be taken back, such as books, and are lost with the user.",
                lasting.len()
            ));
        }
        let wish =
            UserWish { client_user_id: id.to_owned(), wish: Wish::Retired, profile: Profile::default() };
        let args = json!({ "users": 1, "client_user_id": id, "lost": lasting.len() });
        let order = Order { kind: JobKind::RetireUsers, priority: Priority::Normal, args, notes };
        let job = write_job(&mut tx, actor, &token, order, vec![wish], now).await?;
        let detail = json!({ "token": token.id.0, "job": job.id.0, "lost": lasting.len() });
        audit::note(&mut tx, actor, "user.retire", &format!("user {id}"), &detail, now).await?;
        jobs.push((token.id, job.state));
        views.push(JobView::new(job, None));
        let room = LOST_MAX.saturating_sub(lost.len());
        lost.extend(lasting.into_iter().take(room).map(|license| HeldView::new(token.id, license)));
    }
    let shown = UserJobsView { client_user_id: id.to_owned(), jobs: views, lost };
    let answer = Answer::new(StatusCode::ACCEPTED, Some(format!("/api/v1/users/{id}")), &shown)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, jobs))
}
