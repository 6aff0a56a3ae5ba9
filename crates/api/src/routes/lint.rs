//! `POST /api/v1/lint`: looks a job through without doing anything.

use axum::Json;
use axum::extract::State;
use russet_domain::job::JobKind;
use serde::Deserialize;

use super::jobs::bodies::MoveLicensesJob;
use super::jobs::linting::action_of;
use super::jobs::linting::{of_wanted, report};
use super::jobs::seen_token;
use super::jobs::standings::Depth;
use super::jobs::wanted::Wanted;
use crate::auth::Viewer;
use crate::body::{Body, from_json};
use crate::error::ApiError;
use crate::routes::directory::unbound;
use crate::state::App;
use crate::view::LintView;

/// Looks a job that assigns or revokes licenses through, and says what Apple would refuse and what would not work well. Takes
/// what `POST /api/v1/jobs` takes, and does nothing. What is known of devices and users is told in `about`; how users stand
/// at Apple is looked up where it is not told.
#[utoipa::path(post, operation_id = "lint_job", path = "/api/v1/lint", tag = "jobs", request_body = MoveLicensesJob,
    responses((status = 200, description = "What was found, errors first", body = LintView)))]
pub(crate) async fn lint(
    State(app): State<App>,
    Viewer(actor): Viewer,
    body: Body,
) -> Result<Json<LintView>, ApiError> {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    body.expect_json()?;
    let Kind { kind } = from_json(&body.bytes)?;
    let Some(kind @ (JobKind::AssignLicense | JobKind::RevokeLicense)) = JobKind::from_text(&kind) else {
        return Err(ApiError::InvalidField {
            field: "kind".to_owned(),
            why: "it should be `assign_license` or `revoke_license`; for `move_license` see POST /api/v1/moves/preview"
                .to_owned(),
        });
    };
    let wanted = Wanted::read(kind, from_json::<MoveLicensesJob>(&body.bytes)?)?;
    drop(body);
    if !wanted.groups.is_empty() {
        unbound(&actor)?;
    }
    let mut db = app.store.read().await?;
    let token = seen_token(&mut db, &actor, wanted.token).await?;
    let pairs = of_wanted(&mut db, &token, &wanted).await?;
    let found = report(&mut db, &token, action_of(kind), &pairs, &wanted.about, Depth::All).await?;
    Ok(Json(LintView::from(&found)))
}
