//! `POST /api/v1/mdm/{connector}/webhook`: what an MDM server tells, written down as it came and read by a worker.
//!
//! These servers call once and never again, and keep the device waiting until they are answered.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russet_domain::Secret;
use russet_domain::connector::Proof;
use russet_store::connectors::{self, Connector};
use sha2::{Digest as _, Sha256};

use super::connectors::ConnectorInPath;
use crate::auth::{self, same};
use crate::body;
use crate::error::ApiError;
use crate::inbox::Message;
use crate::metrics::more;
use crate::retrying::retrying;
use crate::state::App;

/// The largest message taken: the list of a device's apps, in base64 inside JSON.
const BODY_MAX: usize = 8 * 1024 * 1024;
/// Where NanoMDM puts its signature.
const SIGNATURE: &str = "x-hmac-signature";
/// The longest signature that is looked at.
const SIGNATURE_MAX: usize = 256;

/// Takes a message of an MDM server. Proved by `X-Hmac-Signature`, the HMAC-SHA256 of the body with the connector's `webhook_key` in
/// base64; MicroMDM, which cannot sign, gives the key as the password of HTTP Basic.
#[utoipa::path(post, operation_id = "receive_mdm_message", path = "/api/v1/mdm/{connector}/webhook", tag = "mdm", security(("mdm" = [])),
    params(("connector" = String, Path, description = "The connector's name")),
    request_body(content = Object, description = "The server's webhook"),
    responses(
        (status = 200, description = "It stands in the database"),
        (status = 401, description = "It is not signed with the connector's key"),
    ))]
pub(crate) async fn receive(State(app): State<App>, request: Request) -> Result<StatusCode, ApiError> {
    let (mut parts, body) = request.into_parts();
    let named = ConnectorInPath::from_request_parts(&mut parts, &app).await;
    let headers = parts.headers.clone();
    let bytes = body::bytes(Request::from_parts(parts, body), &app, BODY_MAX).await?;
    let known = match named {
        Ok(ConnectorInPath(name)) => find(&app, &name).await?,
        Err(_) => None,
    };
    // A connector that is not there is answered like a wrong signature: this address tells strangers nothing.
    let proved = known.filter(|(connector, key)| is_proved(connector, key, &headers, &bytes));
    let Some((connector, _)) = proved else {
        more(&app.metrics.mdm_messages_refused);
        return Err(ApiError::WebhookNotProved);
    };
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let message = Message {
        connector: connector.id,
        hash: body::hex(&Sha256::digest(&bytes)),
        signature: signature.filter(|text| text.len() <= SIGNATURE_MAX).map(str::to_owned),
        forward: connector.forwards,
        body: bytes,
    };
    app.mdm_messages.write(message).await?;
    Ok(StatusCode::OK)
}

async fn find(app: &App, name: &str) -> Result<Option<(Connector, Secret)>, ApiError> {
    retrying(|| async {
        let mut db = app.store.read().await?;
        let Some(connector) = connectors::by_name(&mut db, name).await? else { return Ok(None) };
        let key = connectors::secrets(&mut db, connector.id).await?.webhook_key;
        Ok(Some((connector, key)))
    })
    .await
}

fn is_proved(connector: &Connector, key: &Secret, headers: &HeaderMap, bytes: &[u8]) -> bool {
    match connector.kind.proof() {
        Some(Proof::Signature) => {
            let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
            signature.len() <= SIGNATURE_MAX && is_signed(key, bytes, signature)
        }
        // Hashed first, so that the comparison takes the same time whatever the lengths.
        Some(Proof::Password) => {
            password(headers).is_some_and(|password| same(&auth::hash(&password), &auth::hash(key.reveal())))
        }
        // A server that tells nothing by webhook has nothing to say here, and its key may be empty.
        None => false,
    }
}

/// Whether a body was signed with a key; compared in constant time.
fn is_signed(key: &Secret, bytes: &[u8], signature: &str) -> bool {
    let Ok(tag) = STANDARD.decode(signature.trim()) else { return false };
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.reveal().as_bytes());
    ring::hmac::verify(&key, bytes, &tag).is_ok()
}

/// The password of HTTP Basic, whatever the user name.
fn password(headers: &HeaderMap) -> Option<String> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_with_the_key_or_not_at_all() {
        let key = Secret::new("0123456789abcdef");
        let tag =
            ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"0123456789abcdef"), b"{}");
        let signature = STANDARD.encode(tag);
        assert!(is_signed(&key, b"{}", &signature));
        assert!(!is_signed(&key, b"{ }", &signature));
        assert!(!is_signed(&Secret::new("another key 12345"), b"{}", &signature));
        assert!(!is_signed(&key, b"{}", ""));
    }

    #[test]
    fn a_password_is_read_whatever_the_user() {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode("micromdm:pass:word"));
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        assert_eq!(password(&headers).as_deref(), Some("pass:word"));
        headers.insert(AUTHORIZATION, "Bearer x".parse().unwrap());
        assert_eq!(password(&headers), None);
    }
}
