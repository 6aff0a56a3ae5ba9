//! `GET /`: says what this is and what can be asked of it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;

use crate::apple::PREFIX;
use crate::shared::Shared;

/// Method, path, and what it does.
const CONTROLS: &[(&str, &str, &str)] = &[
    ("GET, PATCH", "/_sim/settings", "limits, delays, page size, rate limit"),
    ("GET, POST", "/_sim/clock", "real time, or time that you move"),
    ("GET, POST", "/_sim/locations", "locations with their tokens"),
    ("POST", "/_sim/locations/{uid}/tokens", "another token of a location"),
    ("POST", "/_sim/tokens/state", "expire, revoke or restrict a token"),
    ("POST", "/_sim/owners/password", "somebody changes a password: the tokens are invalid"),
    ("POST", "/_sim/owners/leave", "somebody leaves the organization"),
    ("PUT", "/_sim/locations/{uid}/mdm", "another MDM takes the location, null lets go"),
    ("PUT", "/_sim/locations/{uid}/managed-by-apple", "Apple's own MDM takes it, or lets go"),
    ("PUT", "/_sim/locations/{uid}/receiver", "somebody else sets the notification URL, null takes it away"),
    ("POST", "/_sim/locations/{uid}/notifications", "send a notification of any kind"),
    ("GET, POST", "/_sim/locations/{uid}/assets", "what a location owns"),
    ("POST", "/_sim/locations/{uid}/assets/buy", "buy or withdraw licenses"),
    ("POST", "/_sim/locations/{uid}/assets/refund", "the store takes licenses back, held ones too"),
    ("POST", "/_sim/locations/{uid}/assets/transfer", "licenses go to another location"),
    ("POST", "/_sim/locations/{uid}/assets/unlimited", "an asset becomes unlimited, or is counted again"),
    ("GET, POST", "/_sim/locations/{uid}/users", "users of a location, retired records too"),
    ("POST", "/_sim/locations/{uid}/users/accept", "somebody accepts an invitation"),
    ("GET, POST, DELETE", "/_sim/locations/{uid}/assignments", "who holds what"),
    ("GET, PATCH", "/_sim/catalog/products/{adam_id}", "what the store knows of a product"),
    ("POST", "/_sim/catalog/products/{adam_id}/versions", "a new version comes out"),
    ("POST", "/_sim/catalog/products/{adam_id}/withdraw", "it leaves storefronts"),
    ("POST", "/_sim/catalog/products/{adam_id}/return", "it comes back"),
    ("GET, POST", "/_sim/catalog/keys", "developer's keys for the metadata service"),
    ("DELETE", "/_sim/catalog/keys/{key_id}", "take a key back"),
    ("GET, PATCH", "/_sim/mdm", "the MDM server: its key, where its webhooks go, what was counted"),
    ("POST, PATCH", "/_sim/mdm/devices", "virtual devices, and how they behave"),
    ("GET", "/_sim/mdm/devices/{serial}", "what a device has, and what it was given"),
    ("POST", "/_sim/mdm/leave", "devices leave"),
    ("POST", "/_sim/mdm/check-in", "devices ask what there is to do"),
    ("GET, POST, DELETE", "/_sim/faults", "what shall go wrong"),
    ("DELETE", "/_sim/faults/{id}", "call one off"),
    ("GET", "/_sim/ledger", "what was asked, moved and done wrong"),
    ("POST", "/_sim/ledger/reset", "start counting anew"),
    ("GET", "/_sim/requests?after=", "the last thousand requests"),
    ("GET", "/healthz", "whether it runs"),
];

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Html<String> {
    let rows: String = CONTROLS
        .iter()
        .map(|(method, path, what)| format!("<tr><td>{method}<td><code>{path}</code><td>{what}\n"))
        .collect();
    let apple = format!("{}{PREFIX}", shared.url);
    Html(format!(
        "<!doctype html><meta charset=utf-8><title>Simulated Apps and Books</title>\n\
         <style>body{{font:16px/1.5 sans-serif;margin:2rem auto;max-width:60rem}}td{{padding:0 1rem 0 0}}</style>\n\
         <h1>Simulated Apps and Books</h1>\n\
         <p>Apple's endpoints are below <code>{apple}</code>. What is simulated is moved with:\n\
         <table>\n{rows}</table>\n"
    ))
}
