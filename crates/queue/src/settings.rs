//! Where the queue is and how patient it is.

use std::fmt;
use std::time::Duration;

use russet_domain::patience::Backoff;
use serde::Deserialize;

use crate::QueueError;

/// The queue's settings. Every program that shares a queue should have the same.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `memory:` keeps the queue in this process; `redis://…` or `rediss://…` names a Redis or Valkey, 6.2 or newer.
    pub url: String,
    /// What every key starts with. Two installations that share a Redis need two prefixes.
    pub prefix: String,
    /// How long a claim holds without being renewed. With twice `renew_ms` it is the time until the message of a
    /// dead worker is taken over.
    pub lease_ms: u64,
    /// How often running claims are renewed; at most a third of `lease_ms`.
    pub renew_ms: u64,
    /// After so many failed attempts a message is set aside as dead.
    pub max_attempts: u32,
    /// After so many rescues from workers that vanished a message is set aside as poison.
    pub max_rescues: u32,
    /// The ceiling of the wait after the first failed attempt; it doubles with each attempt.
    pub backoff_base_ms: u64,
    /// The ceiling that no wait between attempts exceeds.
    pub backoff_cap_ms: u64,
    /// How many dead messages of a kind are kept; the oldest go first.
    pub dead_max: u32,
    /// By how much a message of high priority goes before one of normal priority, and that before one of low.
    pub head_start_ms: u64,
    /// How long connecting to Redis may take.
    pub connect_timeout_ms: u64,
    /// How long Redis may take to answer before the connection is given up.
    pub response_timeout_ms: u64,
    /// Requests a second to Apple for a token whose limit is not known: 90 % of Apple's published 15.
    pub default_rate: f64,
    /// So many tokens failing at once, and more than work, close all of Apple for a while.
    pub breaker_tokens: u32,
    /// What counts as at once.
    pub breaker_window_ms: u64,
    /// How long Apple stays closed before a single request probes it; it doubles while probes fail.
    pub breaker_pause_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "memory:".to_owned(),
            prefix: "russet".to_owned(),
            lease_ms: 15_000,
            renew_ms: 5_000,
            max_attempts: 25,
            max_rescues: 3,
            backoff_base_ms: 1_000,
            backoff_cap_ms: 300_000,
            dead_max: 10_000,
            head_start_ms: 60_000,
            connect_timeout_ms: 2_000,
            response_timeout_ms: 5_000,
            default_rate: 13.5,
            breaker_tokens: 5,
            breaker_window_ms: 30_000,
            breaker_pause_ms: 5_000,
        }
    }
}

impl Settings {
    /// Says which setting is wrong, and what it should be.
    ///
    /// # Errors
    ///
    /// [`QueueError::Setting`] for the first wrong one.
    pub fn validate(&self) -> Result<(), QueueError> {
        let url = &self.url;
        if url != "memory:"
            && !["redis://", "rediss://", "redis+unix://", "unix://"].iter().any(|s| url.starts_with(s))
        {
            return Err(wrong(
                "queue.url",
                "`memory:` or an address that starts with `redis://` or `rediss://`",
            ));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.prefix.is_empty() || self.prefix.len() > 64 || !self.prefix.chars().all(plain) {
            return Err(wrong("queue.prefix", "1 to 64 letters, digits, `-`, `_` or `.`"));
        }
        if self.lease_ms < 100 || self.lease_ms > 3_600_000 {
            return Err(wrong("queue.lease_ms", "between 100 and 3600000"));
        }
        if self.renew_ms < 10 || self.renew_ms > self.lease_ms / 3 {
            return Err(wrong("queue.renew_ms", "between 10 and a third of queue.lease_ms"));
        }
        if self.max_attempts == 0 {
            return Err(wrong("queue.max_attempts", "at least 1"));
        }
        if self.backoff_base_ms == 0 || self.backoff_cap_ms < self.backoff_base_ms {
            return Err(wrong("queue.backoff_base_ms", "at least 1 and at most queue.backoff_cap_ms"));
        }
        if self.dead_max == 0 {
            return Err(wrong("queue.dead_max", "at least 1"));
        }
        if self.head_start_ms > 86_400_000 {
            return Err(wrong("queue.head_start_ms", "at most 86400000, which is a day"));
        }
        if self.connect_timeout_ms == 0 || self.response_timeout_ms == 0 {
            return Err(wrong("queue.connect_timeout_ms", "at least 1, as queue.response_timeout_ms"));
        }
        self.validate_pace()
    }

    fn validate_pace(&self) -> Result<(), QueueError> {
        if !self.default_rate.is_finite() || !(1.0 / 60.0..=1_000.0).contains(&self.default_rate) {
            return Err(wrong("queue.default_rate", "between 1/60 and 1000 requests a second"));
        }
        if self.breaker_tokens < 2 {
            return Err(wrong("queue.breaker_tokens", "at least 2, as one token's trouble is its own"));
        }
        if self.breaker_window_ms == 0 || self.breaker_pause_ms == 0 {
            return Err(wrong("queue.breaker_pause_ms", "at least 1, as queue.breaker_window_ms"));
        }
        Ok(())
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff {
            base: Duration::from_millis(self.backoff_base_ms),
            cap: Duration::from_millis(self.backoff_cap_ms),
        }
    }
}

/// The address may hold a password, so it is not shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.url.split(':').next().unwrap_or_default();
        f.debug_struct("Settings")
            .field("url", &format_args!("{scheme}:…"))
            .field("prefix", &self.prefix)
            .field("lease_ms", &self.lease_ms)
            .field("renew_ms", &self.renew_ms)
            .finish_non_exhaustive()
    }
}

fn wrong(name: &'static str, expected: &'static str) -> QueueError {
    QueueError::Setting { name, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right() {
        Settings::default().validate().unwrap();
    }

    #[test]
    fn the_defaults_take_a_dead_workers_message_over_within_thirty_seconds() {
        let settings = Settings::default();
        // Until the lease ends, then until somebody looks, then an amnesty if nobody had been looking.
        assert!(settings.lease_ms + 2 * settings.renew_ms + 1_000 <= 30_000);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let settings = Settings { prefix: "{a}".to_owned(), ..Settings::default() };
        assert!(settings.validate().unwrap_err().to_string().contains("queue.prefix"));
        let settings = Settings { renew_ms: 9_000, ..Settings::default() };
        assert!(settings.validate().unwrap_err().to_string().contains("queue.renew_ms"));
    }

    #[test]
    fn a_password_in_the_address_is_not_shown() {
        let settings = Settings { url: "redis://:hunter2@localhost".to_owned(), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
