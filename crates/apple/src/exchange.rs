//! One request to Apple and its answer: sending, reading within bounds, and telling refusals from answers.

use std::error::Error as _;
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};
use russet_domain::Secret;

use crate::answer::Answer;
use crate::endpoint::Endpoint;
use crate::error::{AppleError, Refusal, Sent};
use crate::retry_after;
use crate::wire::fault::Oddities;
use crate::wire::head::Head;
use crate::wire::{Fault, Notes, Object};

/// The longest text of Apple's that goes into an error.
const MESSAGE_MAX: usize = 300;

/// Where and how requests are made.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) http: Client,
    pub(crate) base: Url,
    pub(crate) body_max: usize,
}

/// One request.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) token: Option<&'a Secret>,
    pub(crate) query: Vec<(&'static str, &'a str)>,
    pub(crate) body: Option<Vec<u8>>,
    /// Whatever else must not come back in an error's text.
    pub(crate) hidden: Option<&'a Secret>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(endpoint: Endpoint, token: Option<&'a Secret>) -> Self {
        Self { endpoint, token, query: Vec::new(), body: None, hidden: None }
    }

    pub(crate) fn post(endpoint: Endpoint, token: &'a Secret, body: Vec<u8>) -> Self {
        Self { endpoint, token: Some(token), query: Vec::new(), body: Some(body), hidden: None }
    }
}

/// The body of an answer that is none of an error, with what was said beside it.
pub(crate) struct Reply {
    endpoint: Endpoint,
    url: String,
    http: u16,
    bytes: Vec<u8>,
    beside: Answer<()>,
}

impl Reply {
    /// Turns the body into a value; it may find that it is not what was asked for.
    pub(crate) fn read<T>(
        self,
        convert: impl FnOnce(&Object<'_>) -> Result<T, Fault>,
    ) -> Result<Answer<T>, AppleError> {
        let notes = Notes::default();
        let value = Object::read(&self.bytes, &notes).and_then(|object| convert(&object));
        let Self { endpoint, url, http, mut beside, .. } = self;
        beside.odd = beside.odd.and(notes.into_oddities());
        warn_of(endpoint, &beside.odd);
        match value {
            Ok(value) => Ok(beside.map(|()| value)),
            Err(why) => Err(AppleError::Unreadable { endpoint, url, http, why: why.to_string() }),
        }
    }

    /// The answer where only success matters.
    pub(crate) fn empty(self) -> Answer<()> {
        warn_of(self.endpoint, &self.beside.odd);
        self.beside
    }
}

/// Says once for each answer that a part of it was passed over: Apple may have changed its words.
fn warn_of(endpoint: Endpoint, odd: &Oddities) {
    if odd.count > 0 {
        tracing::warn!(apple.endpoint = %endpoint, fields = %odd, "a part of Apple's answer cannot be read");
    }
}

impl Connection {
    /// Makes one request and tells a refusal from an answer.
    pub(crate) async fn exchange(&self, mut call: Call<'_>) -> Result<Reply, AppleError> {
        let endpoint = call.endpoint;
        let request = self.request(&mut call)?;
        let url = without_query(request.url());
        let began = Instant::now();
        let response = match self.http.execute(request).await {
            Ok(response) => response,
            Err(error) => {
                let sent = if error.is_connect() || error.is_builder() { Sent::No } else { Sent::Maybe };
                return Err(AppleError::Unreachable { endpoint, url, sent, why: causes(error) });
            }
        };
        let status = response.status();
        let retry_after = retry_after::read(response.headers(), SystemTime::now());
        let body = self.body(response).await;
        tracing::debug!(
            apple.endpoint = %endpoint,
            http.status = status.as_u16(),
            duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "Apple answered"
        );
        judge(&call, url, status, retry_after, body)
    }

    fn request(&self, call: &mut Call<'_>) -> Result<Request, AppleError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), call.endpoint.path()));
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let method = if call.endpoint.is_write() { Method::POST } else { Method::GET };
        let mut request = Request::new(method, url);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = call.token {
            request.headers_mut().insert(AUTHORIZATION, bearer(token)?);
        }
        if let Some(body) = call.body.take() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, String> {
        let too_large = || format!("it is larger than apple.body_max_bytes ({})", self.body_max);
        let announced = response.content_length().unwrap_or(0);
        if announced > self.body_max as u64 {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > self.body_max => return Err(too_large()),
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => return Ok(bytes),
                Err(error) => return Err(format!("it broke off ({})", causes(error))),
            }
        }
    }
}

/// Tells a refusal from an answer. An `errorNumber` in the body counts before anything else, the status included:
/// Apple answers some bad tokens with 200.
pub(crate) fn judge(
    call: &Call<'_>,
    url: String,
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Result<Vec<u8>, String>,
) -> Result<Reply, AppleError> {
    let (endpoint, http) = (call.endpoint, status.as_u16());
    let read = body.and_then(|bytes| match head(&bytes) {
        Ok((head, odd)) => Ok((bytes, head, odd)),
        Err(fault) => Err(fault.to_string()),
    });
    let unreadable = |why| Err(AppleError::Unreadable { endpoint, url: url.clone(), http, why });
    match read {
        Ok((bytes, Head { number: None, seen, .. }, odd)) if status.is_success() => {
            let beside = Answer { value: (), seen, retry_after, odd };
            Ok(Reply { endpoint, url, http, bytes, beside })
        }
        Ok((_, Head { number: Some(Err(why)), .. }, _)) if status.is_success() => unreadable(why.to_string()),
        Err(why) if status.is_success() => unreadable(why),
        refused => {
            let (head, odd) = refused.map(|(_, head, odd)| (head, odd)).unwrap_or_default();
            warn_of(endpoint, &odd);
            let secrets = [call.token, call.hidden].map(|secret| secret.map(Secret::reveal));
            Err(AppleError::Refused(Box::new(Refusal {
                endpoint,
                number: head.number.and_then(Result::ok),
                http,
                message: presentable(&head.message, secrets),
                retry_after,
                subjects: head.subjects,
                seen: head.seen,
            })))
        }
    }
}

/// What a body says beside its value.
fn head(body: &[u8]) -> Result<(Head, Oddities), Fault> {
    let notes = Notes::default();
    let head = Head::of(&Object::read(body, &notes)?);
    Ok((head, notes.into_oddities()))
}

/// The whole text of the token file as bearer, without the white space around it.
fn bearer(token: &Secret) -> Result<HeaderValue, AppleError> {
    let text = token.reveal().trim();
    if text.is_empty() {
        return Err(AppleError::BadToken { why: "it is empty" });
    }
    let mut value = HeaderValue::try_from(format!("Bearer {text}"))
        .map_err(|_| AppleError::BadToken { why: "it has characters that are not base64" })?;
    value.set_sensitive(true);
    Ok(value)
}

fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}

/// An error of the HTTP client with all its causes. The client's own words hold no header and no body, and the
/// address with its query is taken out.
pub(crate) fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause
        && text.len() < MESSAGE_MAX
    {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    presentable(&text, [None, None])
}

/// A text from outside, fit for a log line: without secrets, addresses of people and control characters, and not endless.
fn presentable(text: &str, secrets: [Option<&str>; 2]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.into_iter().flatten().map(str::trim).filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "…");
    }
    // Apple repeats the email address or account that it does not like.
    if text.contains('@') {
        let anonymous = |word: &str| if word.contains('@') { "…".to_owned() } else { word.to_owned() };
        text = text.split(' ').map(anonymous).collect::<Vec<_>>().join(" ");
    }
    text.chars().take(MESSAGE_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_cannot_break_a_log_line_or_tell_a_secret() {
        let text = presentable("bad\nheader “Bearer b3BhcXVl”\u{1b}[31m", [Some("b3BhcXVl\n"), None]);
        assert_eq!(text, "bad header “Bearer …” [31m");
        assert_eq!(presentable(&"x".repeat(9999), [None, None]).len(), MESSAGE_MAX);
    }

    #[test]
    fn a_persons_address_in_apples_words_is_not_repeated() {
        let text = presentable("the email “A.Person@Example.com” is bad", [None, None]);
        assert_eq!(text, "the email … is bad");
    }

    #[test]
    fn a_token_that_fits_no_header_is_refused_without_being_shown() {
        let error = bearer(&Secret::new("opaque\ntext")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("opaque"));
        assert!(bearer(&Secret::new(" \n")).is_err());
    }
}
