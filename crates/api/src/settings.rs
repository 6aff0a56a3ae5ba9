//! Where the API listens and what it allows.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

/// The API's settings, `[api]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The address and port to listen on.
    pub listen: String,
    /// The https address under which Apple reaches this API, without a path of the API's own; empty: Apple is
    /// polled and sends no notifications.
    pub public_url: String,
    /// The largest request body taken, in bytes.
    pub body_max_bytes: usize,
    /// The largest list of users taken at once, in bytes.
    pub import_max_bytes: usize,
    /// The most users taken at once.
    pub import_rows_max: usize,
    /// The most entries that one page of a list has.
    pub page_max: u32,
    /// The most tokens that can be uploaded (rule S-4); 0 for as many as there are.
    pub tokens_max: usize,
    /// How long the renewal of a token waits for Apple's verdict before it answers with a job to follow; so do a test of
    /// its notifications and a new secret for them.
    pub renewal_wait_ms: u64,
    /// The longest that one stream of a job's events stays open, in seconds; clients open the next one.
    pub sse_max_s: u64,
    /// The most streams of events open at once.
    pub sse_streams_max: usize,
    /// How often a job that is watched is looked at.
    pub sse_every_ms: u64,
    /// The longest that a request may take, its body included.
    pub request_timeout_ms: u64,
    /// How long requests under way may go on after a stop was asked for.
    pub drain_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            public_url: String::new(),
            body_max_bytes: 16 * 1024 * 1024,
            import_max_bytes: 32 * 1024 * 1024,
            import_rows_max: 100_000,
            page_max: 1000,
            tokens_max: 3_000,
            renewal_wait_ms: 10_000,
            sse_max_s: 900,
            sse_streams_max: 256,
            sse_every_ms: 300,
            request_timeout_ms: 60_000,
            drain_ms: 10_000,
        }
    }
}

impl Settings {
    /// Everything that is wrong with the values, one sentence each, with what was expected.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.listen.parse::<SocketAddr>().is_err() && !is_host_and_port(&self.listen) {
            problems.push(format!(
                "api.listen is {:?} and should be an address and a port, such as \"127.0.0.1:8080\".",
                self.listen
            ));
        }
        if !self.public_url.is_empty() && !is_plain_url(&self.public_url) {
            problems.push(
                "api.public_url should be empty or an address such as \"https://russet.example.org\", without \
                 user, query or fragment."
                    .to_owned(),
            );
        }
        let ranges = [
            ("body_max_bytes", wide(self.body_max_bytes), 1024, 256 * 1024 * 1024),
            ("import_max_bytes", wide(self.import_max_bytes), 1024, 256 * 1024 * 1024),
            ("import_rows_max", wide(self.import_rows_max), 1, 1_000_000),
            ("page_max", u64::from(self.page_max), 1, 1000),
            ("tokens_max", wide(self.tokens_max), 0, 1_000_000),
            ("renewal_wait_ms", self.renewal_wait_ms, 0, 50_000),
            ("sse_max_s", self.sse_max_s, 1, 86_400),
            ("sse_streams_max", wide(self.sse_streams_max), 1, 100_000),
            ("sse_every_ms", self.sse_every_ms, 10, 60_000),
            ("request_timeout_ms", self.request_timeout_ms, 1_000, 600_000),
            ("drain_ms", self.drain_ms, 0, 600_000),
        ];
        for (name, value, least, most) in ranges {
            if value < least || value > most {
                problems.push(format!("api.{name} is {value} and should be from {least} to {most}."));
            }
        }
        problems
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
}

fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn is_plain_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(Settings::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn every_wrong_value_is_named_at_once() {
        let settings = Settings {
            listen: "here".into(),
            public_url: "https://user@host".into(),
            page_max: 0,
            ..Settings::default()
        };
        let problems = settings.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[2].contains("api.page_max is 0 and should be from 1 to 1000"));
    }
}
