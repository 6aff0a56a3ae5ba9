//! An answer of an HTTP server, with what a story asks of it.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Sends a request and reads the answer; a failure on the way there comes back as a sentence.
    pub(crate) async fn try_to(asked: String, request: reqwest::RequestBuilder) -> Result<Self, String> {
        let answer = request.send().await.map_err(|error| format!("{asked}: {error:?}"))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.map_err(|error| format!("{asked}: {error:?}"))?;
        Ok(Self { asked, status, headers, text })
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{self} is not JSON: {error}"))
    }

    /// The body, when the status is this one.
    ///
    /// # Panics
    ///
    /// When the status is another one.
    #[must_use]
    #[track_caller]
    pub fn with(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The body of a success.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn good(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The stable code of a problem, and its sentence.
    ///
    /// # Panics
    ///
    /// When the answer is no problem in its proper form.
    #[must_use]
    #[track_caller]
    pub fn problem(&self) -> (String, String) {
        let kind = self.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "{self} has the content type {kind:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status, "{self}");
        let text =
            |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{self} has no {name}")).to_owned();
        assert!(!text("title").is_empty() && !text("type").is_empty(), "{self}");
        (text("code"), text("detail"))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start: String = self.text.chars().take(2_000).collect();
        write!(f, "{} answered {} {start}", self.asked, self.status)
    }
}
