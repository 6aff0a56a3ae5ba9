//! `/api/v1/tokens/{token}/rollouts`: newer versions on their way to all devices, ring by ring.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use russet_store::{installs, policies, rollouts, tokens};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::view::RolloutView;
use crate::auth::{Operator, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::page::Page;
use crate::query::TokenInPath;
use crate::retrying::retrying;
use crate::routes::tokens as token_routes;
use crate::state::App;
use crate::{audit, time};

/// The most rollouts shown; older ones have gone to everybody.
const ROLLOUTS_MAX: usize = 500;

/// Lists a token's rollouts, the newest first.
#[utoipa::path(get, operation_id = "list_rollouts", path = "/api/v1/tokens/{token}/rollouts", tag = "mdm",
    params(("token" = i64, Path, description = "The token's number")),
    responses((status = 200, description = "Rollouts", body = Page<RolloutView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    TokenInPath(token): TokenInPath,
) -> Result<Json<Page<RolloutView>>, ApiError> {
    let mut db = app.store.read().await?;
    let token = token_routes::known(&mut db, &actor, token).await?;
    let rules = policies::read(&mut db, token.id).await?.rollout();
    let mut shown = Vec::new();
    for rollout in rollouts::list(&mut db, token.id, ROLLOUTS_MAX).await? {
        let counts = installs::counts_of_app(&mut db, rollout.asset, Some(rollout.target)).await?;
        let installs: BTreeMap<_, _> =
            counts.into_iter().map(|(state, number)| (state.as_str(), number)).collect();
        let percent = rules.rings.percent(rollout.ring);
        shown.push(RolloutView::new(rollout, percent, installs));
    }
    Ok(Json(Page::whole(shown)))
}

/// Which rollouts go on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResumeRollout)]
pub(crate) struct ResumeBody {
    /// The product whose halted versions go on.
    adam_id: String,
}

/// Lets halted rollouts of a product go on, to all devices at once: whoever says so has looked at why devices failed.
#[utoipa::path(post, operation_id = "resume_rollout", path = "/api/v1/tokens/{token}/rollouts/resume", tag = "mdm",
    request_body = ResumeBody,
    params(("token" = i64, Path, description = "The token's number")),
    responses((status = 204, description = "It goes on"),
        (status = 409, description = "`nothing_halted`", body = crate::problem::Problem, content_type = "application/problem+json")))]
pub(crate) async fn resume(
    State(app): State<App>,
    Operator(actor): Operator,
    TokenInPath(token): TokenInPath,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let asked: ResumeBody = body.json()?;
    let token = retrying(|| async {
        let now = time::now();
        let mut tx = app.store.begin().await?;
        let token = token_routes::known(&mut tx, &actor, token).await?;
        tokens::lock(&mut tx, token.id).await?;
        if rollouts::resume(&mut tx, token.id, &asked.adam_id, now).await? == 0 {
            return Err(ApiError::Conflict {
                code: "nothing_halted",
                text: "No version of this app is halted; GET the token's rollouts to see how far they are."
                    .to_owned(),
            });
        }
        let detail = json!({ "adam_id": asked.adam_id });
        audit::note(&mut tx, &actor, "rollout.resume", &format!("token {}", token.id), &detail, now).await?;
        tx.commit().await?;
        Ok(token.id)
    })
    .await?;
    app.push.push_updates(token, russet_domain::job::Priority::Normal).await;
    Ok(StatusCode::NO_CONTENT)
}
