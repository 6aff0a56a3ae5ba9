//! Why a holder has an app or lacks it, in one sentence, and when that will change.
//!
//! The facts are what the database has of one asset and one holder; the sentences say what follows from them and nothing that is
//! not among them.

use crate::apple_error;
use crate::assignment::Intent;
use crate::change::{Action, State};
use crate::drift::{Class, Stance};
use crate::holder::Holder;
use crate::policy::{Leaving, Policies};
use crate::reconcile::{Claim, Fit, Left, Standing, keeping, winner};

/// What is known of one asset and one holder.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who it is about.
    pub holder: &'a Holder,
    /// Whether the directory knows the holder.
    pub known: bool,
    /// What is.
    pub standing: &'a Standing,
    /// The assignments that reach the holder.
    pub claims: &'a [Claim],
    /// The place in the line, while the holder waits there.
    pub place: Option<Place>,
    /// The newest change, ended or not.
    pub last: Option<Last<'a>>,
    /// What the token goes by.
    pub policies: &'a Policies,
}

/// Where a holder stands in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The place; 1 is the head.
    pub number: i64,
    /// How many wait in all.
    pub of: i64,
    /// How many of them will be served before him.
    pub ahead: i64,
    /// The quota of the assignment, when it is used up and that is what he waits for.
    pub quota: Option<i64>,
}

/// The newest change of the asset and the holder.
#[derive(Clone, Copy, Debug)]
pub struct Last<'a> {
    /// Which way the license was to move.
    pub action: Action,
    /// Where it has got to.
    pub state: State,
    /// Why it ended as it did.
    pub code: Option<&'a str>,
    /// The job that asked for it.
    pub job: Option<i64>,
}

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
        Standpoint::Held => (held(facts), Some(when_it_goes(facts))),
        Standpoint::Coming => (coming(facts), None),
        Standpoint::Waiting => (waiting(facts), Some(when_it_comes(facts))),
        Standpoint::Leaving => leaving(facts),
        Standpoint::Failed => failed(facts),
        Standpoint::Available => (
            "It may have the app, and nobody has asked for it: a license is taken when somebody does (rule N-6).".to_owned(),
            Some("It comes when the person asks for it.".to_owned()),
        ),
        Standpoint::Lacking => (lacking(facts), None),
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

fn held(facts: &Facts<'_>) -> String {
    match facts.standing.entitlement {
        Some(known) => match known.left {
            None => format!("It has a license because assignment {} gives it the app.", known.assignment),
            Some(left) => {
                let why = words(left);
                format!(
                    "It has a license still: assignment {} gave it, {why}, and {}.",
                    known.assignment,
                    stays(facts, left)
                )
            }
        },
        None => match facts.last.filter(|last| last.action == Action::Assign && last.state == State::Settled)
        {
            Some(Last { job: Some(job), .. }) => format!("It has a license because job {job} gave it."),
            _ => "It has a license that was not given from here: it was found at Apple.".to_owned(),
        },
    }
}

/// Why a license stays with somebody who is to have it no more.
fn stays(facts: &Facts<'_>, left: Left) -> String {
    let standing = facts.standing;
    if standing.pinned || standing.entitlement.is_some_and(|known| known.pinned) {
        return "it is pinned".to_owned();
    }
    if !standing.revocable {
        return "Apple never takes it back".to_owned();
    }
    match keeping(left, standing.platform, facts.policies) {
        (Leaving::Keep, Some(policy)) => format!("the policy `{policy}` lets it stay"),
        _ => "taking it back has not come to be".to_owned(),
    }
}

fn when_it_goes(facts: &Facts<'_>) -> String {
    let standing = facts.standing;
    if !standing.revocable {
        return "It never goes: Apple does not take it back.".to_owned();
    }
    if standing.pinned || standing.entitlement.is_some_and(|known| known.pinned) {
        return "It goes by a job that revokes it, and by nothing else: it is pinned.".to_owned();
    }
    let Some(known) = standing.entitlement else {
        return "It goes by a job that revokes it, or when an assignment says `uninstall`.".to_owned();
    };
    if known.left.is_some() {
        return "It goes when the policy changes, or by a job that revokes it.".to_owned();
    }
    let goes = |left, what: &str| {
        let (leaving, _) = keeping(left, standing.platform, facts.policies);
        (leaving != Leaving::Keep).then(|| what.to_owned())
    };
    let reasons: Vec<String> = [
        goes(Left::LeftGroup, "it leaves the group"),
        goes(Left::Unassigned, "the assignment is removed"),
        goes(Left::Unenrolled, "the device is unenrolled"),
        goes(Left::Deleted, "it is deleted from the directory"),
    ]
    .into_iter()
    .flatten()
    .collect();
    match reasons.split_last() {
        None => "It goes by a job that revokes it: the policies keep it otherwise.".to_owned(),
        Some((last, [])) => format!("It goes when {last}."),
        Some((last, others)) => format!("It goes when {} or {last}.", others.join(", ")),
    }
}

fn coming(facts: &Facts<'_>) -> String {
    let wanted = wanted_by(facts);
    match facts.last.map(|last| last.state) {
        Some(State::Accepted) => format!("Apple has taken the request and gives it a license now; {wanted}."),
        Some(State::Sending) => format!("Apple is being asked for a license now; {wanted}."),
        _ => format!("It is about to get a license; {wanted}."),
    }
}

fn wanted_by(facts: &Facts<'_>) -> String {
    match (
        facts.standing.entitlement.filter(|known| known.left.is_none()),
        facts.last.and_then(|last| last.job),
    ) {
        (Some(known), _) => format!("assignment {} wants it", known.assignment),
        (None, Some(job)) => format!("job {job} wants it"),
        (None, None) => "a job wants it".to_owned(),
    }
}

fn waiting(facts: &Facts<'_>) -> String {
    let (number, of) = facts.place.map_or((1, 1), |place| (place.number, place.of));
    let why = match facts.place.and_then(|place| place.quota) {
        Some(quota) => format!("The quota of {quota} of its assignment is used up"),
        None => "No license is free".to_owned(),
    };
    format!("{why}, so it waits: it has place {number} of {of} in line; {}.", wanted_by(facts))
}

fn when_it_comes(facts: &Facts<'_>) -> String {
    match facts.place {
        Some(Place { quota: Some(_), ahead, .. }) => match ahead {
            0 => "It comes when somebody gives back a license of the assignment, or its quota is raised."
                .to_owned(),
            ahead => format!(
                "It comes when {} licenses of the assignment come back, or its quota is raised by as many.",
                ahead + 1
            ),
        },
        Some(Place { ahead: 0, .. }) | None => {
            "It comes with the next license that is bought or comes back.".to_owned()
        }
        Some(Place { ahead, .. }) => format!("It comes when {} licenses are bought or come back.", ahead + 1),
    }
}

fn leaving(facts: &Facts<'_>) -> (String, Option<String>) {
    let why = facts.standing.entitlement.and_then(|known| known.left).map(words);
    let job = facts.last.and_then(|last| last.job);
    if facts.last.is_some_and(|last| last.state == State::Held) {
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let job = job.map_or_else(|| "its job".to_owned(), |job| format!("job {job}"));
        return (
            format!("It has a license, which is to be taken back once somebody approves {job}{why}."),
            Some(format!(
                "It goes when {job} is approved, and stays when that is cancelled or nobody approves it within a week."
            )),
        );
    }
    let sentence = match (why, job) {
        (Some(why), _) => format!("Its license is being taken back: {why}."),
        (None, Some(job)) => format!("Its license is being taken back by job {job}."),
        (None, None) => "Its license is being taken back.".to_owned(),
    };
    (sentence, None)
}

fn failed(facts: &Facts<'_>) -> (String, Option<String>) {
    let by = winner(facts.claims, facts.standing.asked).map_or(0, |claim| claim.assignment.0);
    let again = when_tried_again(facts.policies);
    match facts.last.filter(|last| last.action == Action::Assign && last.state == State::Refused) {
        Some(last) => {
            let why = last.code.map_or("Apple refused it.", apple_error::sentence);
            (
                format!("Assignment {by} wants it to have the app, and the last try came to nothing: {why}"),
                Some(again),
            )
        }
        None => (
            format!(
                "Assignment {by} wants it to have the app, and it has no license: somebody took it back, or it is looked at within a moment."
            ),
            Some(again),
        ),
    }
}

fn when_tried_again(policies: &Policies) -> String {
    match Class::Missing.stance(policies) {
        Stance::Fix => {
            "It is tried again after the next full sync of the token, or when somebody asks for that."
                .to_owned()
        }
        stance @ (Stance::Report | Stance::Ask | Stance::Ignore) => format!(
            "It is tried again when somebody asks for that: the token's policy `{}` is `{}`.",
            Class::Missing.policy(),
            stance.as_str()
        ),
    }
}

fn lacking(facts: &Facts<'_>) -> String {
    let excluded = facts.claims.iter().find(|claim| claim.excluded);
    match (facts.standing.fit, winner(facts.claims, facts.standing.asked)) {
        _ if !facts.known => {
            "It has no license, and the directory does not know it; nothing here wants it to have one."
                .to_owned()
        }
        (Fit::Deleted, _) => "It has no license: it was deleted from the directory.".to_owned(),
        (Fit::Unenrolled, Some(claim)) => {
            format!(
                "It has no license: assignment {} wants it, and the device is unenrolled.",
                claim.assignment
            )
        }
        (Fit::UserEnrollment, Some(claim)) if claim.intent != Intent::Uninstall => format!(
            "It has no license: assignment {} wants it, and device licenses do not work where the device was enrolled by User Enrollment (rule S-24).",
            claim.assignment
        ),
        (_, Some(claim)) => {
            format!("It has no license: assignment {} says that it is not to have the app.", claim.assignment)
        }
        (_, None) => match excluded {
            Some(claim) => format!(
                "It has no license: it is in a group that assignment {} leaves out.",
                claim.assignment
            ),
            None => "It has no license, and it is in no group that is to have the app.".to_owned(),
        },
    }
}

fn words(left: Left) -> &'static str {
    match left {
        Left::Unassigned => "the assignment was removed",
        Left::LeftGroup => "it left the group",
        Left::Excluded => "it is in a group that the assignment leaves out",
        Left::RequestWithdrawn => "the person gave back what he had asked for",
        Left::Uninstall => "an assignment says that it is to go",
        Left::Unenrolled => "the device was unenrolled",
        Left::Deleted => "it was deleted from the directory",
        Left::UserEnrollment => "device licenses do not work under User Enrollment",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AssignmentId;
    use crate::directory::Platform;
    use crate::reconcile::Entitlement;

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
