//! `POST /api/v1/jobs/{job}/confirm`: the MDM side says that apps were installed with their devices' licenses.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::JobId;
use russet_domain::job::JobKind;
use russet_store::{moves, tokens};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::audit;
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::JobInPath;
use crate::retrying::retrying;
use crate::routes::jobs::wanted::PAIRS_MAX;
use crate::routes::jobs::{known, view};
use crate::state::App;
use crate::time;
use crate::view::JobView;

/// What is confirmed.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// The devices, by serial number; left out, all that wait.
    devices: Option<Vec<String>>,
    /// How it went there.
    #[serde(default)]
    outcome: OutcomeName,
}

/// How installing the app anew went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutcomeName {
    /// It is installed with the device's license; the user's may be taken back.
    #[default]
    Installed,
    /// It is not; the user keeps the license.
    Failed,
}

/// What became of a confirmation.
#[derive(Serialize, ToSchema)]
pub(crate) struct Confirmed {
    /// How many moves it was. Those that did not wait for it are left as they are.
    confirmed: u64,
    /// The job as it is now.
    job: JobView,
}

/// Confirms that apps were installed with their devices' licenses, so that the users' are taken back; or that they were not.
#[utoipa::path(post, operation_id = "confirm_moves", path = "/api/v1/jobs/{job}/confirm", tag = "jobs",
    request_body = Confirmation,
    params(("job" = i64, Path, description = "The job's number"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses(
        (status = 200, description = "How many moves it was", body = Confirmed),
        (status = 409, description = "`nothing_to_confirm`", body = crate::problem::Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn confirm(
    State(app): State<App>,
    Operator(actor): Operator,
    JobInPath(id): JobInPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    let once = Once::of(&headers, &body.fingerprint)?;
    let asked: Confirmation =
        if body.bytes.trim_ascii().is_empty() { Confirmation::default() } else { body.json()? };
    if asked.devices.as_ref().is_some_and(Vec::is_empty) {
        return Err(ApiError::EmptyList("devices"));
    }
    if asked.devices.as_ref().is_some_and(|devices| devices.len() > PAIRS_MAX) {
        let why = format!("it should have at most {PAIRS_MAX} entries");
        return Err(ApiError::InvalidField { field: "devices".to_owned(), why });
    }
    let answer = retrying(|| write(&app, &actor, &once, id, &asked)).await?;
    app.push.move_licenses(id).await;
    Ok(answer)
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    id: JobId,
    asked: &Confirmation,
) -> Result<Answer, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok(answer);
    }
    let job = known(&mut tx, actor, id).await?;
    let (JobKind::MoveLicense, false, Some(token)) = (job.kind, job.state.has_ended(), job.token) else {
        return Err(ApiError::NothingToConfirm(id));
    };
    tokens::lock(&mut tx, token).await?;
    let outcome = match asked.outcome {
        OutcomeName::Installed => moves::Outcome::Installed,
        OutcomeName::Failed => moves::Outcome::Failed,
    };
    let confirmed = moves::confirm(&mut tx, id, asked.devices.as_deref(), outcome, now).await?;
    let detail = json!({
        "confirmed": confirmed,
        "outcome": match asked.outcome { OutcomeName::Installed => "installed", OutcomeName::Failed => "failed" },
        "devices": asked.devices.as_ref().map(Vec::len),
    });
    audit::note(&mut tx, actor, "job.confirm", &format!("job {id}"), &detail, now).await?;
    let job = known(&mut tx, actor, id).await?;
    let shown = Confirmed { confirmed, job: view(&mut tx, job).await? };
    let answer = Answer::new(StatusCode::OK, None, &shown)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok(answer)
}
