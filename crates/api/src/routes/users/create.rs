//! `POST /api/v1/users`: registers one user, at one location or several.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::TokenId;
use russet_domain::job::{JobKind, JobState, Priority};
use russet_domain::user_registration::{Profile, Wish};
use russet_store::users::UserWish;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Order, TOKENS_MAX, UserJobsView, address, client_user_id, usable, wake, write_job};
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::retrying::retrying;
use crate::routes::jobs::PriorityName;
use crate::state::App;
use crate::view::JobView;
use crate::{audit, time};

/// A user to be registered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
pub(crate) struct NewUserBody {
    /// The token whose location the user is to be known at; or send `tokens`.
    token: Option<i64>,
    /// The tokens of several locations.
    tokens: Option<Vec<i64>>,
    /// Your own id for the person, never changed afterwards and better not an email address. A UUID is made when it is
    /// left out.
    client_user_id: Option<String>,
    /// The address that the invitation can go to. It is sent to Apple.
    email: Option<String>,
    /// A Managed Apple Account of the same organization: the user is associated at once, without an invitation.
    managed_apple_id: Option<String>,
    /// How urgent it is.
    #[serde(default)]
    priority: PriorityName,
}

/// What a checked body asks for.
struct Asked {
    tokens: Vec<TokenId>,
    wish: UserWish,
    priority: Priority,
}

/// Registers a user: one job for each location. A user who is registered already is changed where he differs.
#[utoipa::path(post, operation_id = "create_user", path = "/api/v1/users", tag = "users", request_body = NewUserBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses(
        (status = 202, description = "The jobs are written down", body = UserJobsView, headers(("Location" = String))),
        (status = 409, description = "`token_not_usable` or `token_being_removed`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn create(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    let once = Once::of(&headers, &body.fingerprint)?;
    let asked = read(body.json()?)?;
    let (answer, jobs) = retrying(|| write(&app, &actor, &once, &asked)).await?;
    wake(&app, &jobs, asked.priority).await;
    Ok(answer)
}

fn read(body: NewUserBody) -> Result<Asked, ApiError> {
    let wrong = |why: &str| ApiError::InvalidField { field: "tokens".to_owned(), why: why.to_owned() };
    let mut tokens = match (body.token, body.tokens) {
        (Some(token), None) => vec![token],
        (None, Some(tokens)) if tokens.is_empty() => return Err(ApiError::EmptyList("tokens")),
        (None, Some(tokens)) if tokens.len() > TOKENS_MAX => {
            return Err(wrong("it names more than 1000 tokens"));
        }
        (None, Some(tokens)) => tokens,
        (Some(_), Some(_)) | (None, None) => return Err(wrong("send either `token` or `tokens`")),
    };
    tokens.sort_unstable();
    tokens.dedup();
    let id = match body.client_user_id {
        Some(id) => client_user_id(&id)?,
        None => uuid::Uuid::new_v4().to_string(),
    };
    let profile = Profile {
        email: address("email", body.email.as_deref())?,
        managed_apple_id: address("managed_apple_id", body.managed_apple_id.as_deref())?,
    };
    Ok(Asked {
        tokens: tokens.into_iter().map(TokenId).collect(),
        wish: UserWish { client_user_id: id, wish: Wish::Active, profile },
        priority: body.priority.into(),
    })
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    asked: &Asked,
) -> Result<(Answer, Vec<(TokenId, JobState)>), ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, Vec::new()));
    }
    let id = &asked.wish.client_user_id;
    let (mut views, mut jobs) = (Vec::new(), Vec::new());
    // In the order of the tokens' numbers, so that two such requests do not wait for each other's locks.
    for token in &asked.tokens {
        let token = usable(&mut tx, actor, *token).await?;
        let notes = if id.contains('@') { vec![super::import::ADDRESS_AS_ID.to_owned()] } else { Vec::new() };
        let args = json!({ "users": 1, "client_user_id": id });
        let order = Order { kind: JobKind::ImportUsers, priority: asked.priority, args, notes };
        let job = write_job(&mut tx, actor, &token, order, vec![asked.wish.clone()], now).await?;
        let detail = json!({ "token": token.id.0, "job": job.id.0 });
        audit::note(&mut tx, actor, "user.create", &format!("user {id}"), &detail, now).await?;
        jobs.push((token.id, job.state));
        views.push(JobView::new(job, None));
    }
    let shown = UserJobsView { client_user_id: id.clone(), jobs: views, lost: Vec::new() };
    let answer = Answer::new(StatusCode::ACCEPTED, Some(format!("/api/v1/users/{id}")), &shown)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, jobs))
}
