//! `/api/v1/plans`: what an act would do, exactly, and the act itself if nothing has moved since.
//!
//! A plan is the act itself, done in a transaction that is not kept: so it cannot differ from what will happen. Its hash is that
//! of every license that would move and why; to apply a plan is to do the act again and to keep it when the hash is the same.

mod act;
mod jobs;
mod outcome;
mod prompts;
mod quotas;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use russet_domain::Timestamp;
use russet_store::{Tx, marks, reconcile};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) use act::Act;
pub(crate) use outcome::PlanView;

use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::retrying::retrying;
use crate::routes::directory::unbound;
use crate::state::App;
use crate::{audit, time};
use outcome::Outcome;

/// The most marks that may wait elsewhere while a plan is made: more are looked at within seconds.
const ASIDE_MAX: usize = 100_000;
/// The most rounds of looking that one act needs: each takes thousands of devices or one app.
const ROUNDS_MAX: usize = 10_000;
/// The most licenses that one plan moves.
const MOVES_MAX: usize = 200_000;

/// An act to be planned.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPlan)]
pub(crate) struct PlanBody {
    /// What would be done.
    act: Act,
}

/// A plan to be carried out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApplyPlan)]
pub(crate) struct ApplyBody {
    /// What was planned.
    act: Act,
    /// The plan's hash.
    hash: String,
}

/// Plans an act: which licenses would move and why, how many more are wished than there are, and what it costs at Apple. Nothing is
/// done.
#[utoipa::path(post, operation_id = "plan", path = "/api/v1/plans", tag = "assignments", request_body = PlanBody,
    responses((status = 200, description = "The plan", body = PlanView),
        (status = 409, description = "`busy`: too much is being looked at for a plan to be exact; try again in some seconds",
            body = crate::problem::Problem, content_type = "application/problem+json")))]
pub(crate) async fn plan(
    State(app): State<App>,
    Operator(actor): Operator,
    body: Body,
) -> Result<Json<PlanView>, ApiError> {
    unbound(&actor)?;
    let wanted: PlanBody = body.json()?;
    let view = retrying(async || {
        let mut tx = app.store.begin().await?;
        let (outcome, _) = carry_out(&mut tx, &actor, &wanted.act, time::now()).await?;
        outcome.view(&mut tx).await
        // The transaction ends here without having been committed.
    })
    .await?;
    Ok(Json(view))
}

/// Does what was planned, if it would still do exactly that.
#[utoipa::path(post, operation_id = "apply_plan", path = "/api/v1/plans/apply", tag = "assignments", request_body = ApplyBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "What was done", body = PlanView),
        (status = 409, description = "`plan_outdated`: something has moved since; plan it again",
            body = crate::problem::Problem, content_type = "application/problem+json")))]
pub(crate) async fn apply(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let wanted: ApplyBody = body.json()?;
    let (answer, outcome) = retrying(|| write(&app, &actor, &once, &wanted)).await?;
    if let Some(token) = outcome.as_ref().and_then(|outcome| outcome.removing) {
        app.push.remove_token(token).await;
    }
    if let Some(token) = outcome.as_ref().and_then(|outcome| outcome.successor) {
        app.push.claim_token(token).await;
    }
    for token in outcome.iter().flat_map(Outcome::tokens) {
        app.push.apply_changes(token, russet_domain::job::Priority::Normal).await;
    }
    app.push.reconcile().await;
    Ok(answer)
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    wanted: &ApplyBody,
) -> Result<(Answer, Option<Outcome>), ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, None));
    }
    let (outcome, aside) = carry_out(&mut tx, actor, &wanted.act, now).await?;
    if outcome.hash() != wanted.hash {
        return Err(ApiError::Conflict {
            code: "plan_outdated",
            text: "Something has moved since the plan was made, so that it would do something else now; plan it again.".to_owned(),
        });
    }
    marks::put_back(&mut tx, aside).await?;
    let detail = serde_json::json!({ "act": wanted.act.brief(), "moves": outcome.moves() });
    audit::note(&mut tx, actor, "plan.apply", &format!("plan {}", outcome.hash()), &detail, now).await?;
    let view = outcome.view(&mut tx).await?;
    let answer = Answer::new(axum::http::StatusCode::OK, None, &view)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, Some(outcome)))
}

/// Does an act and all that follows from it alone, in a transaction that the caller keeps or not.
async fn carry_out(
    tx: &mut Tx,
    actor: &Actor,
    act: &Act,
    now: Timestamp,
) -> Result<(Outcome, marks::SetAside), ApiError> {
    let busy = || ApiError::Conflict {
        code: "busy",
        text: "Too much is being looked at for a plan to be exact; try again in some seconds.".to_owned(),
    };
    let aside = marks::set_aside(tx, ASIDE_MAX).await?.ok_or_else(busy)?;
    let mut outcome = Outcome::default();
    act.carry_out(tx, actor, now, &mut outcome).await?;
    for _ in 0..ROUNDS_MAX {
        if outcome.moves() > MOVES_MAX {
            return Err(ApiError::Forbidden {
                code: "plan_too_large",
                text: format!("It would move more than {MOVES_MAX} licenses; plan it in parts."),
                errors: Vec::new(),
            });
        }
        let Some(plan) = reconcile::look(tx).await? else {
            outcome.look_at_quotas(tx).await?;
            return Ok((outcome, aside));
        };
        outcome.add(&plan);
        plan.write(tx, now).await?;
    }
    Err(busy())
}
