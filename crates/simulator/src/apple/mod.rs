//! Apple's endpoints below `/mdm/v2`: what every request goes through, whatever it asks for.

pub(crate) mod access;
mod assets;
mod assignments;
mod client_config;
pub(crate) mod endpoint;
pub(crate) mod errors;
mod manage;
mod manage_users;
mod paging;
pub(crate) mod query;
pub(crate) mod reply;
mod service_config;
mod status;
pub(crate) mod strike;
mod users;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use access::{Access, Pass};
use endpoint::{Endpoint, Methods};
use errors::AppleError;
use query::Params;
use strike::{Asker, Reply};

use crate::ledger::RequestRecord;
use crate::rules::Rules;
use crate::server::Switch;
use crate::shared::Shared;
use crate::world::event::{LicenseAct, UserAct};
use crate::world::location::Location;

/// Where Apple's endpoints are.
pub(crate) const PREFIX: &str = "/mdm/v2";

/// Where a person accepts an invitation; the same path as on Apple's server.
pub(crate) const INVITATION: &str = "/WebObjects/MZFinance.woa/wa/associateVPPUserWithITSAccount";

/// The largest body that is read. The largest request within Apple's limits has about 100 kB.
const LARGEST_BODY: usize = 8 * 1024 * 1024;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/mdm/v2/{*path}", any(serve))
}

/// One request with what is known about it before it is answered.
struct Call {
    endpoint: Endpoint,
    parts: Parts,
    body: Bytes,
    access: Access,
    rules: Arc<Rules>,
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: Request,
) -> Response {
    let path = request.uri().path().strip_prefix("/mdm/v2/").unwrap_or_default();
    let Some(endpoint) = Endpoint::at(path) else {
        return (StatusCode::NOT_FOUND, "This is no endpoint of the Apps and Books API.").into_response();
    };
    let (parts, body) = request.into_parts();
    let rules = shared.rules();
    let now_us = shared.clock.now_us();
    let access = match endpoint {
        // It needs no token and says nothing about one.
        Endpoint::ServiceConfig => Access { uid: None, verdict: Err(AppleError::new(9601)) },
        _ => Access::look_up(&parts.headers, &shared.organization(), now_us / 1000),
    };
    let is_over_rate = shared.ledger.arrived(endpoint, access.uid.as_ref(), now_us, &rules);
    let page = access.uid.as_ref().filter(|_| endpoint.is_paged()).map(|uid| shared.ledger.page_starts(uid));
    let mut record = RequestRecord {
        n: 0,
        at_ms: now_us / 1000,
        method: parts.method.to_string(),
        endpoint: endpoint.name(),
        uid: access.uid.clone(),
        status: None,
        error_number: None,
        request_bytes: 0,
        response_bytes: 0,
    };
    // A body that is too large or breaks off is a bad argument like any other.
    let body = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    record.request_bytes = body.len();
    let call = Call { endpoint, parts, body, access, rules };
    let reply = if is_over_rate && call.rules.enforce_rate {
        Reply::error(&AppleError::new(9646))
    } else {
        tokio::select! {
            reply = call.go_through(&shared) => reply,
            () = shared.stopping.cancelled() => Reply::Cut,
        }
    };
    drop(page);
    (record.status, record.error_number, record.response_bytes) = reply.summary();
    shared.ledger.answered(record);
    reply.into_response(&switch)
}

impl Call {
    fn is_write(&self) -> bool {
        match self.endpoint.methods() {
            Methods::Get => false,
            Methods::Post => true,
            Methods::Both => self.parts.method == Method::POST,
        }
    }

    /// Lets the faults strike, and answers in between.
    async fn go_through(&self, shared: &Shared) -> Reply {
        let fate = shared.faults.for_request(self.endpoint, self.is_write(), self.access.uid.as_ref());
        let latency_ms = self.rules.latency_ms.saturating_add(fate.latency_ms);
        if latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        }
        match fate.strike {
            None => self.answer(shared).await,
            Some(what) => {
                let asker = Asker::Location(self.access.uid.clone());
                strike::strike(shared, &asker, &what, self.answer(shared)).await
            }
        }
    }

    /// The answer as Apple would give it.
    async fn answer(&self, shared: &Shared) -> Reply {
        match self.result(shared).await {
            Ok(body) => Reply::json(200, body),
            Err(error) => Reply::error(&error),
        }
    }

    async fn result(&self, shared: &Shared) -> Result<Vec<u8>, AppleError> {
        let is_post = self.check_method()?;
        if self.endpoint == Endpoint::ServiceConfig {
            return Ok(service_config::get(&self.rules, &base_of(&self.parts.headers, shared)));
        }
        let pass = self.access.verdict.clone()?;
        if is_post {
            if !is_json(&self.parts.headers) {
                return Err(AppleError::new(9727));
            }
            pass.may_write.map_err(AppleError::new)?;
            if self.endpoint == Endpoint::ClientConfig {
                return client_config::post(shared, &pass, &self.body, &self.rules).await;
            }
        }
        self.in_location(shared, &pass)
    }

    /// What needs nothing but the location.
    fn in_location(&self, shared: &Shared, pass: &Pass) -> Result<Vec<u8>, AppleError> {
        let params = Params::of(&self.parts.uri)?;
        let times = (pass.expires_ms, shared.clock.now_ms());
        let rules = &*self.rules;
        let mut organization = shared.organization();
        let location = organization.locations.get_mut(&pass.uid).ok_or_else(|| AppleError::new(9603))?;
        let licenses = |location: &mut Location, act| {
            manage::post(shared, location, (self.endpoint, act), &self.body, rules, times)
        };
        let users = |location: &mut Location, act| {
            manage_users::post(shared, location, (self.endpoint, act), &self.body, rules, times)
        };
        match self.endpoint {
            Endpoint::Assets => assets::get(location, &params, rules, times),
            Endpoint::Assignments => assignments::get(location, &params, rules, times),
            Endpoint::Users => users::get(location, &params, rules, times),
            Endpoint::Status => status::get(shared, location, &params, rules, times),
            Endpoint::Associate => licenses(location, LicenseAct::Associate),
            Endpoint::Disassociate => licenses(location, LicenseAct::Disassociate),
            Endpoint::Revoke => licenses(location, LicenseAct::Revoke),
            Endpoint::CreateUsers => users(location, UserAct::Create),
            Endpoint::UpdateUsers => users(location, UserAct::Update),
            Endpoint::RetireUsers => users(location, UserAct::Retire),
            Endpoint::ClientConfig => Ok(client_config::get(location, pass)),
            Endpoint::ServiceConfig => Err(AppleError::new(9603)),
        }
    }

    /// Whether it is a POST, if the endpoint takes the method at all.
    fn check_method(&self) -> Result<bool, AppleError> {
        match (self.endpoint.methods(), &self.parts.method) {
            (Methods::Get | Methods::Both, &Method::GET) => Ok(false),
            (Methods::Post | Methods::Both, &Method::POST) => Ok(true),
            _ => Err(AppleError::new(9726)),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// The base of the endpoints as the client sees it, which from another container is not as we see it.
fn base_of(headers: &HeaderMap, shared: &Shared) -> String {
    match headers.get(HOST).and_then(|value| value.to_str().ok()) {
        Some(host) => format!("http://{host}{PREFIX}"),
        None => format!("{}{PREFIX}", shared.url),
    }
}
