//! The settings under `[mdm]`: whom the MDM side may be, and how patient to be with it.

use std::time::Duration;

use russet_domain::callback::Rules;
use russet_domain::patience::Backoff;
use serde::Deserialize;

/// The whole `[mdm]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Allows addresses inside the network.
    pub allow_inside: bool,
    /// Allows plain HTTP.
    pub allow_http: bool,
    /// How long one call may take, from the first connection to the last byte, in milliseconds.
    pub timeout_ms: u64,
    /// How often in a row it is tried to tell the MDM side of something.
    pub tries_max: u32,
    /// The ceiling of the wait after the first try that failed, in milliseconds; it doubles with each.
    pub retry_base_ms: u64,
    /// The ceiling that no wait between tries exceeds, in milliseconds.
    pub retry_cap_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_inside: false,
            allow_http: false,
            timeout_ms: 10_000,
            tries_max: 15,
            retry_base_ms: 2_000,
            retry_cap_ms: 600_000,
        }
    }
}

impl Settings {
    /// Which addresses may be called.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules { allow_inside: self.allow_inside, allow_http: self.allow_http }
    }

    /// How long to wait between tries.
    #[must_use]
    pub fn backoff(&self) -> Backoff {
        Backoff {
            base: Duration::from_millis(self.retry_base_ms),
            cap: Duration::from_millis(self.retry_cap_ms),
        }
    }

    /// Every value that cannot be used: its name, what it is and what it should be.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let ranges = [
            ("mdm.timeout_ms", self.timeout_ms, 100, 60_000),
            ("mdm.tries_max", u64::from(self.tries_max), 1, 100),
            ("mdm.retry_base_ms", self.retry_base_ms, 10, 3_600_000),
            ("mdm.retry_cap_ms", self.retry_cap_ms, 10, 86_400_000),
        ];
        let wrong = |(name, value, least, most)| {
            (value < least || value > most)
                .then(|| (name, format!("is {value}; it should be from {least} to {most}")))
        };
        ranges.into_iter().filter_map(wrong).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right_and_let_nobody_inside() {
        assert!(Settings::default().problems().is_empty());
        assert_eq!(Settings::default().rules(), Rules::default());
    }

    #[test]
    fn a_value_out_of_bounds_is_named() {
        let problems = Settings { tries_max: 0, ..Settings::default() }.problems();
        assert_eq!(problems, [("mdm.tries_max", "is 0; it should be from 1 to 100".to_owned())]);
    }
}
