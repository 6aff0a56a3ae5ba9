//! What an administrator decides for a token: what becomes of licenses when somebody leaves, and who waits for one.
//!
//! A policy is a name, the values it can have, and the value it has when nobody decided. The table [`POLICIES`] is all of
//! them; [`Policies`] is what one token goes by.

mod all;
mod one;

pub use all::POLICIES;
pub use one::{Policy, Texts};

use std::collections::BTreeMap;
use std::time::Duration;

use crate::install::Window;
use crate::rollout;

/// The policy of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Policy> {
    POLICIES.iter().find(|policy| policy.name == name)
}

/// What becomes of a license whose holder is to have it no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leaving {
    /// The license is taken back and the app removed from the device.
    FreeAndRemove,
    /// The license is taken back.
    Free,
    /// Nothing.
    Keep,
}

/// What one token goes by: what was decided for it, and the defaults for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    decided: BTreeMap<&'static str, String>,
    /// Whether the whole installation is in read-only mode.
    frozen: bool,
}

impl Policies {
    /// Takes what was decided, by name. Names that are no policy and values that one cannot have are left out: they are
    /// from another version or a hand's in the database.
    pub fn of(decided: impl IntoIterator<Item = (String, String)>) -> Self {
        let known = |(name, value): (String, String)| {
            let policy = find(&name)?;
            policy.check(&value).ok().map(|()| (policy.name, value))
        };
        Self { decided: decided.into_iter().filter_map(known).collect(), frozen: false }
    }

    /// The same while the whole installation is in read-only mode, whatever was decided for the token.
    #[must_use]
    pub fn frozen(self) -> Self {
        Self { frozen: true, ..self }
    }

    /// The value of a policy; empty for a name that is none.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        match self.decided.get(name) {
            Some(value) => value,
            None => find(name).map_or("", |policy| policy.default),
        }
    }

    /// Whether somebody decided it.
    #[must_use]
    pub fn is_decided(&self, name: &str) -> bool {
        self.decided.contains_key(name)
    }

    /// The number that a policy is set to; nothing when it is set to a word.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.value(name).parse().ok()
    }

    /// Whether those whom assignments want to have an app wait for a license while none is free.
    #[must_use]
    pub fn has_waitlist(&self) -> bool {
        self.value("waitlist") == "on"
    }

    /// Whether nothing is sent that changes who holds what, or who is registered.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.frozen || self.value("read_only") == "on"
    }

    /// Whether that is because the whole installation is in read-only mode.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// From how many percent of its licenses in use on an app is told as running low (rule N-28); nothing when that is never told.
    #[must_use]
    pub fn alert_percent(&self) -> Option<u64> {
        self.number("alert_percent")
    }

    /// Whether apps that devices are to have and lack are installed through their MDM server (rule S-33).
    #[must_use]
    pub fn installs_required(&self) -> bool {
        self.value("install_required") == "on"
    }

    /// When of the day newer versions are pushed that nobody asked for; nothing when at any time.
    #[must_use]
    pub fn update_window(&self) -> Option<Window> {
        self.value("update_window").parse().ok()
    }

    /// How newer versions go out that nobody asked for.
    #[must_use]
    pub fn rollout(&self) -> rollout::Rules {
        rollout::Rules {
            rings: self.value("update_rings").parse().unwrap_or_default(),
            soak: Duration::from_secs(self.number("update_soak_hours").unwrap_or(0) * 3_600),
            halt_percent: self.number("update_halt_percent"),
        }
    }

    /// The value of a policy about those who leave.
    #[must_use]
    pub fn leaving(&self, name: &str) -> Leaving {
        match self.value(name) {
            "free_and_remove" => Leaving::FreeAndRemove,
            "free" => Leaving::Free,
            _ => Leaving::Keep,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_can_be_set() {
        for policy in POLICIES {
            assert_eq!(policy.check(policy.default), Ok(()), "{}", policy.name);
        }
    }

    #[test]
    fn no_two_policies_share_a_name() {
        for policy in POLICIES {
            assert_eq!(POLICIES.iter().filter(|other| other.name == policy.name).count(), 1);
        }
    }

    #[test]
    fn what_nobody_decided_goes_by_the_rules() {
        let policies = Policies::default();
        assert_eq!(policies.leaving("on_unassign_ios"), Leaving::FreeAndRemove);
        assert_eq!(policies.leaving("on_unassign_macos"), Leaving::Free);
        assert_eq!(policies.leaving("on_unenroll"), Leaving::Keep);
    }

    #[test]
    fn what_freezes_all_tokens_leaves_their_own_decisions_as_they_are() {
        let decided = Policies::of([("read_only".to_owned(), "off".to_owned())]);
        assert!(!decided.is_read_only());
        let frozen = decided.frozen();
        assert!(frozen.is_read_only() && frozen.is_frozen());
        assert_eq!(frozen.value("read_only"), "off");
    }

    #[test]
    fn a_value_that_cannot_be_is_named_with_what_it_should_be() {
        let policy = find("on_unenroll").unwrap();
        assert_eq!(policy.check("maybe"), Err("`free`, `keep`".to_owned()));
        let kept = Policies::of([("on_unenroll".to_owned(), "maybe".to_owned())]);
        assert_eq!(kept.leaving("on_unenroll"), Leaving::Keep);
    }

    #[test]
    fn a_policy_of_numbers_takes_one_spelling_of_those_between_its_bounds() {
        let policy = find("brake_percent").unwrap();
        for value in ["off", "1", "100"] {
            assert_eq!(policy.check(value), Ok(()), "{value}");
        }
        for value in ["0", "101", "05", "+5", "5 ", "-5", "5.0", ""] {
            let why = policy.check(value).unwrap_err();
            assert_eq!(why, "`off`, or a number from 1 to 100", "{value}");
        }
    }
}
