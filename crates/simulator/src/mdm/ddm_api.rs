//! The API of a KMFDDM over the same devices (<https://github.com/jessepeterson/kmfddm>), of its own and as NanoHUB holds it.
//!
//! Read from its code, which answers 204 to what changed something and 304 to what did not, and 500 to nearly everything that is wrong.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::header::{HeaderName, LAST_MODIFIED};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::api::{LARGEST, has_given};
use super::device::Command;
use crate::shared::Shared;

/// Below this path it answers as a server of its own.
pub(crate) const PREFIX: &str = "/kmfddm";
/// The most devices that it tells the MDM server of: those of a second call get an empty body, which the MDM server refuses.
const NOTIFIED_MAX: usize = 30;
const INDEX: HeaderName = HeaderName::from_static("x-status-report-index");

type Asked = Query<HashMap<String, String>>;

/// As whose API it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum As {
    Itself,
    Nanohub,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    identifier: String,
    r#type: String,
    payload: Value,
}

pub(crate) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    at(&format!("{PREFIX}/v1"), As::Itself, shared).merge(at("/nanohub/api/v1/ddm", As::Nanohub, shared))
}

fn at(root: &str, server: As, shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route(&format!("{root}/declarations"), put(store).get(list))
        .route(&format!("{root}/declarations/{{id}}"), get(show).delete(delete))
        .route(&format!("{root}/declarations/{{id}}/touch"), post(touch))
        .route(&format!("{root}/declaration-sets/{{id}}"), get(sets_of))
        .route(&format!("{root}/set-declarations/{{id}}"), put(add_to_set).delete(take_from_set).get(set))
        .route(&format!("{root}/enrollment-sets/{{id}}"), put(give_set).delete(take_set).get(sets_of_device))
        .route(&format!("{root}/status-report/{{id}}"), get(report))
        .route(&format!("{root}/notify"), post(notify))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(from_fn_with_state(Arc::clone(shared), admit))
        .layer(Extension(server))
}

/// Lets in who has the key, unless the server is to fail.
async fn admit(
    State(shared): State<Arc<Shared>>,
    Extension(server): Extension<As>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    let (user, key) = {
        let inner = shared.fleet.inner();
        match server {
            As::Itself => ("kmfddm", inner.ddm.key.clone()),
            As::Nanohub => ("nanohub", inner.api_key.clone()),
        }
    };
    let wanted = format!("Basic {}", STANDARD.encode(format!("{user}:{key}")));
    if !has_given(&shared, &headers, &wanted) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    {
        let mut inner = shared.fleet.inner();
        inner.counts.declaration_calls += 1;
        if inner.ddm.broken > 0 {
            inner.ddm.broken -= 1;
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    }
    next.run(request).await
}

fn changed(is_so: bool) -> Response {
    if is_so { StatusCode::NO_CONTENT.into_response() } else { StatusCode::NOT_MODIFIED.into_response() }
}

fn wrong(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

async fn store(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(put) = serde_json::from_slice::<Put>(&body) else {
        return wrong(StatusCode::BAD_REQUEST, "invalid declaration");
    };
    if put.identifier.is_empty() || put.r#type.is_empty() || !put.payload.is_object() {
        return wrong(StatusCode::BAD_REQUEST, "invalid declaration");
    }
    changed(shared.fleet.inner().ddm.store(put.identifier, put.r#type, put.payload))
}

async fn list(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.fleet.inner().ddm.declarations.keys().collect::<Vec<_>>()).into_response()
}

async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let inner = shared.fleet.inner();
    match inner.ddm.declarations.get(&id) {
        Some(known) => Json(json!({
            "Identifier": known.identifier, "Type": known.kind, "Payload": known.payload,
            "ServerToken": known.token.to_string(),
        }))
        .into_response(),
        None => wrong(StatusCode::NOT_FOUND, "declaration not found"),
    }
}

async fn delete(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let mut inner = shared.fleet.inner();
    let sets = inner.ddm.sets_with(&id).len();
    if sets > 0 {
        let why = format!("declaration is referenced by {sets} sets");
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, &why);
    }
    changed(inner.ddm.declarations.remove(&id).is_some())
}

async fn touch(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    if shared.fleet.inner().ddm.touch(&id) {
        return StatusCode::NO_CONTENT.into_response();
    }
    wrong(StatusCode::NOT_FOUND, "declaration not found")
}

async fn sets_of(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let inner = shared.fleet.inner();
    let sets = inner.ddm.sets_with(&id);
    // Of nothing it says null.
    Json((!sets.is_empty()).then_some(sets)).into_response()
}

async fn add_to_set(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(asked): Asked,
) -> Response {
    let Some(name) = asked.get("declaration") else {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "empty declaration");
    };
    let mut inner = shared.fleet.inner();
    if !inner.ddm.declarations.contains_key(name) {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "declaration not found");
    }
    changed(inner.ddm.sets.entry(id).or_default().insert(name.clone()))
}

async fn take_from_set(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(asked): Asked,
) -> Response {
    let Some(name) = asked.get("declaration") else {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "empty declaration");
    };
    let mut inner = shared.fleet.inner();
    let is_gone = inner.ddm.sets.get_mut(&id).is_some_and(|set| set.remove(name));
    inner.ddm.sets.retain(|_, set| !set.is_empty());
    changed(is_gone)
}

async fn set(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    Json(shared.fleet.inner().ddm.sets.get(&id)).into_response()
}

async fn give_set(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(asked): Asked,
) -> Response {
    let Some(set) = asked.get("set") else {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "empty set name");
    };
    changed(shared.fleet.inner().ddm.of_devices.entry(id).or_default().insert(set.clone()))
}

async fn take_set(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(asked): Asked,
) -> Response {
    let Some(set) = asked.get("set") else {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "empty set name");
    };
    let mut inner = shared.fleet.inner();
    changed(inner.ddm.of_devices.get_mut(&id).is_some_and(|sets| sets.remove(set)))
}

async fn sets_of_device(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    Json(shared.fleet.inner().ddm.of_devices.get(&id)).into_response()
}

/// A report as it came, the newest being number 0.
async fn report(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Query(asked): Asked) -> Response {
    let Some(index) = asked.get("index").and_then(|index| index.parse::<usize>().ok()) else {
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, "empty index");
    };
    let inner = shared.fleet.inner();
    let Some(report) = inner.ddm.report(&id, index) else {
        let why = format!("index out of range: too high ({index})");
        return wrong(StatusCode::INTERNAL_SERVER_ERROR, &why);
    };
    let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(report.at_ms).unwrap_or_default());
    let headers = [(LAST_MODIFIED, httpdate::fmt_http_date(at)), (INDEX, index.to_string())];
    (headers, report.body.clone()).into_response()
}

/// Has devices fetch their declarations. Whatever the MDM server makes of that, it says that it went well.
async fn notify(State(shared): State<Arc<Shared>>, request: Request) -> StatusCode {
    let query = request.uri().query().unwrap_or_default();
    let ids: Vec<String> = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("id="))
        .map(|id| id.replace("%3A", ":"))
        .take(NOTIFIED_MAX)
        .collect();
    let mut fields = plist::Dictionary::new();
    fields.insert("RequestType".to_owned(), "DeclarativeManagement".into());
    let (uuid, request_type) = (Uuid::new_v4().to_string(), "DeclarativeManagement".to_owned());
    let command = Arc::new(Command { uuid, request_type, fields });
    let mut inner = shared.fleet.inner();
    for id in &ids {
        inner.put(&command, id);
    }
    drop(inner);
    shared.wake_devices(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    StatusCode::NO_CONTENT
}
