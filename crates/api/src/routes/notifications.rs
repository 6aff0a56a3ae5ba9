//! `POST /api/v1/apple/notifications/{token}`: what Apple tells us, written down as it came and read by a worker
//! (<https://developer.apple.com/documentation/devicemanagement/subscribing-to-notifications>).

use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use russet_domain::TokenId;
use russet_store::tokens;
use serde::Deserialize;

use crate::auth::{self, same};
use crate::body;
use crate::error::ApiError;
use crate::metrics::more;
use crate::query::TokenInPath;
use crate::retrying::retrying;
use crate::state::App;

/// The largest notification taken. Apple puts at most a hundred licenses into one.
const BODY_MAX: usize = 1024 * 1024;
/// The longest `notificationId` kept as it is.
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
        Ok(TokenInPath(token)) => check(&app, token, auth::bearer(&parts.headers)).await?.then_some(token),
        Err(_) => None,
    };
    // A token that is not there is answered like a wrong bearer: this address tells strangers nothing.
    let Some(token) = known else {
        more(&app.metrics.notifications_refused);
        return Err(ApiError::NotificationSecretWrong);
    };
    let bytes = body::bytes(Request::from_parts(parts, body), &app, BODY_MAX).await?;
    let id = notification_id(&bytes);
    app.inbox.write(token, id, bytes).await?;
    Ok(StatusCode::OK)
}

/// Whether the bearer is the token's secret.
async fn check(app: &App, token: TokenId, bearer: Option<&str>) -> Result<bool, ApiError> {
    let Some(bearer) = bearer else { return Ok(false) };
    let stored = retrying(|| async {
        let mut db = app.store.read().await?;
        Ok(tokens::notification_hash(&mut db, token).await?)
    });
    let stored = stored.await?;
    Ok(stored.is_some_and(|stored| same(&stored, &auth::hash(bearer))))
}

/// What names a notification, so that one that comes again is known: Apple's id, or else a hash of the whole.
fn notification_id(body: &[u8]) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        notification_id: String,
    }
    match serde_json::from_slice(body) {
        Ok(Named { notification_id }) if (1..=ID_MAX).contains(&notification_id.len()) => notification_id,
        Ok(_) | Err(_) => {
            use sha2::{Digest as _, Sha256};
            format!("sha256:{}", body::hex(&Sha256::digest(body)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_named_by_apple_or_by_its_text() {
        assert_eq!(notification_id(br#"{"notificationId":"n-1","notification":{}}"#), "n-1");
        assert!(notification_id(b"rubbish").starts_with("sha256:"));
        assert_eq!(notification_id(b"rubbish"), notification_id(b"rubbish"));
        assert_ne!(notification_id(b"rubbish"), notification_id(b"rubbish "));
    }
}
