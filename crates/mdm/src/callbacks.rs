//! Calls the addresses that users give.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use russet_domain::Secret;
use russet_domain::callback::{CallbackUrl, Rules};

use crate::error::TellError;
use crate::news::News;
use crate::resolver::{LeadsInside, Resolver};
use crate::settings::Settings;
use crate::signature::{SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

/// The longest that a receiver may put us off.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Calls the MDM side; cheap to clone.
#[derive(Clone, Debug)]
pub struct Callbacks {
    http: Client,
    rules: Rules,
}

/// What the MDM side made of the news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It has done what there was to do.
    Done,
    /// It will confirm later.
    Later,
}

impl Callbacks {
    /// Prepares the client; nothing is called yet.
    ///
    /// # Errors
    /// [`TellError::Client`] on a system without certificates.
    pub fn new(settings: &Settings) -> Result<Self, TellError> {
        Ok(Self { http: client(settings, settings.allow_inside)?, rules: settings.rules() })
    }

    /// Which addresses may be called.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Tells news. Of licenses that have moved, 200 and 204 mean that the apps are installed anew, 202 that this will be confirmed
    /// later; other news is just taken. May be repeated: the news carries its own name.
    ///
    /// # Errors
    /// [`TellError::may_pass`] says whether to try again.
    pub async fn tell(&self, url: &str, secret: &Secret, news: News<'_>) -> Result<Told, TellError> {
        let url = CallbackUrl::read(url, self.rules)?;
        let host = url.shown();
        let later = |why: String| TellError::Later { host: host.clone(), why, after: None };
        let body = news.body().map_err(|error| TellError::Client(error.to_string()))?;
        let timestamp = russet_clock::now().0 / 1_000;
        let request = self
            .http
            .post(url.reveal())
            .header(CONTENT_TYPE, "application/json")
            .header(TIMESTAMP_HEADER, timestamp)
            .header(SIGNATURE_HEADER, sign(secret, timestamp, &body))
            .body(body);
        match request.send().await {
            Ok(answer) => judge(&host, &answer),
            Err(error) if leads_inside(&error) => Err(TellError::LeadsInside { host }),
            Err(error) if error.is_timeout() => Err(later("it did not answer in time".to_owned())),
            Err(error) => Err(later(causes(&error.without_url()))),
        }
    }
}

/// A client that goes nowhere but where it is sent.
pub(crate) fn client(settings: &Settings, allow_inside: bool) -> Result<Client, TellError> {
    // Someone else may have installed one before; then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("russet/", env!("CARGO_PKG_VERSION")))
        .timeout(Duration::from_millis(settings.timeout_ms))
        // A redirect would lead to an address that nobody looked at, and so would a proxy.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(Resolver { allow_inside })
        .build()
        .map_err(|error| TellError::Client(causes(&error)))
}

/// Only the status and one header count; the body is never read.
fn judge(host: &str, answer: &Response) -> Result<Told, TellError> {
    let status = answer.status();
    let host = host.to_owned();
    match status {
        StatusCode::ACCEPTED => Ok(Told::Later),
        status if status.is_success() => Ok(Told::Done),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Err(TellError::Later { host, why: format!("it answered {status}"), after: retry_after(answer) })
        }
        status if status.is_server_error() => {
            Err(TellError::Later { host, why: format!("it answered {status}"), after: retry_after(answer) })
        }
        status => Err(TellError::Refused { host, status: status.as_u16() }),
    }
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

pub(crate) fn leads_inside(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut at = Some(error);
    // Ten are enough for any chain that ends.
    for _ in 0..10 {
        let Some(error) = at else { return false };
        if error.is::<LeadsInside>() {
            return true;
        }
        at = error.source();
    }
    false
}

pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    for _ in 0..10 {
        let Some(error) = at else { break };
        text.push_str(": ");
        text.push_str(&error.to_string());
        at = error.source();
    }
    text
}
