//! Changes the queue for a request that may come again, and tells the audit log.
//!
//! The queue is not the database, so no transaction holds both. The line in the audit log is written first: one that
//! tells of more than happened is better than a discard that nobody knows of. What is done in between may be done
//! twice, when a request is repeated before its answer was kept.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;

use crate::audit;
use crate::auth::Actor;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::retrying::retrying;
use crate::state::App;
use crate::time;

/// What is to be done, as the audit log tells it.
pub(super) struct Wish {
    pub(super) action: &'static str,
    pub(super) subject: String,
    pub(super) detail: Value,
}

/// Notes the wish, fulfills it, and keeps the answer; or gives the answer that was given before.
///
/// # Errors
/// As `act`, or as any statement.
pub(super) async fn steer<T: Serialize>(
    app: &App,
    actor: &Actor,
    once: &Once,
    wish: &Wish,
    act: impl AsyncFnOnce() -> Result<T, ApiError>,
) -> Result<Answer, ApiError> {
    if let Some(answer) = retrying(|| begin(app, actor, once, wish)).await? {
        return Ok(answer);
    }
    let answer = Answer::new(StatusCode::OK, None, &act().await?)?;
    let twins = retrying(|| keep(app, actor, once, &answer)).await?;
    Ok(twins.unwrap_or(answer))
}

async fn begin(app: &App, actor: &Actor, once: &Once, wish: &Wish) -> Result<Option<Answer>, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok(Some(answer));
    }
    audit::note(&mut tx, actor, wish.action, &wish.subject, &wish.detail, now).await?;
    tx.commit().await?;
    Ok(None)
}

/// Keeps the answer, unless the same request was answered meanwhile: then that answer is the one.
async fn keep(app: &App, actor: &Actor, once: &Once, answer: &Answer) -> Result<Option<Answer>, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(twins) = once.replay(&mut tx, actor, now).await? {
        return Ok(Some(twins));
    }
    once.keep(&mut tx, actor, answer, now).await?;
    tx.commit().await?;
    Ok(None)
}
