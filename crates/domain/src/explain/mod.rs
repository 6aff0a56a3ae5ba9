//! Why a holder has an app or lacks it, in one sentence, and when that will change.
//!
//! The facts are what the database has of one asset and one holder; the sentences say what follows from them and nothing that is
//! not among them.

mod facts;
mod sentences;

pub use facts::{Facts, Last, Place};

use crate::assignment::Intent;
use crate::change::Action;
use crate::reconcile::{Claim, Fit, winner};

/// In short, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standpoint {
    /// Apple says the holder has it.
    Held,
    /// It is being given.
    Coming,
    /// No license is free; the holder waits in line.
    Waiting,
    /// It is being taken back.
    Leaving,
    /// An assignment wants it, and the last try came to nothing.
    Failed,
    /// The holder may ask for it.
    Available,
    /// The holder lacks it, and nothing is to change that.
    Lacking,
}

impl Standpoint {
    /// The word shown. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Coming => "coming",
            Self::Waiting => "waiting",
            Self::Leaving => "leaving",
            Self::Failed => "failed",
            Self::Available => "available",
            Self::Lacking => "lacking",
        }
    }
}

/// Why the holder has the app or lacks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// In short.
    pub standpoint: Standpoint,
    /// In one sentence.
    pub sentence: String,
    /// What would change it, in a sentence; nothing when nothing here would.
    pub outlook: Option<String>,
}

/// Explains.
#[must_use]
pub fn explain(facts: &Facts<'_>) -> Explanation {
    let standpoint = standpoint(facts);
    let (sentence, outlook) = match standpoint {
        Standpoint::Held => (sentences::held(facts), Some(sentences::when_it_goes(facts))),
        Standpoint::Coming => (sentences::coming(facts), None),
        Standpoint::Waiting => (sentences::waiting(facts), Some(sentences::when_it_comes(facts))),
        Standpoint::Leaving => sentences::leaving(facts),
        Standpoint::Failed => sentences::failed(facts),
        Standpoint::Available => (
            "It may have the app, and nobody has asked for it: a license is taken when somebody does (rule N-6).".to_owned(),
            Some("It comes when the person asks for it.".to_owned()),
        ),
        Standpoint::Lacking => (sentences::lacking(facts), None),
    };
    Explanation { standpoint, sentence, outlook }
}

fn standpoint(facts: &Facts<'_>) -> Standpoint {
    let standing = facts.standing;
    match (standing.held, standing.coming) {
        (_, Some(Action::Revoke)) => Standpoint::Leaving,
        (true, _) => Standpoint::Held,
        (false, Some(Action::Assign)) if facts.place.is_some() => Standpoint::Waiting,
        (false, Some(Action::Assign)) => Standpoint::Coming,
        (false, None) => match winner(facts.claims, standing.asked) {
            Some(claim) if claim.intent != Intent::Uninstall && standing.fit == Fit::Yes => {
                Standpoint::Failed
            }
            None if standing.fit == Fit::Yes && may_ask(facts.claims) => Standpoint::Available,
            _ => Standpoint::Lacking,
        },
    }
}

fn may_ask(claims: &[Claim]) -> bool {
    claims.iter().any(|claim| !claim.excluded && claim.intent == Intent::Available)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AssignmentId;
    use crate::apple_error;
    use crate::change::State;
    use crate::directory::Platform;
    use crate::holder::Holder;
    use crate::policy::Policies;
    use crate::reconcile::Entitlement;
    use crate::reconcile::{Left, Standing};

    fn standing() -> Standing {
        Standing { assignment_exists: true, ..Standing::new(Fit::Yes, Platform::Ipados) }
    }

    fn claim(intent: Intent) -> Claim {
        Claim { assignment: AssignmentId(7), intent, priority: 0, pinned: false, excluded: false }
    }

    fn given(left: Option<Left>) -> Option<Entitlement> {
        Some(Entitlement { assignment: AssignmentId(7), intent: Intent::Required, pinned: false, left })
    }

    fn told(
        standing: &Standing,
        claims: &[Claim],
        last: Option<Last<'_>>,
        place: Option<Place>,
    ) -> Explanation {
        let holder = Holder::Device("C0".to_owned());
        let policies = Policies::default();
        explain(&Facts { holder: &holder, known: true, standing, claims, place, last, policies: &policies })
    }

    #[test]
    fn who_has_it_by_an_assignment_is_told_by_which_and_when_it_goes() {
        let standing = Standing { held: true, entitlement: given(None), ..standing() };
        let told = told(&standing, &[claim(Intent::Required)], None, None);
        assert_eq!(told.standpoint, Standpoint::Held);
        assert!(told.sentence.contains("assignment 7"), "{told:?}");
        let outlook = told.outlook.unwrap();
        assert!(outlook.contains("leaves the group") && !outlook.contains("unenrolled"), "{outlook}");
    }

    #[test]
    fn what_is_kept_names_the_policy_that_keeps_it() {
        let standing = Standing {
            held: true,
            fit: Fit::Unenrolled,
            entitlement: given(Some(Left::Unenrolled)),
            ..standing()
        };
        let told = told(&standing, &[], None, None);
        assert!(told.sentence.contains("unenrolled") && told.sentence.contains("`on_unenroll`"), "{told:?}");
    }

    #[test]
    fn what_nobody_here_gave_is_said_to_be_found() {
        let told = told(&Standing { held: true, ..standing() }, &[], None, None);
        assert!(told.sentence.contains("found at Apple"), "{told:?}");
    }

    #[test]
    fn who_waits_is_told_the_place() {
        let standing = Standing { coming: Some(Action::Assign), entitlement: given(None), ..standing() };
        let place = Place { number: 2, of: 4, ahead: 1, quota: None };
        let told = told(&standing, &[claim(Intent::Required)], None, Some(place));
        assert_eq!(told.standpoint, Standpoint::Waiting);
        assert!(told.sentence.contains("place 2 of 4"), "{told:?}");
        assert!(told.outlook.unwrap().contains("2 licenses"));
    }

    #[test]
    fn who_waits_for_a_quota_is_told_that_no_purchase_would_help() {
        let standing = Standing { coming: Some(Action::Assign), entitlement: given(None), ..standing() };
        let place = Place { number: 9, of: 9, ahead: 0, quota: Some(20) };
        let told = told(&standing, &[claim(Intent::Required)], None, Some(place));
        assert!(told.sentence.contains("The quota of 20 of its assignment is used up"), "{told:?}");
        let outlook = told.outlook.unwrap();
        assert!(outlook.contains("quota is raised") && !outlook.contains("bought"), "{outlook}");
    }

    #[test]
    fn a_refusal_is_told_with_its_reason() {
        let standing = Standing { entitlement: given(None), ..standing() };
        let last = Last {
            action: Action::Assign,
            state: State::Refused,
            code: Some("no_license_available"),
            job: Some(3),
        };
        let told = told(&standing, &[claim(Intent::Required)], Some(last), None);
        assert_eq!(told.standpoint, Standpoint::Failed);
        assert!(told.sentence.contains(apple_error::sentence("no_license_available")), "{told:?}");
    }

    #[test]
    fn who_lacks_it_is_told_why_nobody_wants_it_or_cannot_have_it() {
        let none = told(&standing(), &[], None, None);
        assert_eq!(none.standpoint, Standpoint::Lacking);
        assert!(none.sentence.contains("no group"), "{none:?}");
        let excluded = Claim { excluded: true, ..claim(Intent::Required) };
        assert!(told(&standing(), &[excluded], None, None).sentence.contains("leaves out"));
        let personal = Standing { fit: Fit::UserEnrollment, ..standing() };
        assert!(told(&personal, &[claim(Intent::Required)], None, None).sentence.contains("S-24"));
        assert_eq!(
            told(&standing(), &[claim(Intent::Available)], None, None).standpoint,
            Standpoint::Available
        );
    }
}
