//! The same devices as through MicroMDM's API: one device a call, a raw command
//! (<https://github.com/micromdm/micromdm/blob/main/docs/user-guide/api-and-webhooks.md>).

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;

use super::api::{LARGEST, is_authorized, read};
use crate::shared::Shared;

const USER: &str = "micromdm";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/micromdm/v1/commands/{udid}", post(command).put(command).get(queued))
        .layer(DefaultBodyLimit::max(LARGEST))
}

/// Puts a command into the queue of a device. It compares no names, and keeps commands for devices that it has never seen.
async fn command(
    State(shared): State<Arc<Shared>>,
    Path(udid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_authorized(&shared, USER, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut inner = shared.fleet.inner();
    if inner.fails_call() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let command = match read(&body) {
        Ok(command) => command,
        Err(why) => {
            inner.counts.refused_calls += 1;
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response();
        }
    };
    let said = json!({ "payload": {
        "udid": udid, "command_uuid": command.uuid, "command": { "request_type": command.request_type },
        "payload": STANDARD.encode(&body),
    }});
    inner.put(&Arc::new(command), &udid);
    drop(inner);
    shared.wake_devices(&[&udid]);
    (StatusCode::CREATED, Json(said)).into_response()
}

async fn queued(State(shared): State<Arc<Shared>>, Path(udid): Path<String>, headers: HeaderMap) -> Response {
    if !is_authorized(&shared, USER, &headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let inner = shared.fleet.inner();
    let queue = inner.devices.get(&*udid).map(|device| &device.queue);
    let uuids = queue.into_iter().flatten().map(|command| json!({ "uuid": command.uuid }));
    Json(json!({ "commands": uuids.collect::<Vec<_>>() })).into_response()
}
