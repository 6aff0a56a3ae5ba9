//! What follows from the facts, in words.

use super::facts::{Facts, Last, Place};
use crate::apple_error;
use crate::assignment::Intent;
use crate::change::{Action, State};
use crate::drift::{Class, Stance};
use crate::policy::{Leaving, Policies};
use crate::reconcile::{Fit, Left, keeping, winner};

pub(super) fn held(facts: &Facts<'_>) -> String {
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

pub(super) fn when_it_goes(facts: &Facts<'_>) -> String {
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

pub(super) fn coming(facts: &Facts<'_>) -> String {
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

pub(super) fn waiting(facts: &Facts<'_>) -> String {
    let (number, of) = facts.place.map_or((1, 1), |place| (place.number, place.of));
    let why = match facts.place.and_then(|place| place.quota) {
        Some(quota) => format!("The quota of {quota} of its assignment is used up"),
        None => "No license is free".to_owned(),
    };
    format!("{why}, so it waits: it has place {number} of {of} in line; {}.", wanted_by(facts))
}

pub(super) fn when_it_comes(facts: &Facts<'_>) -> String {
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

pub(super) fn leaving(facts: &Facts<'_>) -> (String, Option<String>) {
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

pub(super) fn failed(facts: &Facts<'_>) -> (String, Option<String>) {
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

pub(super) fn lacking(facts: &Facts<'_>) -> String {
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
