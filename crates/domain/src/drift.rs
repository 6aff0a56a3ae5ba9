//! Where what is differs from what should be, by class.
//!
//! A class is a question that can be asked of every license, and a license may answer to several: one of a deleted device can be
//! [`Class::Orphan`] and [`Class::Foreign`] at once. What is on its way already is in no class but [`Class::Stuck`].

use crate::change::Action;
use crate::policy::Policies;

/// How a license differs from what should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// An assignment wants it and nobody is at it: refused before, or taken back elsewhere.
    Missing,
    /// An assignment gave it, does no more, and the policies do not keep it.
    Surplus,
    /// No assignment and no job of this installation gave it (rules N-16, N-18).
    Foreign,
    /// The directory does not know its holder, or knows that it is gone (rule N-16).
    Orphan,
    /// A person's license for an app that one of his devices has a license for as well (rule N-4).
    Double,
    /// A device's that was not seen, or has not had the app, for longer than the policy `idle_days` says. After two more weeks it may be
    /// taken back.
    Idle,
    /// It should come back and cannot: Apple takes none of this asset back (rules S-15, N-30).
    Irrevocable,
    /// Apple took the request and has not told how it ended.
    Stuck,
}

/// What is done about a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stance {
    /// It is mended after each full sync.
    Fix,
    /// It is told.
    Report,
    /// It is told, and counted as waiting for somebody to decide.
    Ask,
    /// It is not told among what differs.
    Ignore,
}

impl Stance {
    /// Every stance, as the policies spell them.
    pub const ALL: [Self; 4] = [Self::Fix, Self::Report, Self::Ask, Self::Ignore];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Report => "report",
            Self::Ask => "ask",
            Self::Ignore => "ignore",
        }
    }
}

impl Class {
    /// Every class, in the order they are shown.
    pub const ALL: [Self; 8] = [
        Self::Missing,
        Self::Surplus,
        Self::Foreign,
        Self::Orphan,
        Self::Double,
        Self::Idle,
        Self::Irrevocable,
        Self::Stuck,
    ];

    /// The word in addresses and answers. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Surplus => "surplus",
            Self::Foreign => "foreign",
            Self::Orphan => "orphan",
            Self::Double => "double",
            Self::Idle => "idle",
            Self::Irrevocable => "irrevocable",
            Self::Stuck => "stuck",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }

    /// The policy that says what is done about it.
    #[must_use]
    pub fn policy(self) -> &'static str {
        match self {
            Self::Missing => "drift_missing",
            Self::Surplus => "drift_surplus",
            Self::Foreign => "drift_foreign",
            Self::Orphan => "drift_orphan",
            Self::Double => "drift_double",
            Self::Idle => "drift_idle",
            Self::Irrevocable => "drift_irrevocable",
            Self::Stuck => "drift_stuck",
        }
    }

    /// What it is, in a sentence for administrators.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Missing => {
                "An assignment wants the license, and nobody is at it: it was refused, or taken back elsewhere."
            }
            Self::Surplus => "An assignment gave the license and wants it no more, and no policy keeps it.",
            Self::Foreign => {
                "Nothing here gave the license: another system did, or somebody in Apple's portal."
            }
            Self::Orphan => "The license belongs to a device or person that is deleted or was never told of.",
            Self::Double => {
                "A person has a license for an app that one of his devices has a license for, too."
            }
            Self::Idle => {
                "The device was not seen for longer than the policy `idle_days` says, or reports its apps and has not had this one for as long."
            }
            Self::Irrevocable => "The license should come back, and Apple takes none of this kind back.",
            Self::Stuck => "Apple took the request more than an hour ago and has not told how it ended.",
        }
    }

    /// Which way licenses move when it is mended; nothing for what no move of a license mends.
    #[must_use]
    pub fn remedy(self) -> Option<Action> {
        match self {
            Self::Missing => Some(Action::Assign),
            Self::Surplus | Self::Foreign | Self::Orphan | Self::Double | Self::Idle => Some(Action::Revoke),
            Self::Irrevocable | Self::Stuck => None,
        }
    }

    /// Whether the reconciler mends it by itself, when it looks at everything; the others are mended by a job after a full sync.
    #[must_use]
    pub fn is_reconcilers(self) -> bool {
        matches!(self, Self::Missing | Self::Surplus)
    }

    /// Why no move of a license mends it, and what does.
    #[must_use]
    pub fn no_remedy(self) -> &'static str {
        match self {
            Self::Irrevocable => {
                "Apple takes no license of these apps and books back; they stay with who has them"
            }
            Self::Stuck => {
                "the licenses are on their way already; Apple is asked again by itself until it tells how that ended"
            }
            Self::Missing | Self::Surplus | Self::Foreign | Self::Orphan | Self::Double | Self::Idle => "",
        }
    }

    /// What the policies of a token do about it.
    #[must_use]
    pub fn stance(self, policies: &Policies) -> Stance {
        let value = policies.value(self.policy());
        Stance::ALL.into_iter().find(|stance| stance.as_str() == value).unwrap_or(Stance::Report)
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Stance};
    use crate::policy::{Policies, find};

    #[test]
    fn every_class_has_a_policy_whose_values_are_stances() {
        for class in Class::ALL {
            let policy = find(class.policy()).unwrap();
            for value in policy.values {
                assert!(Stance::ALL.into_iter().any(|stance| stance.as_str() == *value), "{value}");
            }
            assert_eq!(policy.values.contains(&"fix"), class.remedy().is_some(), "{}", class.as_str());
            assert_eq!(class.no_remedy().is_empty(), class.remedy().is_some(), "{}", class.as_str());
            assert_eq!(Class::from_text(class.as_str()), Some(class));
        }
    }

    #[test]
    fn what_is_not_ours_is_only_told_until_somebody_decides() {
        let nobody = Policies::default();
        let fixed: Vec<Class> =
            Class::ALL.into_iter().filter(|class| class.stance(&nobody) == Stance::Fix).collect();
        assert_eq!(fixed, [Class::Missing, Class::Surplus]);
        let decided = Policies::of([("drift_foreign".to_owned(), "fix".to_owned())]);
        assert_eq!(Class::Foreign.stance(&decided), Stance::Fix);
    }
}
