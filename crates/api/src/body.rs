//! Reads request bodies: bounded, of the right type, and with the place named where one is wrong.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::state::App;

/// The longest piece of a client's own text that an error repeats.
const SHOWN_MAX: usize = 60;

/// A request's body as it came, and a fingerprint of the whole request.
pub(crate) struct Body {
    /// What came.
    pub(crate) bytes: Bytes,
    /// The media type without its parameters, in lower case.
    pub(crate) media_type: String,
    /// Hash over method, address and body: equal for a request sent again.
    pub(crate) fingerprint: String,
}

impl FromRequest<App> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let limit = app.settings.body_max_bytes;
        let media_type = media_type(request.headers());
        let (method, address) = (request.method().clone(), request.uri().to_string());
        let bytes = bytes(request, app, limit).await?;
        let fingerprint = fingerprint(method.as_str(), &address, &bytes);
        Ok(Self { bytes, media_type, fingerprint })
    }
}

/// A hash over method, address and body: equal for a request sent again.
pub(crate) fn fingerprint(method: &str, address: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [method, address] {
        hash.update(part);
        hash.update([b'\n']);
    }
    hash.update(body);
    hex(&hash.finalize())
}

impl Body {
    /// The body as JSON of a known shape.
    ///
    /// # Errors
    /// When it is of another type, no JSON, or not of that shape; the error names the place.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        self.expect_json()?;
        from_json(&self.bytes)
    }

    /// Accepts a body that is empty, as the requests that take none have.
    ///
    /// # Errors
    /// When it holds anything but an empty object.
    pub(crate) fn nothing(&self) -> Result<(), ApiError> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        if self.bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        self.json::<Nothing>().map(|_| ())
    }

    pub(crate) fn expect_json(&self) -> Result<(), ApiError> {
        let is_json = self.media_type == "application/json" || self.media_type.ends_with("+json");
        if is_json { Ok(()) } else { Err(ApiError::WrongContentType { expected: "application/json" }) }
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn bytes(mut request: Request, app: &App, limit: usize) -> Result<Bytes, ApiError> {
    let told =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if told.is_some_and(|told: u64| told > u64::try_from(limit).unwrap_or(u64::MAX)) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    DefaultBodyLimit::max(limit).apply(&mut request);
    Bytes::from_request(request, app).await.map_err(|why| match why.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge { limit },
        _ => ApiError::BodyBroken,
    })
}

/// Reads JSON of a known shape.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, error.inner())
    })?;
    reader.end().map_err(|error| explain(".", &error))?;
    Ok(value)
}

fn explain(path: &str, error: &serde_json::Error) -> ApiError {
    let text = error.to_string();
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => return ApiError::BodyNotJson(text),
        Category::Data => {}
    }
    let text = text.split_once(" at line ").map_or(text.as_str(), |_| strip_position(&text));
    let place = if path == "." { "" } else { path };
    if let Some((name, rest)) = quoted(text, "unknown field ") {
        let hint =
            rest.rsplit_once(", expected ").map(|(_, known)| format!("; known are {}", without_lead(known)));
        return ApiError::UnknownField { field: under(place, name), hint: hint.unwrap_or_default() };
    }
    if let Some((name, _)) = quoted(text, "missing field ") {
        return ApiError::InvalidField { field: under(place, name), why: "it is missing".to_owned() };
    }
    if let Some((name, _)) = quoted(text, "duplicate field ") {
        return ApiError::InvalidField { field: under(place, name), why: "it stands twice".to_owned() };
    }
    let field = if place.is_empty() { "body".to_owned() } else { place.to_owned() };
    ApiError::InvalidField { field, why: wanted(text) }
}

/// Says what was expected without repeating what was sent, which may be a secret in the wrong place.
fn wanted(text: &str) -> String {
    let Some((sent, expected)) = text.rsplit_once(", expected ") else {
        return "it cannot be read".to_owned();
    };
    let expected = without_lead(expected);
    let kind = sent
        .strip_prefix("invalid type: ")
        .map(|rest| rest.split(['`', '"']).next().unwrap_or_default().trim());
    match kind {
        Some(kind) if !kind.is_empty() => format!("it is of type {kind} and should be {expected}"),
        _ => format!("it should be {expected}"),
    }
}

fn without_lead(expected: &str) -> &str {
    expected.strip_prefix("one of ").unwrap_or(expected)
}

fn strip_position(text: &str) -> &str {
    text.rsplit_once(" at line ").map_or(text, |(front, _)| front)
}

fn quoted<'a>(text: &'a str, lead: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(lead)?.strip_prefix('`')?.split_once('`')
}

/// The place of a field, whether or not the path already ends with its name.
fn under(place: &str, name: &str) -> String {
    let name: String = name.chars().take(SHOWN_MAX).collect();
    if place.is_empty() {
        name
    } else if place == name || place.ends_with(&format!(".{name}")) {
        place.to_owned()
    } else {
        format!("{place}.{name}")
    }
}

/// The media type without its parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Bytes as lower-case hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code)]
        items: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[allow(dead_code)]
        count: u32,
    }

    fn problem(text: &str) -> String {
        from_json::<Outer>(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_type_is_named_with_its_place_and_without_its_value() {
        let problem = problem(r#"{"items":[{"count":1},{"count":"secret, expected nothing"}]}"#);
        assert_eq!(problem, "The field `items[1].count` is wrong: it is of type string and should be u32.");
    }

    #[test]
    fn an_unknown_field_is_named_with_its_place() {
        assert_eq!(
            problem(r#"{"items":[{"count":1,"cuont":2}]}"#),
            "The field `items[0].cuont` is not known here; known are `count`; check its spelling or leave it out."
        );
        assert!(problem(r#"{"itmes":[]}"#).starts_with("The field `itmes` is not known here"));
    }

    #[test]
    fn a_missing_field_is_named() {
        assert_eq!(problem(r#"{"items":[{}]}"#), "The field `items[0].count` is wrong: it is missing.");
    }

    #[test]
    fn what_is_no_json_is_told_so() {
        assert!(problem("{").starts_with("The body is not JSON"));
        assert!(problem(r#"{"items":[]} more"#).starts_with("The body is not JSON"));
    }
}
