//! What kind of world a story wants.

use std::time::Duration;

use russet_simulator::Rules;

/// Thirty-two bytes that are the same for all processes of a cluster; nothing they seal outlives the story.
pub const KEY: &str = "story:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The two ways to run Russet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// One process with an SQLite file and its queue in memory.
    Single,
    /// An API and workers of their own around PostgreSQL and Redis.
    Cluster,
}

/// A world to be built. The defaults of a story are as patient as a story can be: a second where Apple gets minutes.
#[derive(Debug, Clone)]
pub struct Setup {
    pub(crate) profile: Profile,
    pub(crate) workers: usize,
    pub(crate) called_back: bool,
    /// Where Apple is told to call, in place of where the API is.
    pub(crate) called_at: Option<String>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) rules: Rules,
    /// How far ahead of this machine all clocks are.
    pub(crate) ahead: Duration,
}

impl Setup {
    /// A world of this kind; as a cluster one API and two workers.
    #[must_use]
    pub fn of(profile: Profile) -> Self {
        let rules = Rules {
            event_delay_ms: 50,
            notification_retry_ms: 500,
            // Stories ask every second, so that is what this Apple allows.
            status_min_interval_ms: 900,
            ..Rules::default()
        };
        let settings = [
            ("APPLE__ALLOW_HTTP", "true"),
            ("APPLE__TIMEOUT_MS", "5000"),
            ("APPLE__POLL_AFTER_S", "1"),
            ("APPLE__POLL_EVERY_S", "1"),
            ("APPLE__READ_BACK_AFTER_S", "3"),
            ("APPLE__CATALOG_RATE_PER_S", "15"),
            ("QUEUE__LEASE_MS", "3000"),
            ("QUEUE__RENEW_MS", "500"),
            ("QUEUE__BACKOFF_BASE_MS", "100"),
            ("QUEUE__BACKOFF_CAP_MS", "1000"),
            ("QUEUE__BREAKER_PAUSE_MS", "500"),
            ("WORKER__SWEEP_EVERY_MS", "500"),
            ("WORKER__LEADER_LEASE_MS", "1000"),
            ("WORKER__GRACE_MS", "3000"),
            ("WORKER__LINGER_MS", "50"),
            ("SCHEDULE__SYNC_TOKEN", ""),
            ("SCHEDULE__REFRESH_CATALOG", ""),
            ("LOG__LEVEL", "info,russet=debug,russet_worker=debug,russet_queue=debug"),
        ];
        let settings = settings.map(|(name, value)| (format!("RUSSET_{name}"), value.to_owned())).to_vec();
        Self {
            profile,
            workers: 2,
            called_back: true,
            called_at: None,
            settings,
            rules,
            ahead: Duration::ZERO,
        }
    }

    /// With this number of workers, where workers are processes of their own.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Without an address that Apple can call: everything has to be asked for.
    #[must_use]
    pub fn without_notifications(mut self) -> Self {
        self.called_back = false;
        self
    }

    /// With an address for Apple to call that is not where the API is.
    #[must_use]
    pub fn called_at(mut self, url: &str) -> Self {
        self.called_at = Some(url.to_owned());
        self
    }

    /// With a setting, by its name in the environment without `RUSSET_`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        let name = format!("RUSSET_{name}");
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
        self
    }

    /// At another time: so far ahead of this machine, Apple and the MDM servers too.
    #[must_use]
    pub fn ahead(mut self, ahead: Duration) -> Self {
        self.ahead = ahead;
        self
    }

    /// With an Apple that behaves in some way differently.
    #[must_use]
    pub fn apple(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(&mut self.rules);
        self
    }

    /// Its settings as variables of the environment, and how its Apple behaves, for who builds a world of another shape.
    #[must_use]
    pub fn into_parts(self) -> (Vec<(String, String)>, Rules) {
        (self.settings, self.rules)
    }
}
