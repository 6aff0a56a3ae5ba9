//! `POST /api/v1/apple/notifications/{token}`: what Apple tells us, written down as it came and read by a worker
//! (<https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>).

use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use russet_domain::{Timestamp, TokenId};
use russet_store::tokens;
use serde::Deserialize;
use serde_json::Value;

use crate::auth::{self, same};
use crate::error::ApiError;
use crate::inbox::Note;
use crate::metrics::more;
use crate::query::TokenInPath;
use crate::retrying::retrying;
use crate::state::App;
use crate::{body, time};

/// The largest notification taken. Apple puts at most a hundred licenses into one.
const BODY_MAX: usize = 1024 * 1024;
/// The longest id, and the longest other word, that is kept as it is.
const ID_MAX: usize = 128;

/// Takes a notification. Apple's own address: the bearer is the secret that Apple was given with it.
#[utoipa::path(post, operation_id = "receive_notification", path = "/api/v1/apple/notifications/{token}", tag = "apple", security(("apple" = [])),
    params(("token" = i64, Path, description = "The token's number")),
    request_body(content = Object, description = "Apple's notification, of any type"),
    responses(
        (status = 200, description = "It stands in the database"),
        (status = 401, description = "The bearer is not the token's secret"),
    ))]
pub(crate) async fn receive(State(app): State<App>, request: Request) -> Result<StatusCode, ApiError> {
    let (mut parts, body) = request.into_parts();
    let known = match TokenInPath::from_request_parts(&mut parts, &app).await {
        Ok(TokenInPath(token)) => judge(&app, token, auth::bearer(&parts.headers)).await?,
        Err(_) => None,
    };
    // A token that is not there is answered like a wrong bearer: this address tells strangers nothing.
    let Some((token, uid)) = known else {
        more(&app.metrics.notifications_refused);
        return Err(ApiError::NotificationSecretWrong);
    };
    let bytes = body::bytes(Request::from_parts(parts, body), &app, BODY_MAX).await?;
    let named = Named::of(&bytes);
    if uid.is_some() && named.uid.is_some() && uid != named.uid {
        // Kept all the same, so that it can be looked at; whoever reads it does nothing about it.
        tracing::error!(token.id = token.0, location = named.uid, "a notification is about another location");
        more(&app.metrics.notifications_elsewhere);
    }
    app.notifications.write(Note { token, id: named.id, kind: named.kind, body: bytes }).await?;
    Ok(StatusCode::OK)
}

/// The token, and the location it stands for, when the bearer is one of the secrets that are taken for it.
async fn judge(
    app: &App,
    token: TokenId,
    bearer: Option<&str>,
) -> Result<Option<(TokenId, Option<String>)>, ApiError> {
    let now = time::now();
    let callers = retrying(|| async {
        let mut db = app.store.read().await?;
        Ok(tokens::callers(&mut db, token, now).await?)
    });
    let Some(callers) = callers.await? else { return Ok(None) };
    let hash = bearer.map(auth::hash);
    // All are compared, so that the time it takes does not tell which it was.
    let taken = callers.hashes.iter().filter(|known| hash.as_ref().is_some_and(|hash| same(known, hash)));
    if taken.count() > 0 {
        return Ok(Some((token, callers.uid)));
    }
    if app.refusals.is_due(token, now) {
        note_refused(app.clone(), token, now);
    }
    Ok(None)
}

/// Writes down that somebody called with another secret, so that a test can tell. Beside the request: strangers get no work
/// done for them.
fn note_refused(app: App, token: TokenId, now: Timestamp) {
    tokio::spawn(async move {
        let written = async {
            let mut tx = app.store.begin().await?;
            tokens::note_refused_caller(&mut tx, token, now).await?;
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::debug!(token.id = token.0, error = %error, "a refused caller was not written down");
        }
    });
}

/// What a body says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    /// What names a notification, so that one that comes again is known: Apple's id, or else a hash of the whole.
    id: String,
    kind: String,
    uid: Option<String>,
}

impl Named {
    fn of(body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Envelope {
            #[serde(default)]
            notification_id: Value,
            #[serde(default)]
            notification_type: Value,
            #[serde(default)]
            u_id: Value,
        }
        let envelope: Envelope = serde_json::from_slice(body).unwrap_or_default();
        let text = |value: Value| match value {
            Value::String(text) if (1..=ID_MAX).contains(&text.len()) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let id = text(envelope.notification_id).unwrap_or_else(|| {
            use sha2::{Digest as _, Sha256};
            format!("sha256:{}", body::hex(&Sha256::digest(body)))
        });
        Self { id, kind: text(envelope.notification_type).unwrap_or_default(), uid: text(envelope.u_id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_named_by_apple_or_by_its_text() {
        let named =
            Named::of(br#"{"notificationId":"n-1","notificationType":"NEW","uId":7,"notification":{}}"#);
        let expected = Named { id: "n-1".to_owned(), kind: "NEW".to_owned(), uid: Some("7".to_owned()) };
        assert_eq!(named, expected);
        let id = |text: &[u8]| Named::of(text).id;
        assert!(id(b"rubbish").starts_with("sha256:"));
        assert_eq!(id(b"rubbish"), id(b"rubbish"));
        assert_ne!(id(b"rubbish"), id(b"rubbish "));
        assert_eq!(Named::of(br#"{"notificationType":["x"],"uId":null}"#).kind, "");
    }
}
