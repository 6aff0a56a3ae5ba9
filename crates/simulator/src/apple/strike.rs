//! Answers that go wrong on command, and how each kind leaves the machine.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde_json::Value;

use super::errors::{AppleError, ErrorBody, ErrorInfoBody, message_of};
use crate::catalog;
use crate::faults::{RetryAfter, What};
use crate::server::Switch;
use crate::shared::Shared;

/// Who is told to wait, and in which of Apple's two ways an error is spelled.
#[derive(Debug, Clone)]
pub(crate) enum Asker {
    /// A client of the management API, with its location when it is known.
    Location(Option<Arc<str>>),
    /// A client of the metadata services, by its key.
    Store(Arc<str>),
}

/// What goes out in the end.
pub(crate) enum Reply {
    Whole {
        status: u16,
        error_number: Option<u16>,
        content_type: &'static str,
        retry_after: Option<String>,
        body: Bytes,
    },
    /// The head promises a body of which only this much comes.
    Broken { status: u16, body: Bytes, promised: usize },
    /// No answer: the connection is cut.
    Cut,
}

impl Reply {
    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self::Whole {
            status,
            error_number: None,
            content_type: "application/json",
            retry_after: None,
            body: body.into(),
        }
    }

    pub(crate) fn error(error: &AppleError) -> Self {
        Self::Whole {
            status: error.status(),
            error_number: Some(error.number),
            content_type: "application/json",
            retry_after: None,
            body: error.body().into(),
        }
    }

    /// An error of the metadata services.
    pub(crate) fn store_error(status: u16, code: u16, body: Vec<u8>) -> Self {
        Self::Whole {
            status,
            error_number: Some(code),
            content_type: "application/json",
            retry_after: None,
            body: body.into(),
        }
    }

    /// Status, error number and size, for the log of requests.
    pub(crate) fn summary(&self) -> (Option<u16>, Option<u16>, usize) {
        match self {
            Self::Whole { status, error_number, body, .. } => (Some(*status), *error_number, body.len()),
            Self::Broken { status, body, .. } => (Some(*status), None, body.len()),
            Self::Cut => (None, None, 0),
        }
    }

    pub(crate) fn into_response(self, switch: &Switch) -> Response {
        match self {
            Self::Whole { status, content_type, retry_after, body, .. } => {
                let mut response = Response::new(Body::from(body));
                *response.status_mut() = status_of(status);
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                if let Some(value) = retry_after.and_then(|text| HeaderValue::from_str(&text).ok()) {
                    response.headers_mut().insert(RETRY_AFTER, value);
                }
                response
            }
            Self::Broken { status, body, promised } => {
                let mut response = Response::new(broken_body(body));
                *response.status_mut() = status_of(status);
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(CONTENT_LENGTH, HeaderValue::from(promised));
                response
            }
            Self::Cut => {
                switch.cut();
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
        }
    }
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Sends these bytes, gives them time to get out, and then breaks the connection.
fn broken_body(bytes: Bytes) -> Body {
    let steps = stream::unfold(Some(bytes), |state| async move {
        match state {
            Some(bytes) => Some((Ok(bytes), None)),
            None => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), None))
            }
        }
    });
    Body::from_stream(steps)
}

/// Makes of a request what the fault orders. `answer` is what would be answered otherwise; some faults let it be done.
pub(crate) async fn strike(
    shared: &Shared,
    asker: &Asker,
    what: &What,
    answer: impl Future<Output = Reply>,
) -> Reply {
    match what {
        What::Status { status, error_number, error_message, retry_after } => {
            let retry_after = retry_after.as_ref().map(|value| tell_to_wait(shared, asker, value));
            ordered_error(asker, *status, *error_number, error_message.as_deref(), retry_after)
        }
        What::ResetBefore {} => Reply::Cut,
        What::ResetAfter {} => {
            answer.await;
            Reply::Cut
        }
        What::Truncate {} => match answer.await {
            Reply::Whole { status, body, .. } => {
                Reply::Broken { status, promised: body.len(), body: body.slice(..body.len() / 2) }
            }
            other => other,
        },
        What::SpoilRecords { every, field, value } => spoil_records(answer.await, *every, field, value),
        What::NotJson { status } => Reply::Whole {
            status: *status,
            error_number: None,
            content_type: "text/html",
            retry_after: None,
            body: Bytes::from_static(b"<html><body><h1>The service is not available.</h1></body></html>"),
        },
        What::ErrorIn200 { error_number } => {
            let body = match asker {
                Asker::Location(_) => AppleError::new(*error_number).body(),
                Asker::Store(_) => catalog::errors::body(200, *error_number, "Error", ""),
            };
            let mut reply = Reply::json(200, body);
            if let Reply::Whole { error_number: shown, .. } = &mut reply {
                *shown = Some(*error_number);
            }
            reply
        }
        What::Timeout { ms, processed } => {
            if *processed {
                answer.await;
            }
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            Reply::Cut
        }
        // These never strike a request: `Faults::for_request` passes them over.
        What::Latency { .. }
        | What::EventPending {}
        | What::EventFailsInPart { .. }
        | What::EventFails { .. }
        | What::Lost {}
        | What::Late { .. }
        | What::Doubled {}
        | What::Reordered {} => answer.await,
    }
}

/// The answer, with a field of every nth record of its lists as it was ordered.
fn spoil_records(reply: Reply, every: usize, field: &str, value: &Value) -> Reply {
    let Reply::Whole { status, error_number, content_type, retry_after, body } = reply else { return reply };
    let spoiled = serde_json::from_slice::<Value>(&body).ok().and_then(|mut whole| {
        let lists = whole.as_object_mut()?.values_mut().filter_map(Value::as_array_mut);
        for record in lists.flat_map(|list| list.iter_mut().skip(every - 1).step_by(every)) {
            record.as_object_mut()?.insert(field.to_owned(), value.clone());
        }
        serde_json::to_vec(&whole).ok()
    });
    let body = spoiled.map_or(body, Bytes::from);
    Reply::Whole { status, error_number, content_type, retry_after, body }
}

/// An error as it was ordered; without a number its body is empty.
fn ordered_error(
    asker: &Asker,
    status: u16,
    error_number: Option<u16>,
    message: Option<&str>,
    retry_after: Option<String>,
) -> Reply {
    let body = error_number.map_or_else(Vec::new, |number| match asker {
        Asker::Location(_) => {
            let text = message.unwrap_or_else(|| message_of(number));
            super::reply::json(&ErrorBody::new(number, text, ErrorInfoBody::default()))
        }
        Asker::Store(_) => catalog::errors::body(status, number, message.unwrap_or("Error"), ""),
    });
    Reply::Whole { status, error_number, content_type: "application/json", retry_after, body: body.into() }
}

/// Writes down until when nobody should ask again, and returns the value of the header.
fn tell_to_wait(shared: &Shared, asker: &Asker, retry_after: &RetryAfter) -> String {
    let now_us = shared.clock.now_us();
    let now = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now_us).unwrap_or(0));
    let in_seconds = |seconds: u64| i64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000);
    let (text, until_us) = match retry_after {
        RetryAfter::Seconds(seconds) => (seconds.to_string(), Some(now_us + in_seconds(*seconds))),
        RetryAfter::DateIn { date_in_s } => {
            let text = httpdate::fmt_http_date(now + Duration::from_secs(*date_in_s));
            let until_us = until_of(&text);
            (text, until_us)
        }
        RetryAfter::Text(text) => (text.clone(), until_of(text)),
    };
    if let Some(until_us) = until_us {
        shared.ledger.told_to_wait(asker, now_us, until_us);
    }
    text
}

/// The time that an HTTP date names; none when it is no date, for then there is nothing to obey.
fn until_of(text: &str) -> Option<i64> {
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok()
}
