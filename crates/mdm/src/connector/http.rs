//! HTTP toward MDM servers: bounded in time and size, without redirects.

use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{LAST_MODIFIED, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode};
use russet_domain::Timestamp;
use russet_domain::callback::{CallbackUrl, Rules};

use super::error::ConnectorError;
use crate::callbacks::{causes, client, leads_inside};
use crate::{Settings, TellError};

/// The largest answer that is read: a line for each of the most devices of one call has room in it many times over.
const ANSWER_MAX: usize = 4 * 1024 * 1024;
/// The longest that a server may put us off.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// The longest of its words that are repeated.
const WORDS_MAX: usize = 300;

/// What calls servers; cheap to clone.
#[derive(Clone)]
pub(super) struct Http {
    client: Client,
    rules: Rules,
}

/// An answer that was read to its end.
pub(super) struct Reply {
    pub(super) host: String,
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    /// Whether there was more than was read.
    pub(super) is_cut: bool,
    /// Since when the server has what it answered, by its own clock.
    pub(super) modified: Option<Timestamp>,
    after: Option<Duration>,
}

impl Http {
    pub(super) fn new(settings: &Settings) -> Result<Self, TellError> {
        let rules = settings.server_rules();
        Ok(Self { client: client(settings, rules.allow_inside)?, rules })
    }

    /// Whether an address may be called.
    pub(super) fn judge(&self, url: &str) -> Result<(), ConnectorError> {
        CallbackUrl::read(url, self.rules).map(|_| ()).map_err(|error| ConnectorError::Wrong {
            host: "the address".to_owned(),
            why: error
                .to_string()
                .replace("mdm.allow_inside", "mdm.servers_inside")
                .replace("mdm.allow_http", "mdm.servers_inside"),
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads the answer. What every server means alike is judged here: a key that is not taken, a server
    /// that is busy.
    pub(super) async fn send(&self, url: &str, request: RequestBuilder) -> Result<Reply, ConnectorError> {
        let reply = self.send_within(url, request, ANSWER_MAX).await?;
        if reply.is_cut {
            let why = format!("its answer is larger than {ANSWER_MAX} bytes");
            return Err(ConnectorError::Later { host: reply.host, why, after: None });
        }
        Ok(reply)
    }

    /// The same, for an answer that has another size. What is larger comes back cut, for the caller to judge.
    pub(super) async fn send_within(
        &self,
        url: &str,
        request: RequestBuilder,
        max: usize,
    ) -> Result<Reply, ConnectorError> {
        let host = host_of(url);
        let later = |why: String| ConnectorError::Later { host: host.clone(), why, after: None };
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if leads_inside(&error) => {
                let why = "its name leads inside the network, where nothing is called unless mdm.servers_inside is set";
                return Err(ConnectorError::Wrong { host, why: why.to_owned() });
            }
            Err(error) if error.is_timeout() => return Err(later("it did not answer in time".to_owned())),
            Err(error) => return Err(later(causes(&error.without_url()))),
        };
        let status = answer.status();
        let after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
        let modified = answer
            .headers()
            .get(LAST_MODIFIED)
            .and_then(|value| DateTime::parse_from_rfc2822(value.to_str().ok()?).ok())
            .map(|at| Timestamp(at.timestamp_millis()));
        let (body, is_cut) = read(answer, max).await.map_err(later)?;
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(ConnectorError::Unauthorized { host, status: status.as_u16() })
            }
            _ => Ok(Reply { host, status, body, is_cut, modified, after }),
        }
    }
}

impl Reply {
    #[cfg(test)]
    pub(super) fn of(host: &str, status: StatusCode, body: &[u8]) -> Self {
        Self {
            host: host.to_owned(),
            status,
            body: body.to_vec(),
            is_cut: false,
            modified: None,
            after: None,
        }
    }

    /// That it may be better later.
    pub(super) fn later(self) -> ConnectorError {
        let why = format!("it answered {}", self.status);
        ConnectorError::Later { host: self.host, why, after: self.after }
    }

    /// That there is no such address on this server, or that it means something else by it.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
            || self.status.is_redirection()
    }

    /// That the server is not the one it is said to be.
    pub(super) fn wrong(self, expected: &str) -> ConnectorError {
        let why = format!(
            "it answered {} where {expected} was expected; look at the connector's url and kind",
            self.status
        );
        ConnectorError::Wrong { host: self.host, why }
    }

    /// That it refused, in words.
    pub(super) fn refused(self, why: &str) -> ConnectorError {
        ConnectorError::Refused { host: self.host, why: words(why) }
    }
}

/// What a server says, short enough to be repeated.
pub(super) fn words(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

fn host_of(url: &str) -> String {
    let host = |url: reqwest::Url| {
        let name = url.host_str()?.to_owned();
        Some(url.port().map_or(name.clone(), |port| format!("{name}:{port}")))
    };
    reqwest::Url::parse(url).ok().and_then(host).unwrap_or_else(|| "the server".to_owned())
}

/// Reads an answer, and tells whether there is more than `max`.
async fn read(mut answer: reqwest::Response, max: usize) -> Result<(Vec<u8>, bool), String> {
    let mut bytes = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > max => return Ok((bytes, true)),
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok((bytes, false)),
            Err(error) => return Err(format!("its answer broke off ({})", causes(&error.without_url()))),
        }
    }
}
