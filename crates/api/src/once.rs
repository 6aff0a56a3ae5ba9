//! Makes a POST that is sent again do nothing again: the `Idempotency-Key` header.
//!
//! The key is kept in the same transaction as what it guards, so that there is never the one without the other.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use russet_domain::Timestamp;
use russet_store::{StoreError, Tx, idempotency};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::auth::Actor;
use crate::error::ApiError;

/// The header a client sends.
const HEADER: &str = "idempotency-key";
/// The header that tells that an answer is an old one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key taken.
const KEY_MAX: usize = 200;
/// How long an answer can be had again.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// The most forgotten answers deleted at once.
const PURGE_MAX: usize = 100_000;

/// What a client sent to name its request, with what the request is.
pub(crate) struct Once {
    key: Option<String>,
    fingerprint: String,
}

/// An answer that can be given again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    #[serde(skip)]
    status: u16,
    #[serde(skip)]
    replayed: bool,
    location: Option<String>,
    body: Box<RawValue>,
}

impl Once {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is there and not fit to be a key.
    pub(crate) fn of(headers: &HeaderMap, fingerprint: &str) -> Result<Self, ApiError> {
        let fits = |text: &str| {
            !text.is_empty() && text.len() <= KEY_MAX && text.chars().all(|c| c.is_ascii_graphic())
        };
        let key = match headers.get(HEADER) {
            None => None,
            Some(value) => match value.to_str() {
                Ok(text) if fits(text) => Some(text.to_owned()),
                Ok(_) | Err(_) => return Err(ApiError::IdempotencyKeyInvalid),
            },
        };
        Ok(Self { key, fingerprint: fingerprint.to_owned() })
    }

    /// The answer given before, if this request was answered before.
    ///
    /// # Errors
    /// When the key was used for another request, or as any statement.
    pub(crate) async fn replay(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Answer>, ApiError> {
        let Some(key) = &self.key else { return Ok(None) };
        let Some(kept) = idempotency::find(tx, actor.key, key).await? else { return Ok(None) };
        let forgotten = now.minus(KEPT);
        if kept.created_at < forgotten {
            // The sweep has not come by yet; its place is needed for the answer to come.
            idempotency::purge(tx, forgotten, PURGE_MAX).await?;
            return Ok(None);
        }
        if kept.fingerprint != self.fingerprint {
            return Err(ApiError::IdempotencyKeyReused);
        }
        let answer: Answer = serde_json::from_str(&kept.body)
            .map_err(|error| ApiError::Internal(format!("a kept answer cannot be read: {error}")))?;
        Ok(Some(Answer { status: kept.status, replayed: true, ..answer }))
    }

    /// Keeps the answer for the case that the request comes again.
    ///
    /// # Errors
    /// As any statement. When the same request was answered at the same moment the error is one that asks to try
    /// again, which then finds that answer.
    pub(crate) async fn keep(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        answer: &Answer,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let Some(key) = &self.key else { return Ok(()) };
        let body = serde_json::to_string(answer).map_err(unwritable)?;
        let entry = idempotency::Answer {
            fingerprint: self.fingerprint.clone(),
            status: answer.status,
            body,
            created_at: now,
        };
        if idempotency::insert(tx, actor.key, key, &entry).await? {
            Ok(())
        } else {
            Err(StoreError::Stale { doing: "keeping an answer" }.into())
        }
    }
}

impl Answer {
    /// An answer with a body, and with the address of what it is about.
    ///
    /// # Errors
    /// When the body cannot be written as JSON, which is a mistake of ours.
    pub(crate) fn new<T: Serialize>(
        status: StatusCode,
        location: Option<String>,
        body: &T,
    ) -> Result<Self, ApiError> {
        let body = serde_json::value::to_raw_value(body).map_err(unwritable)?;
        Ok(Self { status: status.as_u16(), replayed: false, location, body })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let json = HeaderValue::from_static("application/json");
        let mut response =
            (status, [(header::CONTENT_TYPE, json)], Box::<str>::from(self.body).into_string())
                .into_response();
        let headers = response.headers_mut();
        if let Some(location) = self.location.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(header::LOCATION, location);
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn unwritable(error: serde_json::Error) -> ApiError {
    ApiError::Internal(format!("an answer cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reads_back_with_its_location() {
        let answer = Answer::new(StatusCode::ACCEPTED, Some("/api/v1/jobs/7".into()), &7).unwrap();
        let read: Answer = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
        assert_eq!((read.location.as_deref(), read.body.get()), (Some("/api/v1/jobs/7"), "7"));
    }

    #[test]
    fn a_key_with_a_blank_is_refused() {
        let mut headers = HeaderMap::new();
        assert!(Once::of(&headers, "").unwrap().key.is_none());
        headers.insert(HEADER, HeaderValue::from_static("a b"));
        assert!(Once::of(&headers, "").is_err());
        headers.insert(HEADER, HeaderValue::from_static("a-b"));
        assert_eq!(Once::of(&headers, "").unwrap().key.as_deref(), Some("a-b"));
    }
}
