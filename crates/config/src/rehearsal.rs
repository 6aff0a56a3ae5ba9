//! The settings under `[rehearsal]`.

use std::time::Duration;

use serde::Deserialize;

use crate::check::Wrong;

/// Four years, so that every day of a calendar can be tried.
const AHEAD_MAX_S: u64 = 4 * 366 * 86_400;

/// The whole `[rehearsal]` section: how an installation that plays against a simulator comes to another time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RehearsalSettings {
    /// How far Russet's clock is ahead of the machine's, in seconds.
    pub ahead_s: u64,
}

impl RehearsalSettings {
    /// How far Russet's clock is ahead of the machine's.
    #[must_use]
    pub fn ahead(&self) -> Duration {
        Duration::from_secs(self.ahead_s)
    }

    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.ahead_s <= AHEAD_MAX_S {
            return Ok(());
        }
        Err(("rehearsal.ahead_s", format!("is {}; it should be from 0 to {AHEAD_MAX_S}", self.ahead_s)))
    }

    /// What this section cannot see by itself: the real Apple is called at the real time.
    pub(crate) fn against(&self, apple: &russet_apple::Settings) -> Option<Wrong> {
        if self.ahead_s == 0 || apple.allow_http {
            return None;
        }
        let why = "is set; it should be 0. Only with apple.allow_http, against a simulator, may Russet's clock be another \
                   than the machine's";
        Some(Wrong::new("rehearsal.ahead_s", why))
    }
}
