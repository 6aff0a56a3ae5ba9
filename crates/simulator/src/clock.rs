//! Tells the simulator's time, which is the real one or stands still until somebody moves it.

use std::sync::{PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Whether time passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Time passes as everywhere else.
    Real,
    /// Time stands until it is moved over HTTP.
    Manual,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    mode: Mode,
    base_us: i64,
    since: Instant,
}

impl Reading {
    fn now_us(&self) -> i64 {
        match self.mode {
            Mode::Real => {
                self.base_us + i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX / 2)
            }
            Mode::Manual => self.base_us,
        }
    }
}

/// The time that drives event delays, token expiry, rate windows and notification retries.
#[derive(Debug)]
pub(crate) struct Clock(RwLock<Reading>);

impl Clock {
    pub(crate) fn real() -> Self {
        let base = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let base_us = i64::try_from(base.as_micros()).unwrap_or(0);
        Self(RwLock::new(Reading { mode: Mode::Real, base_us, since: Instant::now() }))
    }

    fn reading(&self) -> Reading {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds since 1970.
    pub(crate) fn now_us(&self) -> i64 {
        self.reading().now_us()
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_us() / 1000
    }

    pub(crate) fn mode(&self) -> Mode {
        self.reading().mode
    }

    /// Changes the mode, then the time, then adds to it; what is `None` stays.
    pub(crate) fn set(&self, mode: Option<Mode>, now_ms: Option<i64>, advance_ms: Option<i64>) {
        let mut guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let base_us = now_ms.map_or(guard.now_us(), |ms| ms.saturating_mul(1000));
        let base_us = base_us.saturating_add(advance_ms.unwrap_or(0).saturating_mul(1000));
        *guard = Reading { mode: mode.unwrap_or(guard.mode), base_us, since: Instant::now() };
    }
}

/// Spells a time as Apple does: UTC, with an offset that has no colon.
pub(crate) fn apple_date(at_ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(at_ms)
        .unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
        .format("%Y-%m-%dT%H:%M:%S%z")
        .to_string()
}
