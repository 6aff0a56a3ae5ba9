//! What a client gets when something is wrong: RFC 9457's problem details, with a stable code.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::request_id;

/// What was wrong, where, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the code says which problem it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The code in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The stable name of the problem; programs should look at this and nothing else.
    code: String,
    /// One sentence for people.
    detail: String,
    /// The places that are wrong, at most twenty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The request's number in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// One place in the request and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where, such as `devices[3]`.
    pub(crate) field: String,
    /// What is wrong there.
    pub(crate) detail: String,
}

/// The most places named in one answer.
pub(crate) const FIELD_ERRORS_MAX: usize = 20;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.verdict();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %chain(&self), "a request failed through no fault of its sender");
        }
        let problem = Problem {
            kind: "about:blank",
            title: title(&code),
            status: status.as_u16(),
            code: code.into_owned(),
            detail: self.detail(),
            errors: self.errors(),
            request_id: request_id::current(),
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An error and all that it came from, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    // An error that names itself as its source would go on for ever.
    for _ in 0..10 {
        let Some(inner) = source else { break };
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

fn title(code: &str) -> String {
    let words = code.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}
