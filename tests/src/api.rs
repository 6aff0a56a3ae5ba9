//! Russet's HTTP API, as another system uses it.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::answer::Answer;

/// Pages that one list is followed over.
const PAGES_MAX: usize = 1_000;

/// A client with an API key.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
    key: String,
}

impl Api {
    /// A client of the server at this address.
    ///
    /// # Panics
    ///
    /// When the HTTP client cannot be built.
    #[must_use]
    pub fn new(url: &str, key: &str) -> Self {
        Self { http: http(), url: url.to_owned(), key: key.to_owned() }
    }

    /// The same server with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// Where the server is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The API key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Starts a request with the key. The path is below `/api/v1`, or begins with `//` for the server's root.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let path = path
            .strip_prefix('/')
            .filter(|rest| rest.starts_with('/'))
            .map_or_else(|| format!("/api/v1{path}"), str::to_owned);
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    /// Sends a request with a JSON body, if any.
    ///
    /// # Panics
    ///
    /// When no answer comes.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.try_to(method, path, body).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Sends a request with a JSON body, if any. That no answer comes is an answer, too.
    ///
    /// # Errors
    ///
    /// When no answer comes, with the reason.
    pub async fn try_to(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, String> {
        let asked = format!("{method} {path}");
        let request = self.request(method, path);
        Answer::try_to(
            asked,
            match body {
                Some(body) => request.json(body),
                None => request,
            },
        )
        .await
    }

    /// Asks for something that is there.
    pub async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.with(200)
    }

    /// Posts; any answer will do.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Sends a request under an `Idempotency-Key`; any answer will do.
    ///
    /// # Panics
    ///
    /// When no answer comes.
    pub async fn once(&self, key: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let asked = format!("{method} {path} with the key {key}");
        let request = self.request(method, path).header("Idempotency-Key", key);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        Answer::try_to(asked, request).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Posts a body that is not JSON; any answer will do.
    ///
    /// # Panics
    ///
    /// When no answer comes.
    pub async fn upload(&self, path: &str, media_type: &'static str, body: String) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", media_type).body(body);
        Answer::try_to(format!("POST {path}"), request).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// A whole list, page after page.
    ///
    /// # Panics
    ///
    /// When the list does not end or has something twice.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let page = self.get(&format!("{path}{separator}limit=1000{cursor}")).await;
            items.extend(page["items"].as_array().expect("a page has items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
        panic!("the list {path} has more than {PAGES_MAX} pages");
    }
}

/// A client for calls on this machine.
pub(crate) fn http() -> reqwest::Client {
    // A second call finds the provider there, and that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .no_proxy()
        // A story stops and starts servers; a connection kept from before would fail its first request.
        .pool_max_idle_per_host(0)
        .build()
        .expect("an HTTP client can be built")
}
