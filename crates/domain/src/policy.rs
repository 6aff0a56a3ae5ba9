//! What an administrator decides for a token: what becomes of licenses when somebody leaves, and who waits for one.
//!
//! A policy is a name, the values it can have, and the value it has when nobody decided. The table [`POLICIES`] is all of
//! them; [`Policies`] is what one token goes by.

use std::collections::BTreeMap;

/// One policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name. Rows and clients hold it; it never changes.
    pub name: &'static str,
    /// The words that it can be set to.
    pub values: &'static [&'static str],
    /// What holds when nobody decided.
    pub default: &'static str,
    /// What it decides, in a sentence for administrators, with the rule.
    pub about: &'static str,
}

const LEAVING: &[&str] = &["free_and_remove", "free", "keep"];
const FREE_OR_KEEP: &[&str] = &["free", "keep"];
const DRIFT: &[&str] = &["fix", "report", "ask", "ignore"];
const TOLD_ONLY: &[&str] = &["report", "ignore"];

/// Every policy, in the order they are shown.
pub const POLICIES: &[Policy] = &[
    Policy {
        name: "on_unassign_ios",
        values: LEAVING,
        default: "free_and_remove",
        about: "An assignment is removed: what becomes of its licenses on iPhones and iPads (S-42, C-2).",
    },
    Policy {
        name: "on_unassign_macos",
        values: LEAVING,
        default: "free",
        about: "An assignment is removed: what becomes of its licenses on Macs (S-42, C-2).",
    },
    Policy {
        name: "on_leave_ios",
        values: LEAVING,
        default: "free_and_remove",
        about: "Somebody leaves the group: what becomes of the licenses on iPhones and iPads (S-45).",
    },
    Policy {
        name: "on_leave_macos",
        values: LEAVING,
        default: "free",
        about: "Somebody leaves the group: what becomes of the licenses on Macs (S-45).",
    },
    Policy {
        name: "on_unenroll",
        values: FREE_OR_KEEP,
        default: "keep",
        about: "A device is unenrolled: whether its licenses come back (S-46).",
    },
    Policy {
        name: "on_delete",
        values: FREE_OR_KEEP,
        default: "free",
        about: "A device or person is deleted from the directory: whether the licenses come back (S-45, N-15).",
    },
    Policy {
        name: "waitlist",
        values: &["on", "off"],
        default: "on",
        about: "More is wanted than is owned: whether the rest waits for licenses, or fails and is tried again after each full sync (S-37).",
    },
    Policy {
        name: "drift_missing",
        values: DRIFT,
        default: "fix",
        about: "An assignment wants a license that nobody is at: whether a run over everything tries again.",
    },
    Policy {
        name: "drift_surplus",
        values: DRIFT,
        default: "fix",
        about: "An assignment gave a license and wants it no more: whether a run over everything takes it back.",
    },
    Policy {
        name: "drift_foreign",
        values: DRIFT,
        default: "report",
        about: "Nothing here gave the license: whether it is taken back after each full sync (N-16, N-18).",
    },
    Policy {
        name: "drift_orphan",
        values: DRIFT,
        default: "report",
        about: "The holder is deleted or was never told of: whether the license is taken back after each full sync (N-16).",
    },
    Policy {
        name: "drift_double",
        values: DRIFT,
        default: "report",
        about: "A person and one of his devices have a license for one app: whether the person's is taken back (N-4).",
    },
    Policy {
        name: "drift_irrevocable",
        values: TOLD_ONLY,
        default: "report",
        about: "A license should come back and cannot: whether that is told (S-15, N-30).",
    },
    Policy {
        name: "drift_stuck",
        values: TOLD_ONLY,
        default: "report",
        about: "Apple has not told how a request ended: whether that is told.",
    },
];

/// The policy of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Policy> {
    POLICIES.iter().find(|policy| policy.name == name)
}

impl Policy {
    /// Checks a value that somebody wants to set.
    ///
    /// # Errors
    /// What it should be, in words that follow “it should be”.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if self.values.contains(&value) {
            return Ok(());
        }
        Err(format!("`{}`", self.values.join("`, `")))
    }
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
}

impl Policies {
    /// Takes what was decided, by name. Names that are no policy and values that one cannot have are left out: they are
    /// from another version or a hand's in the database.
    pub fn of(decided: impl IntoIterator<Item = (String, String)>) -> Self {
        let known = |(name, value): (String, String)| {
            let policy = find(&name)?;
            policy.check(&value).ok().map(|()| (policy.name, value))
        };
        Self { decided: decided.into_iter().filter_map(known).collect() }
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

    /// Whether those whom assignments want to have an app wait for a license while none is free.
    #[must_use]
    pub fn has_waitlist(&self) -> bool {
        self.value("waitlist") == "on"
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
    fn a_value_that_cannot_be_is_named_with_what_it_should_be() {
        let policy = find("on_unenroll").unwrap();
        assert_eq!(policy.check("maybe"), Err("`free`, `keep`".to_owned()));
        let kept = Policies::of([("on_unenroll".to_owned(), "maybe".to_owned())]);
        assert_eq!(kept.leaving("on_unenroll"), Leaving::Keep);
    }
}
