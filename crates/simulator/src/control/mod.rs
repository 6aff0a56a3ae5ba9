//! The endpoints below `/_sim/`, with which people and tests move the simulated world.

mod assets;
mod assignments;
mod catalog;
mod clock;
mod faults;
mod invitation;
mod ledger;
mod locations;
mod mdm;
mod page;
mod portal;
mod settings;
pub(crate) mod start;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post, put};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::apple::INVITATION;
use crate::shared::Shared;
use crate::world::Organization;
use crate::world::location::Location;

/// The largest body that is read: assignments are given one by one, sometimes very many.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(page::show))
        .route("/healthz", get(async || "ok"))
        .route("/_sim/settings", get(settings::show).patch(settings::change))
        .route("/_sim/clock", get(clock::show).post(clock::set))
        .route("/_sim/locations", get(locations::list).post(locations::add))
        .route("/_sim/locations/{uid}/tokens", post(locations::add_token))
        .route("/_sim/locations/{uid}/mdm", put(locations::set_mdm))
        .route("/_sim/locations/{uid}/managed-by-apple", put(locations::set_managed_by_apple))
        .route("/_sim/locations/{uid}/receiver", put(locations::set_receiver))
        .route("/_sim/locations/{uid}/notifications", post(portal::notify))
        .route("/_sim/tokens/state", post(locations::set_token_state))
        .route("/_sim/owners/password", post(locations::change_password))
        .route("/_sim/owners/leave", post(locations::leave))
        .route("/_sim/locations/{uid}/assets", get(assets::list).post(assets::add))
        .route("/_sim/locations/{uid}/assets/buy", post(assets::buy))
        .route("/_sim/locations/{uid}/assets/refund", post(portal::refund))
        .route("/_sim/locations/{uid}/assets/transfer", post(portal::transfer))
        .route("/_sim/locations/{uid}/assets/unlimited", post(portal::unlimited))
        .route("/_sim/locations/{uid}/users", get(users::list).post(users::add))
        .route("/_sim/locations/{uid}/users/accept", post(users::accept))
        .route(INVITATION, get(invitation::show).post(invitation::accept))
        .route(
            "/_sim/locations/{uid}/assignments",
            get(assignments::stream).post(assignments::add).delete(assignments::remove),
        )
        .merge(catalog_routes())
        .merge(mdm_routes())
        .route("/_sim/faults", get(faults::list).post(faults::add).delete(faults::clear))
        .route("/_sim/faults/{id}", axum::routing::delete(faults::remove))
        .route("/_sim/ledger", get(ledger::show))
        .route("/_sim/ledger/reset", post(ledger::reset))
        .route("/_sim/requests", get(ledger::requests))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
}

fn mdm_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/mdm", get(mdm::show).patch(mdm::change))
        .route("/_sim/mdm/devices", post(mdm::add).patch(mdm::behave))
        .route("/_sim/mdm/devices/{serial}", get(mdm::device))
        .route("/_sim/mdm/leave", post(mdm::leave))
        .route("/_sim/mdm/check-in", post(mdm::check_in))
        .route("/_sim/mdm/report", post(mdm::report))
}

fn catalog_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/_sim/catalog/products/{adam_id}", get(catalog::show).patch(catalog::change))
        .route("/_sim/catalog/products/{adam_id}/versions", post(catalog::publish))
        .route("/_sim/catalog/products/{adam_id}/withdraw", post(catalog::withdraw))
        .route("/_sim/catalog/products/{adam_id}/return", post(catalog::bring_back))
        .route("/_sim/catalog/keys", get(catalog::list_keys).post(catalog::add_key))
        .route("/_sim/catalog/keys/{key_id}", axum::routing::delete(catalog::remove_key))
}

/// Why the simulated world could not be moved, in a sentence.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The request cannot be understood, or asks for something impossible.
    Bad(String),
    /// There is no such thing.
    Missing(String),
    /// It contradicts what there is.
    Conflict(String),
    /// Apple itself would refuse it, with this number.
    Apple(u16, String),
}

impl Refusal {
    pub(crate) fn into_sentence(self) -> String {
        match self {
            Self::Bad(sentence)
            | Self::Missing(sentence)
            | Self::Conflict(sentence)
            | Self::Apple(_, sentence) => sentence,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error_number) = match self {
            Self::Bad(_) => (StatusCode::BAD_REQUEST, None),
            Self::Missing(_) => (StatusCode::NOT_FOUND, None),
            Self::Conflict(_) => (StatusCode::CONFLICT, None),
            Self::Apple(number, _) => (StatusCode::CONFLICT, Some(number)),
        };
        let mut body = json!({ "error": self.into_sentence() });
        if let Some(number) = error_number {
            body["error_number"] = number.into();
        }
        (status, Json(body)).into_response()
    }
}

/// The answer of a control endpoint.
type Answer = Result<Json<serde_json::Value>, Refusal>;

/// Reads a body. The content type does not matter, so that plain `curl -d` works.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    let text = if body.is_empty() { b"{}".as_slice() } else { body };
    serde_json::from_slice(text)
        .map_err(|error| Refusal::Bad(format!("the body is not what is expected here: {error}")))
}

/// Turns anything of ours into an answer.
fn answer(value: &impl serde::Serialize) -> Answer {
    serde_json::to_value(value)
        .map(Json)
        .map_err(|error| Refusal::Bad(format!("the answer cannot be spelled: {error}")))
}

fn location_in<'a>(organization: &'a mut Organization, uid: &str) -> Result<&'a mut Location, Refusal> {
    organization.locations.get_mut(uid).ok_or_else(|| {
        Refusal::Missing(format!("there is no location {uid}; GET /_sim/locations lists those there are"))
    })
}
