//! The same devices as through Fleet's API: raw commands, whose answers are kept for whoever asks
//! (<https://github.com/fleetdm/fleet/blob/main/docs/REST%20API/rest-api.md>). No webhook tells of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{LARGEST, has_given, read};
use super::device::Device;
use super::fleet::Inner;
use super::raw::Raw;
use crate::server::Switch;
use crate::shared::Shared;

/// Hosts of a page when nobody says how many.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Run {
    command: String,
    host_uuids: Vec<String>,
}

#[derive(Deserialize)]
struct Which {
    command_uuid: String,
}

#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    page: usize,
    per_page: Option<usize>,
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/fleet/api/v1/fleet/version", get(version))
        .route("/fleet/api/v1/fleet/hosts", get(hosts))
        .route("/fleet/api/v1/fleet/commands/run", post(run))
        .route("/fleet/api/v1/fleet/commands/results", get(results))
        .layer(DefaultBodyLimit::max(LARGEST))
}

fn is_authorized(shared: &Shared, headers: &HeaderMap) -> bool {
    let key = shared.fleet.inner().api_key.clone();
    has_given(shared, headers, &format!("Bearer {key}"))
}

/// An error as Fleet words it.
fn problem(status: StatusCode, name: &str, reason: &str) -> Response {
    let message = match status {
        StatusCode::UNAUTHORIZED => "Authentication required",
        StatusCode::NOT_FOUND => "Resource Not Found",
        StatusCode::CONFLICT => "Resource Already Exists",
        _ => "Validation Failed",
    };
    let body = json!({ "message": message, "errors": [{ "name": name, "reason": reason }] });
    (status, Json(body)).into_response()
}

fn unauthorized() -> Response {
    problem(StatusCode::UNAUTHORIZED, "base", "Authentication required")
}

async fn version(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    if !is_authorized(&shared, &headers) {
        return unauthorized();
    }
    Json(json!({ "version": "4.0.0-simulated", "branch": "", "revision": "", "go_version": "" }))
        .into_response()
}

async fn run(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_authorized(&shared, &headers) {
        return unauthorized();
    }
    let Ok(Run { command, host_uuids }) = serde_json::from_slice(&body) else {
        return problem(StatusCode::BAD_REQUEST, "base", "Expected JSON Body");
    };
    let mut inner = shared.fleet.inner();
    if inner.fails_call() {
        return problem(StatusCode::INTERNAL_SERVER_ERROR, "base", "database error");
    }
    let said = match enqueue(&mut inner, &command, &host_uuids) {
        Ok(said) => said,
        Err((status, name, reason)) => {
            inner.counts.refused_calls += 1;
            return problem(status, name, &reason);
        }
    };
    let is_lost = inner.lost > 0;
    inner.lost -= u32::from(is_lost);
    drop(inner);
    let ids: Vec<&str> = host_uuids.iter().map(String::as_str).collect();
    shared.wake_devices(&ids);
    if is_lost {
        switch.cut();
    }
    Json(said).into_response()
}

/// Why a command is taken for nobody: status, field and reason.
type Refusal = (StatusCode, &'static str, String);

/// Takes a command for all hosts or for none, judged in the order in which Fleet does.
fn enqueue(inner: &mut Inner, command: &str, host_uuids: &[String]) -> Result<Value, Refusal> {
    let hosts = |status, reason: &str| (status, "host_uuids", reason.to_owned());
    let known: Vec<&Device> = host_uuids.iter().filter_map(|uuid| inner.devices.get(uuid.as_str())).collect();
    let Some(first) = known.first() else {
        let why = "No hosts targeted. Make sure you provide a valid UUID.";
        return Err(hosts(StatusCode::NOT_FOUND, why));
    };
    if known.iter().any(|device| !device.enrolled) {
        return Err(hosts(StatusCode::PRECONDITION_FAILED, "one or more hosts have MDM turned off"));
    }
    if known.iter().any(|device| platform(device) != platform(first)) {
        return Err(hosts(StatusCode::UNPROCESSABLE_ENTITY, "All hosts must be on the same platform."));
    }
    let is_whole = known.len() == host_uuids.len();
    let payload = STANDARD
        .decode(command)
        .map_err(|_| (StatusCode::BAD_REQUEST, "command", "unable to decode base64 command".to_owned()))?;
    let command = read(&payload).map_err(|_| {
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "command", "unable to decode plist command".to_owned())
    })?;
    if inner.known.contains(&command.uuid) {
        let why =
            format!("Error 1062 (23000): Duplicate entry '{}' for key 'nano_commands.PRIMARY'", command.uuid);
        return Err((StatusCode::CONFLICT, "base", why));
    }
    if !is_whole {
        return Err(hosts(StatusCode::BAD_REQUEST, "at least one of the hosts is not enrolled in MDM"));
    }
    let said =
        json!({ "command_uuid": command.uuid, "request_type": command.request_type, "platform": "darwin" });
    inner.known.insert(command.uuid.clone());
    let raw = Raw { request_type: command.request_type.clone(), payload, answers: BTreeMap::new() };
    inner.raw.insert(command.uuid.clone(), raw);
    let command = Arc::new(command);
    for uuid in host_uuids {
        inner.put(&command, uuid);
    }
    Ok(said)
}

async fn results(
    State(shared): State<Arc<Shared>>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Response {
    if !is_authorized(&shared, &headers) {
        return unauthorized();
    }
    let mut inner = shared.fleet.inner();
    inner.counts.result_calls += 1;
    let Some(raw) = inner.raw.get(&which.command_uuid) else {
        return problem(StatusCode::NOT_FOUND, "base", "MDMCommand was not found in the datastore");
    };
    let results = raw.answers.iter().map(|(udid, kept)| {
        json!({
            "host_uuid": &**udid,
            "command_uuid": which.command_uuid,
            "status": kept.status,
            "updated_at": time(kept.at_ms),
            "request_type": raw.request_type,
            "hostname": inner.devices.get(udid).map_or("", |device| device.serial.as_str()),
            "payload": STANDARD.encode(&raw.payload),
            "result": STANDARD.encode(&kept.result),
        })
    });
    let results: Vec<Value> = results.collect();
    // As long as nobody has answered, the field is left out.
    if results.is_empty() { Json(json!({})) } else { Json(json!({ "results": results })) }.into_response()
}

/// Hosts in the order of their UUIDs.
async fn hosts(
    State(shared): State<Arc<Shared>>,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
) -> Response {
    if !is_authorized(&shared, &headers) {
        return unauthorized();
    }
    let inner = shared.fleet.inner();
    let mut devices: Vec<&Device> = inner.devices.values().collect();
    devices.sort_by(|one, other| one.udid.cmp(&other.udid));
    let per_page = paging.per_page.unwrap_or(PAGE);
    let skipped = paging.page.saturating_mul(per_page);
    let hosts: Vec<Value> = devices.into_iter().skip(skipped).take(per_page).map(host).collect();
    Json(json!({ "hosts": hosts })).into_response()
}

fn host(device: &Device) -> Value {
    let platform = platform(device);
    let system = match platform {
        "darwin" => "macOS",
        "ipados" => "iPadOS",
        _ => "iOS",
    };
    json!({
        "uuid": &*device.udid,
        "hardware_serial": device.serial,
        "hardware_model": device.model,
        "hostname": device.serial,
        "platform": platform,
        "os_version": format!("{system} {}", device.os_version),
        "seen_time": time(device.seen_ms),
        "team_id": null,
        "mdm": {
            "enrollment_status": if device.enrolled { "On (automatic)" } else { "Off" },
            "name": "Fleet",
            "connected_to_fleet": device.enrolled,
            "encryption_key_available": false,
        },
    })
}

fn platform(device: &Device) -> &'static str {
    match device.model.as_str() {
        model if model.starts_with("Mac") || model.starts_with("iMac") => "darwin",
        model if model.starts_with("iPad") => "ipados",
        _ => "ios",
    }
}

fn time(at_ms: i64) -> String {
    DateTime::from_timestamp_millis(at_ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}
