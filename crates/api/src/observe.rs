//! Goes around every request: its number, its span, its time limit, its count and its line in the log.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::error::ApiError;
use crate::request_id;
use crate::state::App;

/// What unknown addresses are counted under.
const NO_ROUTE: &str = "-";

/// The middleware.
pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id::of(request.headers());
    let method = request.method().to_string();
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let span =
        tracing::info_span!("http", request.id = %id, method = %method, route = %route, key.id = Empty);
    let allowed = app.settings.request_timeout();
    let answer = async {
        let served = tokio::time::timeout(allowed, next.run(request)).await;
        let late = |_| ApiError::TimedOut { seconds: allowed.as_secs() }.into_response();
        let response = served.unwrap_or_else(late);
        let took = started.elapsed();
        log(&route, response.status(), took.as_millis());
        app.metrics.answered(&method, &route, response.status().as_u16(), took);
        response
    };
    let mut response = request_id::REQUEST_ID.scope(id.clone(), answer.instrument(span)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    response
}

/// What is asked every few seconds, or comes by the thousand, does not fill the log.
fn log(route: &str, status: StatusCode, duration_ms: u128) {
    let often = matches!(route, "/healthz" | "/readyz" | "/metrics") || route.starts_with("/api/v1/apple/");
    let status = status.as_u16();
    if often && status < 400 {
        tracing::debug!(status, duration_ms, "request");
    } else {
        tracing::info!(status, duration_ms, "request");
    }
}

/// The answer when a handler panicked, which is a mistake of ours.
#[allow(clippy::needless_pass_by_value, reason = "the layer passes it so")]
pub(crate) fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let text = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no reason given".to_owned());
    ApiError::Internal(format!("a handler panicked: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    #[tokio::test]
    async fn what_a_panic_says_stays_in_the_log() {
        let response = panicked(Box::new("the secret is 7".to_owned()));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("\"code\":\"internal\"") && !text.contains("secret"), "{text}");
    }
}
