//! `DELETE /api/v1/assignments/{assignment}`: a group is to have an app no more.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use russet_domain::Timestamp;
use russet_store::{Tx, assignments};
use serde_json::json;

use super::the;
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::retrying::retrying;
use crate::routes::directory::unbound;
use crate::state::App;
use crate::view::AssignmentView;
use crate::{audit, time};

/// Removes an assignment. What becomes of the licenses that it gave, the token's policies `on_unassign_ios` and
/// `on_unassign_macos` say (rule S-42).
#[utoipa::path(delete, operation_id = "remove_assignment", path = "/api/v1/assignments/{assignment}", tag = "assignments",
    params(("assignment" = i64, Path, description = "The assignment's number"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again, nothing happens twice")),
    responses((status = 200, description = "The assignment as it was", body = AssignmentView)))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(actor): Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    body.nothing()?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let answer = retrying(|| write(&app, &actor, &once, &id)).await?;
    app.push.reconcile().await;
    Ok(answer)
}

async fn write(app: &App, actor: &Actor, once: &Once, id: &str) -> Result<Answer, ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok(answer);
    }
    let known = the(&mut tx, actor, id).await?;
    assignments::remove(&mut tx, &known, now).await?;
    let detail = json!({ "token": known.token.0, "adam_id": known.key.adam_id, "group": known.group_name });
    audit::note(&mut tx, actor, "assignment.remove", &format!("assignment {}", known.id), &detail, now)
        .await?;
    let answer = Answer::new(StatusCode::OK, None, &AssignmentView::from(known))?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Removes an assignment.
pub(crate) async fn take(
    tx: &mut Tx,
    actor: &Actor,
    id: &str,
    now: Timestamp,
) -> Result<AssignmentView, ApiError> {
    let known = the(tx, actor, id).await?;
    assignments::remove(tx, &known, now).await?;
    let detail = json!({ "token": known.token.0, "adam_id": known.key.adam_id, "group": known.group_name });
    audit::note(tx, actor, "assignment.remove", &format!("assignment {}", known.id), &detail, now).await?;
    Ok(known.into())
}
