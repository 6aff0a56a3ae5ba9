//! Speaks to the HTTP API.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use russet_domain::Secret;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::answers::Problem;
use crate::error::{CliError, chain};

/// The largest answer that is read.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;
/// How often a request is repeated that the server had no time for.
const TRIES_MAX: u32 = 4;
/// The longest wait between two tries.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// The longest that fetching one file may take.
const DOWNLOAD_MAX: Duration = Duration::from_secs(3_600);
/// The most entries that one page of a list has.
pub(crate) const PAGE_MAX: usize = 1_000;

/// A connection to one server.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
}

/// What a request carries.
enum Content<'a> {
    Json(&'a Value),
    Bytes(&'static str, Vec<u8>),
}

/// What the server answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Client {
    /// Prepares a client; nothing is sent yet.
    pub(crate) fn new(url: &str, key: &Secret) -> Result<Self, CliError> {
        let base = url.trim().trim_end_matches('/').to_owned();
        let parsed = Url::parse(&base).map_err(|error| {
            CliError::Usage(format!(
                "{base:?} is not the address of a server ({error}); write one like http://127.0.0.1:8080"
            ))
        })?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(CliError::Usage(format!("{base:?} should begin with http:// or https://")));
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.reveal()))
            .map_err(|_| CliError::Usage("the API key holds characters that no key has".to_owned()))?;
        bearer.set_sensitive(true);
        let http = builder(&base, Duration::from_secs(120))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .build()
            .map_err(|error| CliError::Failed(chain(&error)))?;
        Ok(Self { http, base })
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value, CliError> {
        Ok(self.call(Method::GET, path, query, None).await?.body)
    }

    /// Submits. The request carries an idempotency key, so that repeating it makes nothing twice.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, CliError> {
        self.call(Method::POST, path, &[], Some(Content::Json(body))).await
    }

    /// Submits a body that is not JSON, with an idempotency key as [`post`](Self::post).
    pub(crate) async fn upload(
        &self,
        path: &str,
        query: &[(&str, String)],
        media_type: &'static str,
        bytes: Vec<u8>,
    ) -> Result<Answer, CliError> {
        self.call(Method::POST, path, query, Some(Content::Bytes(media_type, bytes))).await
    }

    /// Replaces.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Answer, CliError> {
        self.call(Method::PUT, path, &[], Some(Content::Json(body))).await
    }

    /// Replaces with a body that is not JSON.
    pub(crate) async fn replace(
        &self,
        path: &str,
        query: &[(&str, String)],
        media_type: &'static str,
        bytes: Vec<u8>,
    ) -> Result<Answer, CliError> {
        self.call(Method::PUT, path, query, Some(Content::Bytes(media_type, bytes))).await
    }

    /// Changes.
    pub(crate) async fn patch(
        &self,
        path: &str,
        query: &[(&str, String)],
        body: &Value,
    ) -> Result<Answer, CliError> {
        self.call(Method::PATCH, path, query, Some(Content::Json(body))).await
    }

    /// Removes what a body names.
    pub(crate) async fn withdraw(&self, path: &str, body: &Value) -> Result<Answer, CliError> {
        self.call(Method::DELETE, path, &[], Some(Content::Json(body))).await
    }

    /// Removes.
    pub(crate) async fn delete(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, CliError> {
        self.call(Method::DELETE, path, query, None).await
    }

    /// Fetches a file as it comes, however large, and puts it in place once it is whole.
    pub(crate) async fn download(&self, path: &str, to: &Path) -> Result<(), CliError> {
        let cannot = |error: std::io::Error| CliError::Failed(format!("{}: {error}", to.display()));
        let url = format!("{}/api/v1/{path}", self.base);
        let request = self.http.get(url).timeout(DOWNLOAD_MAX);
        let mut response = request.send().await.map_err(|error| self.unreachable(why(error)))?;
        if !response.status().is_success() {
            let answer = self.read(response).await?;
            return Err(self.unreachable(format!("{path} was answered with {}", answer.status)));
        }
        let beside = to.with_extension("part");
        let mut file = tokio::fs::File::create(&beside).await.map_err(cannot)?;
        while let Some(part) = response.chunk().await.map_err(|error| self.unreachable(why(error)))? {
            file.write_all(&part).await.map_err(cannot)?;
        }
        file.sync_all().await.map_err(cannot)?;
        tokio::fs::rename(&beside, to).await.map_err(cannot)
    }

    /// Reads a list, page after page, up to `limit` items.
    pub(crate) async fn list(
        &self,
        path: &str,
        query: &[(&str, String)],
        limit: usize,
    ) -> Result<Vec<Value>, CliError> {
        let mut items: Vec<Value> = Vec::new();
        let mut cursor = None;
        // A page that brings nothing ends the list, so that there are no more rounds than items.
        while items.len() < limit {
            let mut query = query.to_vec();
            query.push(("limit", (limit - items.len()).min(PAGE_MAX).to_string()));
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let mut page = self.get(path, &query).await?;
            let Some(found) = page.get_mut("items").and_then(Value::as_array_mut) else {
                return Err(
                    self.unreachable("the answer is no list; is this the address of a Russet?".to_owned())
                );
            };
            let brought = found.len();
            items.append(found);
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() || brought == 0 {
                break;
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<Content<'_>>,
    ) -> Result<Answer, CliError> {
        let mut url = Url::parse(&format!("{}/api/v1/{path}", self.base))
            .map_err(|error| CliError::Usage(format!("{} is not an address: {error}", self.base)))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method.clone(), url);
        if method != Method::GET {
            request = request.header("idempotency-key", uuid::Uuid::new_v4().to_string());
        }
        request = match body {
            Some(Content::Json(body)) => request.json(body),
            Some(Content::Bytes(media_type, bytes)) => request.header(CONTENT_TYPE, media_type).body(bytes),
            None => request,
        };
        let mut tries = 1;
        loop {
            let Some(again) = request.try_clone() else {
                return Err(CliError::Failed("the request cannot be repeated".to_owned()));
            };
            let response = again.send().await.map_err(|error| self.unreachable(why(error)))?;
            if response.status() == StatusCode::SERVICE_UNAVAILABLE && tries < TRIES_MAX {
                tokio::time::sleep(wait_of(&response)).await;
                tries += 1;
                continue;
            }
            return self.read(response).await;
        }
    }

    async fn read(&self, mut response: Response) -> Result<Answer, CliError> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.unreachable(why(error)))? {
            if bytes.len() + part.len() > ANSWER_MAX_BYTES {
                return Err(self.unreachable(format!("the answer is larger than {ANSWER_MAX_BYTES} bytes")));
            }
            bytes.extend_from_slice(&part);
        }
        let body: Option<Value> =
            if bytes.is_empty() { Some(Value::Null) } else { serde_json::from_slice(&bytes).ok() };
        match (status.is_success(), body) {
            (true, Some(body)) => Ok(Answer { status, body }),
            (false, Some(body)) if body.get("code").is_some() => {
                let mut problem: Problem = serde_json::from_value(body).unwrap_or_default();
                problem.status = status.as_u16();
                match status {
                    StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                        Err(self.unreachable(problem.to_string()))
                    }
                    _ => Err(CliError::Refused(problem)),
                }
            }
            _ => Err(self.unreachable(format!(
                "the answer ({status}) is not one of Russet's; is this its address, and is nothing in between?"
            ))),
        }
    }

    pub(crate) fn unreachable(&self, why: String) -> CliError {
        CliError::Unreachable { url: self.base.clone(), why }
    }
}

/// Why nothing came back, in few words: the innermost cause, and what to look at when nobody listens.
fn why(error: reqwest::Error) -> String {
    let (connecting, timed_out) = (error.is_connect(), error.is_timeout());
    let text = chain(&error.without_url());
    let cause = text.rsplit(": ").next().unwrap_or(&text);
    match (connecting, timed_out) {
        (true, _) => format!("{cause}. Does it run there? RUSSET_URL and --url say where to look"),
        (false, true) => "it did not answer in time".to_owned(),
        (false, false) => text,
    }
}

/// A client without a key, for a look at some address.
pub(crate) fn plain(url: &str, timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    builder(url, timeout).build()
}

fn builder(url: &str, timeout: Duration) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("russet-cli/", env!("CARGO_PKG_VERSION")))
        // A redirect could carry the key elsewhere.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .timeout(timeout);
    // Plain HTTP needs no certificates: it works in an image that has none.
    if url.starts_with("http://") { builder.tls_certs_only([]) } else { builder }
}

/// How long the server wants us to wait; half a second when it does not say.
fn wait_of(response: &Response) -> Duration {
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(Duration::from_millis(500), Duration::from_secs).min(WAIT_MAX)
}

/// A name as it stands in an address: what an address would take for its own is spelled out.
pub(crate) fn spelled(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
