//! The settings under `[mdm]`: whom the MDM side may be, and how patient to be with it.

use std::time::Duration;

use russet_domain::callback::Rules;
use russet_domain::install::Patience;
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
    /// Allows MDM servers inside the network, and over plain HTTP: most of them are there. Only administrators name them.
    pub servers_inside: bool,
    /// How long one call may take, from the first connection to the last byte, in milliseconds.
    pub timeout_ms: u64,
    /// How often in a row it is tried to tell the MDM side of something.
    pub tries_max: u32,
    /// The ceiling of the wait after the first try that failed, in milliseconds; it doubles with each.
    pub retry_base_ms: u64,
    /// The ceiling that no wait between tries exceeds, in milliseconds.
    pub retry_cap_ms: u64,
    /// How often a device, app and version is tried before it rests.
    pub install_tries_max: u32,
    /// How long after a try that failed the next one is made, in seconds; it doubles with each.
    pub install_again_s: u64,
    /// How long after a device took an install its list of apps is asked for, in seconds; it doubles with each look.
    pub install_look_s: u64,
    /// How long a device that took an install may take before that try has failed, in seconds.
    pub install_within_s: u64,
    /// How long a device that says nothing is waited for, in seconds.
    pub answer_within_s: u64,
    /// How often each device is asked for its apps, in seconds.
    pub inventory_every_s: u64,
    /// How long after a command was sent a server that tells nothing by itself is asked for the answers, in seconds; it doubles with each
    /// time, up to an hour.
    pub poll_after_s: u64,
    /// How often such a server is asked which devices it has, in seconds.
    pub list_devices_every_s: u64,
    /// How long what servers told is kept once it was read, in hours.
    pub keep_messages_hours: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_inside: false,
            allow_http: false,
            servers_inside: true,
            timeout_ms: 10_000,
            tries_max: 15,
            retry_base_ms: 2_000,
            retry_cap_ms: 600_000,
            install_tries_max: 3,
            install_again_s: 60,
            install_look_s: 60,
            install_within_s: 86_400,
            answer_within_s: 2_592_000,
            inventory_every_s: 86_400,
            poll_after_s: 10,
            list_devices_every_s: 900,
            keep_messages_hours: 24,
        }
    }
}

impl Settings {
    /// Which addresses may be called.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules { allow_inside: self.allow_inside, allow_http: self.allow_http }
    }

    /// Which addresses MDM servers may have.
    #[must_use]
    pub fn server_rules(&self) -> Rules {
        Rules { allow_inside: self.servers_inside, allow_http: self.servers_inside }
    }

    /// How long to wait between tries.
    #[must_use]
    pub fn backoff(&self) -> Backoff {
        Backoff {
            base: Duration::from_millis(self.retry_base_ms),
            cap: Duration::from_millis(self.retry_cap_ms),
        }
    }

    /// How patient to be with devices.
    #[must_use]
    pub fn patience(&self) -> Patience {
        Patience {
            tries_max: self.install_tries_max,
            again_after: Duration::from_secs(self.install_again_s),
            look_after: Duration::from_secs(self.install_look_s),
            install_within: Duration::from_secs(self.install_within_s),
            answer_within: Duration::from_secs(self.answer_within_s),
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
            ("mdm.install_tries_max", u64::from(self.install_tries_max), 1, 20),
            ("mdm.install_again_s", self.install_again_s, 1, 86_400),
            ("mdm.install_look_s", self.install_look_s, 1, 86_400),
            ("mdm.install_within_s", self.install_within_s, 1, 2_592_000),
            ("mdm.answer_within_s", self.answer_within_s, 1, 31_536_000),
            ("mdm.inventory_every_s", self.inventory_every_s, 1, 31_536_000),
            ("mdm.poll_after_s", self.poll_after_s, 1, 3_600),
            ("mdm.list_devices_every_s", self.list_devices_every_s, 1, 86_400),
            ("mdm.keep_messages_hours", self.keep_messages_hours, 1, 87_600),
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
        assert_eq!(Settings::default().patience(), Patience::default());
    }

    #[test]
    fn a_value_out_of_bounds_is_named() {
        let problems = Settings { tries_max: 0, ..Settings::default() }.problems();
        assert_eq!(problems, [("mdm.tries_max", "is 0; it should be from 1 to 100".to_owned())]);
    }
}
