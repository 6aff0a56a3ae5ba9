//! The metadata services: names, versions and prices of apps and books.
//!
//! The newer one wants a developer's key and is below `/v1`, as at `https://api.ent.apple.com`; the older lookup is
//! where `service/config` says. See
//! <https://developer.apple.com/documentation/devicemanagement/apps-and-books-metadata-for-organizations>.

pub(crate) mod attributes;
pub(crate) mod developer;
pub(crate) mod errors;
mod lookup;
pub(crate) mod made_up;
pub(crate) mod product;
mod question;
pub(crate) mod service;
pub(crate) mod store;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::{Map, Value, json};

use attributes::Wanted;
use errors::StoreError;
use question::{Question, is_storefront};
use service::Service;
use store::Found;

use crate::apple::access::Access;
use crate::apple::query::Params;
use crate::apple::strike::{Asker, Reply, strike};
use crate::ledger::RequestRecord;
use crate::rules::Rules;
use crate::server::Switch;
use crate::shared::Shared;

/// Where the older lookup is; the same path as on Apple's server.
pub(crate) const LOOKUP: &str = "/WebObjects/MZStorePlatform.woa/wa/lookup";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/catalog/{storefront}/{*path}", any(serve_catalog))
        .route(LOOKUP, any(serve_lookup))
}

/// One request with what is known about it before it is answered.
struct Call {
    service: Service,
    storefront: String,
    /// The one product that the path names.
    single: Option<String>,
    parts: Parts,
    /// The location whose token came as a cookie.
    owner: Option<Arc<str>>,
    /// Who asks, for the rate, or why nobody may.
    asker: Result<Arc<str>, StoreError>,
    rules: Arc<Rules>,
}

async fn serve_catalog(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    Path((storefront, path)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some((service, single)) = Service::at(&path) else {
        return (StatusCode::NOT_FOUND, "This is no endpoint of the metadata service.").into_response();
    };
    let (parts, _) = request.into_parts();
    let asker = developer_of(&parts.headers, &shared);
    let owner = owner_of(&parts.headers, &shared);
    let single = single.map(str::to_owned);
    let rules = shared.rules();
    serve(&shared, Call { service, storefront, single, parts, owner, asker, rules })
        .await
        .into_response(&switch)
}

async fn serve_lookup(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let owner = owner_of(&parts.headers, &shared);
    let call = Call {
        service: Service::Lookup,
        storefront: String::new(),
        single: None,
        parts,
        owner,
        asker: Ok("lookup".into()),
        rules: shared.rules(),
    };
    serve(&shared, call).await.into_response(&switch)
}

async fn serve(shared: &Shared, call: Call) -> Reply {
    let now_us = shared.clock.now_us();
    let asker = call.asker.clone().unwrap_or_else(|_| "unsigned".into());
    let arrival = shared.ledger.arrived_at_store(call.service, &asker, now_us, &call.rules);
    let mut record = RequestRecord {
        n: 0,
        at_ms: now_us / 1000,
        method: call.parts.method.to_string(),
        endpoint: call.service.name(),
        uid: call.owner.clone(),
        status: None,
        error_number: None,
        request_bytes: 0,
        response_bytes: 0,
    };
    let every = u64::from(call.rules.catalog.forbidden_every);
    let reply = if arrival.is_over_rate && call.rules.enforce_rate {
        StoreError::too_many().reply()
    } else if every > 0 && arrival.number.is_multiple_of(every) {
        StoreError::forbidden().reply()
    } else {
        tokio::select! {
            reply = call.go_through(shared, asker) => reply,
            () = shared.stopping.cancelled() => Reply::Cut,
        }
    };
    (record.status, record.error_number, record.response_bytes) = reply.summary();
    shared.ledger.answered_by_store(record);
    reply
}

impl Call {
    /// Lets the faults strike, and answers in between.
    async fn go_through(&self, shared: &Shared, asker: Arc<str>) -> Reply {
        let fate = shared.faults.for_store(self.service, self.owner.as_ref());
        let latency_ms = self.rules.latency_ms.saturating_add(fate.latency_ms);
        if latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        }
        let answer = async { self.answer(shared) };
        match fate.strike {
            None => answer.await,
            Some(what) => strike(shared, &Asker::Store(asker), &what, answer).await,
        }
    }

    fn answer(&self, shared: &Shared) -> Reply {
        match self.result(shared) {
            Ok(body) => Reply::json(200, crate::apple::reply::json(&body)),
            Err(error) => error.reply(),
        }
    }

    fn result(&self, shared: &Shared) -> Result<Value, StoreError> {
        if self.parts.method != Method::GET {
            return Err(StoreError::new(405, 40500, "Method Not Allowed", "Only GET is."));
        }
        self.asker.as_ref().map_err(Clone::clone)?;
        let params = Params::of(&self.parts.uri).map_err(|_| StoreError::bad("The query cannot be read."))?;
        if self.service == Service::Lookup {
            return self.look_up(shared, &params);
        }
        let storefront = self.storefront.to_lowercase();
        if !is_storefront(&storefront) {
            return Err(StoreError::missing());
        }
        if self.service.is_owned_only() && self.owner.is_none() {
            return Err(StoreError::forbidden());
        }
        let question = Question::of(self.service, self.single.as_deref(), &params, &self.rules.catalog)?;
        shared.ledger.asked_store(question.ids.len());
        let found = self.find(shared, &question.ids);
        let shape = self.rules.catalog.shape;
        let wanted = Wanted { storefront, platforms: question.platforms, extend: question.extend, shape };
        let data: Vec<Value> = found
            .iter()
            .filter(|found| found.is_owned || !self.service.is_owned_only())
            .map(|found| (found, shared.store.facts(found)))
            .filter(|(_, facts)| question.kinds.contains(&facts.product_type))
            .filter_map(|(found, facts)| attributes::resource(&facts, found.is_owned, &wanted))
            .collect();
        if self.single.is_some() && data.is_empty() {
            return Err(StoreError::missing());
        }
        Ok(json!({ "data": data }))
    }

    fn look_up(&self, shared: &Shared, params: &Params) -> Result<Value, StoreError> {
        let storefront = params.text("cc").unwrap_or("us").to_lowercase();
        let language = params.text("l").unwrap_or("en");
        let is_asked_well = params.text("p") == Some("mdm-lockup") && is_storefront(&storefront);
        let ids = question::ids(params, "id");
        let rules = &self.rules.catalog;
        if ids.len() > rules.max_ids {
            return Err(StoreError::bad(format!("There are more than {} ids.", rules.max_ids)));
        }
        shared.ledger.asked_store(ids.len());
        let found = if is_asked_well { self.find(shared, &ids) } else { Vec::new() };
        let for_mac = lookup::is_for_mac(params.text("platform"));
        let spelling = lookup::Spelling { artwork: rules.lookup_artwork, id: rules.lookup_id };
        let results: Map<String, Value> = found
            .iter()
            .filter_map(|found| {
                let facts = shared.store.facts(found);
                let result = lookup::result(&facts, found.is_owned, &storefront, for_mac, spelling)?;
                Some((found.adam_id.clone(), result))
            })
            .collect();
        Ok(lookup::body(&results, &storefront, language))
    }

    fn find(&self, shared: &Shared, ids: &[String]) -> Vec<Found> {
        shared.store.find(&shared.organization(), self.owner.as_ref(), ids)
    }
}

/// The key that a request is signed with.
fn developer_of(headers: &HeaderMap, shared: &Shared) -> Result<Arc<str>, StoreError> {
    let missing = || StoreError::unauthorized("There is no developer token.");
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(missing)?;
    let (scheme, token) = header.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let store = shared.store.inner();
    let key = developer::check(token.trim(), store.keys.iter(), shared.clock.now_ms() / 1000);
    key.map(|key| key.key_id.as_str().into()).map_err(StoreError::unauthorized)
}

/// The location that the token in the cookie opens.
fn owner_of(headers: &HeaderMap, shared: &Shared) -> Option<Arc<str>> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, content) = pairs.find(|(name, _)| *name == "itvt")?;
    let access = Access::of_token(content.trim_matches('"'), &shared.organization(), shared.clock.now_ms());
    access.verdict.ok().map(|pass| pass.uid)
}
