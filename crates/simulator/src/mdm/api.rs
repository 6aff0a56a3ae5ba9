//! The server's own API: commands in, pushes out.

use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, put};
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use plist::Value;
use serde_json::{Map, json};

use super::PREFIX;
use super::device::Command;
use crate::server::Switch;
use crate::shared::Shared;

/// The largest command.
pub(super) const LARGEST: usize = 1024 * 1024;

/// Who a server takes its key from.
#[derive(Debug, Clone, Copy)]
struct User(&'static str);

pub(crate) fn routes() -> Router<Arc<Shared>> {
    // NanoHUB holds NanoMDM's API at another place, and tells its version at its root.
    at(PREFIX, &format!("{PREFIX}/v1"), User("nanomdm")).merge(at(
        "/nanohub",
        "/nanohub/api/v1/nanomdm",
        User("nanohub"),
    ))
}

fn at(root: &str, prefix: &str, user: User) -> Router<Arc<Shared>> {
    Router::new()
        .route(&format!("{root}/version"), get(async || Json(json!({ "version": "simulated" }))))
        .route(&format!("{prefix}/enqueue/{{ids}}"), put(enqueue).post(enqueue))
        .route(&format!("{prefix}/push/{{ids}}"), get(push).put(push))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(Extension(user))
}

/// Whether the key was given as the password of HTTP Basic, under this name.
pub(super) fn is_authorized(shared: &Shared, user: &str, headers: &HeaderMap) -> bool {
    let key = shared.fleet.inner().api_key.clone();
    has_given(shared, headers, &format!("Basic {}", STANDARD.encode(format!("{user}:{key}"))))
}

/// Whether this is what stands in `Authorization`.
pub(super) fn has_given(shared: &Shared, headers: &HeaderMap, wanted: &str) -> bool {
    let mut inner = shared.fleet.inner();
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let is_right = given == Some(wanted);
    if !is_right {
        inner.counts.unauthorized += 1;
    }
    is_right
}

async fn enqueue(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    Extension(User(user)): Extension<User>,
    Path(ids): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_authorized(&shared, user, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let ids: Vec<&str> = ids.split(',').collect();
    let no_push = query.is_some_and(|query| query.contains("nopush"));
    let mut inner = shared.fleet.inner();
    if inner.fails_call() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let command = match read(&body) {
        Ok(command) => command,
        Err(why) => {
            inner.counts.refused_calls += 1;
            let body = json!({ "command_error": format!("decoding command: {why}") });
            return (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response();
        }
    };
    let (uuid, request_type) = (command.uuid.clone(), command.request_type.clone());
    if let Err(why) = inner.enqueue(command, &ids) {
        inner.counts.refused_calls += 1;
        let body = json!({ "command_error": why, "command_uuid": uuid, "request_type": request_type });
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response();
    }
    let is_lost = inner.lost > 0;
    inner.lost -= u32::from(is_lost);
    drop(inner);
    let mut said = json!({ "command_uuid": uuid, "request_type": request_type });
    if no_push {
        said["no_push"] = true.into();
    } else {
        shared.wake_devices(&ids);
        said["status"] = pushed(&ids).into();
    }
    if is_lost {
        switch.cut();
    }
    Json(said).into_response()
}

async fn push(
    State(shared): State<Arc<Shared>>,
    Extension(User(user)): Extension<User>,
    Path(ids): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !is_authorized(&shared, user, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let ids: Vec<&str> = ids.split(',').collect();
    shared.wake_devices(&ids);
    Json(json!({ "status": pushed(&ids) })).into_response()
}

/// Apple's answers to the pushes.
fn pushed(ids: &[&str]) -> Map<String, serde_json::Value> {
    ids.iter().map(|id| ((*id).to_owned(), json!({ "push_result": format!("push-{id}") }))).collect()
}

pub(super) fn read(body: &[u8]) -> Result<Command, String> {
    let value = Value::from_reader_xml(body).map_err(|error| error.to_string())?;
    let mut whole = value.into_dictionary().ok_or("not a dictionary")?;
    let uuid = whole.get("CommandUUID").and_then(Value::as_string).unwrap_or_default().to_owned();
    let fields = whole.remove("Command").and_then(Value::into_dictionary).ok_or("no Command")?;
    let request_type = fields.get("RequestType").and_then(Value::as_string).unwrap_or_default().to_owned();
    if uuid.is_empty() || request_type.is_empty() {
        return Err("empty CommandUUID or RequestType".to_owned());
    }
    Ok(Command { uuid, request_type, fields })
}
