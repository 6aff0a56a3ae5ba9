//! What one holder is to have of one app, and what follows from what is: the heart of assignments.
//!
//! The decision is about one asset and one holder and about nobody else: a run for a single change of a membership and a run
//! over everything decide the same, in whatever order things happened. Whether there is a license for everybody who is to
//! have one is not decided here: that is the line's business, where licenses are given out.

mod leaving;
#[cfg(test)]
mod tests;

use leaving::removes_app;
pub use leaving::{Left, keeping};

use crate::assignment::Intent;
use crate::change::Action;
use crate::directory::Platform;
use crate::drift::{Class, Stance};
use crate::id::AssignmentId;
use crate::policy::{Leaving, Policies};

/// One assignment that reaches the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which.
    pub assignment: AssignmentId,
    /// What it wishes.
    pub intent: Intent,
    /// How urgent it is; more is more urgent.
    pub priority: i64,
    /// Whether licenses through it are never taken back.
    pub pinned: bool,
    /// Whether the holder is in a group that it leaves out.
    pub excluded: bool,
}

/// What was decided last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// By which assignment.
    pub assignment: AssignmentId,
    /// What it wished.
    pub intent: Intent,
    /// Whether licenses through it are never taken back.
    pub pinned: bool,
    /// Why the holder is to have it no more; nothing while he is.
    pub left: Option<Left>,
}

/// Whether the holder can be given something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Yes.
    Yes,
    /// The device is unenrolled: nothing new, and what it has stays or goes by policy (rule S-46).
    Unenrolled,
    /// The device or person was deleted (rules S-45, N-15).
    Deleted,
    /// A device license would not work there (rules S-24, S-28).
    UserEnrollment,
}

/// All that is known of one asset and one holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What was decided last time.
    pub entitlement: Option<Entitlement>,
    /// Whether the assignment of that is there still.
    pub assignment_exists: bool,
    /// Whether Apple has the license.
    pub held: bool,
    /// The change that is on its way or waits, the newest wish when there are two.
    pub coming: Option<Action>,
    /// Whether somebody pinned the license.
    pub pinned: bool,
    /// Whether the holder asked for the app (rule N-6).
    pub asked: bool,
    /// Whether it can be taken back at all.
    pub revocable: bool,
    /// Whether the holder can be given something.
    pub fit: Fit,
    /// The holder's platform; unknown for a person.
    pub platform: Platform,
    /// Whether what was tried before and did not come to be is tried again: by runs over everything, so that nothing is asked
    /// of Apple twice for every little change.
    pub again: bool,
}

impl Standing {
    /// Of somebody who was given nothing and to whom nothing is coming.
    #[must_use]
    pub fn new(fit: Fit, platform: Platform) -> Self {
        Self {
            entitlement: None,
            assignment_exists: false,
            held: false,
            coming: None,
            pinned: false,
            asked: false,
            revocable: true,
            fit,
            platform,
            again: false,
        }
    }
}

/// What is to be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the holder is to have, or was and is no more; nothing when there is nothing to remember.
    pub entitlement: Option<Entitlement>,
    /// How urgent it is.
    pub priority: i64,
    /// The license to be moved.
    pub act: Option<Action>,
    /// Whether the app is to go from the device as well.
    pub remove_app: bool,
}

/// Nothing to remember and nothing to do.
const NOTHING: Verdict = Verdict { entitlement: None, priority: 0, act: None, remove_app: false };

/// The claim that holds: the strictest intent, then the most urgent, then the oldest. Of what is only available, a claim counts
/// once the holder has asked (rule N-6).
#[must_use]
pub fn winner(claims: &[Claim], asked: bool) -> Option<&Claim> {
    claims
        .iter()
        .filter(|claim| !claim.excluded && (asked || claim.intent != Intent::Available))
        .max_by_key(|claim| (claim.intent, claim.priority, std::cmp::Reverse(claim.assignment)))
}

/// Decides about one asset and one holder.
///
/// ```
/// use russet_domain::assignment::Intent;
/// use russet_domain::change::Action;
/// use russet_domain::directory::Platform;
/// use russet_domain::policy::Policies;
/// use russet_domain::reconcile::{Claim, Fit, Standing, decide};
/// use russet_domain::AssignmentId;
///
/// let claim =
///     Claim { assignment: AssignmentId(1), intent: Intent::Required, priority: 0, pinned: false, excluded: false };
/// let nothing_yet = Standing::new(Fit::Yes, Platform::Ipados);
/// let verdict = decide(&[claim], &nothing_yet, &Policies::default());
/// assert_eq!(verdict.act, Some(Action::Assign));
/// ```
#[must_use]
pub fn decide(claims: &[Claim], standing: &Standing, policies: &Policies) -> Verdict {
    let winner = winner(claims, standing.asked);
    match (standing.fit, winner) {
        // A wish that cannot be served is not forgotten: once the device is enrolled again, it is decided anew.
        (Fit::Unenrolled, _) => leave(Left::Unenrolled, None, standing, policies),
        (Fit::Deleted, _) => leave(Left::Deleted, None, standing, policies),
        (Fit::UserEnrollment, Some(claim)) if claim.intent != Intent::Uninstall => {
            leave(Left::UserEnrollment, None, standing, policies)
        }
        (Fit::Yes, Some(claim)) if claim.intent != Intent::Uninstall => have(claim, standing, policies),
        (Fit::Yes | Fit::UserEnrollment, Some(claim)) => {
            leave(Left::Uninstall, Some(claim), standing, policies)
        }
        (Fit::Yes | Fit::UserEnrollment, None) => leave(why_gone(claims, standing), None, standing, policies),
    }
}

fn have(claim: &Claim, standing: &Standing, policies: &Policies) -> Verdict {
    let entitlement =
        Entitlement { assignment: claim.assignment, intent: claim.intent, pinned: claim.pinned, left: None };
    let is_news = standing.entitlement.is_none_or(|known| known.left.is_some());
    let act = match (standing.held, standing.coming) {
        (true, Some(Action::Revoke)) | (false, None | Some(Action::Revoke)) => Some(Action::Assign),
        (true, None | Some(Action::Assign)) | (false, Some(Action::Assign)) => None,
    };
    Verdict {
        entitlement: Some(entitlement),
        priority: claim.priority,
        act: act.filter(|_| is_news || tries_again(standing, Class::Missing, policies)),
        remove_app: false,
    }
}

/// Whether what did not come to be, and is drift of that class by now, is tried again.
fn tries_again(standing: &Standing, class: Class, policies: &Policies) -> bool {
    standing.again && class.stance(policies) == Stance::Fix
}

/// Why no assignment gives it any more, as far as what was decided last tells.
fn why_gone(claims: &[Claim], standing: &Standing) -> Left {
    let Some(known) = standing.entitlement else { return Left::LeftGroup };
    if !standing.assignment_exists {
        return Left::Unassigned;
    }
    match claims.iter().find(|claim| claim.assignment == known.assignment) {
        Some(claim) if claim.excluded => Left::Excluded,
        Some(_) => Left::RequestWithdrawn,
        None => Left::LeftGroup,
    }
}

/// What becomes of a license that its holder is to have no more.
fn leave(left: Left, claim: Option<&Claim>, standing: &Standing, policies: &Policies) -> Verdict {
    // A license that no assignment gave is not theirs to take, but where one says that it is to go.
    let by = claim.map(|claim| Entitlement {
        assignment: claim.assignment,
        intent: claim.intent,
        pinned: claim.pinned,
        left: Some(left),
    });
    let Some(known) = standing.entitlement.or(by) else { return NOTHING };
    if !standing.held && standing.coming.is_none() {
        return NOTHING;
    }
    // The first reason counts: a device that left its group is not kept by being unenrolled afterwards.
    let first = standing.entitlement.and_then(|known| known.left).filter(|_| left != Left::Uninstall);
    let left = first.unwrap_or(left);
    let is_news = standing.entitlement.and_then(|known| known.left) != Some(left);
    let verdict = Verdict { entitlement: Some(Entitlement { left: Some(left), ..known }), ..NOTHING };
    let stays = standing.pinned || known.pinned || !standing.revocable;
    if stays || keeping(left, standing.platform, policies).0 == Leaving::Keep {
        return verdict;
    }
    let act = match (standing.held, standing.coming) {
        (_, Some(Action::Revoke)) | (false, None) => None,
        (true, None | Some(Action::Assign)) | (false, Some(Action::Assign)) => Some(Action::Revoke),
    };
    Verdict {
        act: act.filter(|_| is_news || tries_again(standing, Class::Surplus, policies)),
        remove_app: removes_app(left, standing.platform, policies),
        ..verdict
    }
}
