//! `GET /healthz` and `GET /readyz`: whether the process is alive, and whether it can work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::App;

/// The longest that one check may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers as long as the process does.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "The process is alive", body = String, content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether this process can work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether all checks passed.
    ready: bool,
    /// The checks.
    checks: Vec<Check>,
}

/// One thing that work depends on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    /// `store`, `schema` or `queue`.
    name: &'static str,
    /// Whether it is as it should be.
    ok: bool,
    /// What is wrong and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Checks what work depends on.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses(
        (status = 200, description = "It can work", body = Readiness),
        (status = 503, description = "It cannot; `checks` says why", body = Readiness),
    ))]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let (store, schema, queue) =
        tokio::join!(within(app.store.ping()), within(app.store.check_schema()), within(app.queue.ping()));
    let check = |name, result: Result<(), String>| Check { name, ok: result.is_ok(), detail: result.err() };
    let checks = vec![check("store", store), check("schema", schema), check("queue", queue)];
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, checks })).into_response()
}

async fn within<E: std::fmt::Display>(check: impl Future<Output = Result<(), E>>) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
