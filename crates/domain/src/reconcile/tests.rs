//! The rules about who has what, one by one, and what holds whatever happens.

use proptest::prelude::*;

use super::*;

const ONE: AssignmentId = AssignmentId(1);

fn claim(intent: Intent) -> Claim {
    Claim { assignment: ONE, intent, priority: 0, pinned: false, excluded: false }
}

fn nothing_yet() -> Standing {
    Standing::new(Fit::Yes, Platform::Ipados)
}

fn has_it() -> Standing {
    let entitlement = Entitlement { assignment: ONE, intent: Intent::Required, pinned: false, left: None };
    Standing { entitlement: Some(entitlement), assignment_exists: true, held: true, ..nothing_yet() }
}

fn left(verdict: Verdict) -> Option<Left> {
    verdict.entitlement.and_then(|entitlement| entitlement.left)
}

fn by(policy: &str, value: &str) -> Policies {
    Policies::of([(policy.to_owned(), value.to_owned())])
}

#[test]
fn s_33_a_required_app_is_given_once_and_an_available_one_when_asked_for() {
    let policies = Policies::default();
    let verdict = decide(&[claim(Intent::Required)], &nothing_yet(), &policies);
    assert_eq!((verdict.act, left(verdict)), (Some(Action::Assign), None));
    let on_its_way = Standing { held: false, coming: Some(Action::Assign), ..has_it() };
    assert_eq!(decide(&[claim(Intent::Required)], &on_its_way, &policies).act, None);
    assert_eq!(decide(&[claim(Intent::Available)], &nothing_yet(), &policies), NOTHING);
    let asked = Standing { asked: true, ..nothing_yet() };
    assert_eq!(decide(&[claim(Intent::Available)], &asked, &policies).act, Some(Action::Assign));
}

#[test]
fn s_42_a_removed_assignment_frees_and_on_ipads_removes_the_app() {
    let unassigned = Standing { assignment_exists: false, ..has_it() };
    let verdict = decide(&[], &unassigned, &Policies::default());
    assert_eq!(
        (verdict.act, verdict.remove_app, left(verdict)),
        (Some(Action::Revoke), true, Some(Left::Unassigned))
    );
    let mac = Standing { platform: Platform::Macos, ..unassigned };
    let verdict = decide(&[], &mac, &Policies::default());
    assert_eq!((verdict.act, verdict.remove_app), (Some(Action::Revoke), false));
    let kept = decide(&[], &unassigned, &by("on_unassign_ios", "keep"));
    assert_eq!((kept.act, left(kept)), (None, Some(Left::Unassigned)));
}

#[test]
fn s_44_uninstall_takes_what_others_gave_and_removes_the_app_on_macs_as_well() {
    let foreign = Standing { held: true, platform: Platform::Macos, ..nothing_yet() };
    let verdict = decide(&[claim(Intent::Uninstall)], &foreign, &Policies::default());
    assert_eq!((verdict.act, verdict.remove_app), (Some(Action::Revoke), true));
}

#[test]
fn uninstall_beside_required_is_the_stricter() {
    let other = Claim { assignment: AssignmentId(2), priority: 100, ..claim(Intent::Required) };
    let verdict = decide(&[other, claim(Intent::Uninstall)], &has_it(), &Policies::default());
    assert_eq!((verdict.act, left(verdict)), (Some(Action::Revoke), Some(Left::Uninstall)));
}

#[test]
fn s_45_who_leaves_the_group_gives_it_back() {
    let verdict = decide(&[], &has_it(), &Policies::default());
    assert_eq!((verdict.act, left(verdict)), (Some(Action::Revoke), Some(Left::LeftGroup)));
    let excluded = Claim { excluded: true, ..claim(Intent::Required) };
    let verdict = decide(&[excluded], &has_it(), &Policies::default());
    assert_eq!((verdict.act, left(verdict)), (Some(Action::Revoke), Some(Left::Excluded)));
    let deleted = Standing { fit: Fit::Deleted, ..has_it() };
    let verdict = decide(&[], &deleted, &Policies::default());
    assert_eq!((verdict.act, left(verdict)), (Some(Action::Revoke), Some(Left::Deleted)));
}

#[test]
fn s_46_unenrolling_frees_nothing_unless_a_policy_says_so() {
    let unenrolled = Standing { fit: Fit::Unenrolled, ..has_it() };
    let kept = decide(&[claim(Intent::Required)], &unenrolled, &Policies::default());
    assert_eq!((kept.act, left(kept)), (None, Some(Left::Unenrolled)));
    let freed = decide(&[claim(Intent::Required)], &unenrolled, &by("on_unenroll", "free"));
    assert_eq!(freed.act, Some(Action::Revoke));
    // Enrolled again it has what it had, without a request.
    let again = Standing { fit: Fit::Yes, entitlement: kept.entitlement, ..unenrolled };
    let verdict = decide(&[claim(Intent::Required)], &again, &Policies::default());
    assert_eq!((verdict.act, left(verdict)), (None, None));
}

#[test]
fn n_6_who_gives_back_what_he_asked_for_is_told_from_who_left() {
    let entitlement = Entitlement { assignment: ONE, intent: Intent::Available, pinned: false, left: None };
    let withdrawn = Standing { entitlement: Some(entitlement), ..has_it() };
    let verdict = decide(&[claim(Intent::Available)], &withdrawn, &Policies::default());
    assert_eq!((verdict.act, left(verdict)), (Some(Action::Revoke), Some(Left::RequestWithdrawn)));
}

#[test]
fn s_24_a_device_license_is_not_given_to_a_device_of_user_enrollment() {
    let standing = Standing { fit: Fit::UserEnrollment, ..nothing_yet() };
    assert_eq!(decide(&[claim(Intent::Required)], &standing, &Policies::default()), NOTHING);
}

#[test]
fn n_16_a_license_that_no_assignment_gave_is_let_alone() {
    let foreign = Standing { held: true, ..nothing_yet() };
    assert_eq!(decide(&[], &foreign, &Policies::default()), NOTHING);
    let deleted = Standing { fit: Fit::Deleted, ..foreign };
    assert_eq!(decide(&[], &deleted, &Policies::default()), NOTHING);
}

#[test]
fn drift_is_left_where_a_policy_says_so_and_news_is_not() {
    let (missing, surplus) = (by("drift_missing", "report"), by("drift_surplus", "report"));
    let taken_elsewhere = Standing { held: false, again: true, ..has_it() };
    assert_eq!(decide(&[claim(Intent::Required)], &taken_elsewhere, &missing).act, None);
    assert_eq!(decide(&[claim(Intent::Required)], &taken_elsewhere, &surplus).act, Some(Action::Assign));
    let new = Standing { again: true, ..nothing_yet() };
    assert_eq!(decide(&[claim(Intent::Required)], &new, &missing).act, Some(Action::Assign));

    let gone = Entitlement { left: Some(Left::LeftGroup), ..has_it().entitlement.unwrap() };
    let back_again = Standing { entitlement: Some(gone), again: true, ..has_it() };
    assert_eq!(decide(&[], &back_again, &surplus).act, None);
    assert_eq!(decide(&[], &back_again, &missing).act, Some(Action::Revoke));
    let leaves = Standing { again: true, ..has_it() };
    assert_eq!(decide(&[], &leaves, &surplus).act, Some(Action::Revoke));
}

#[test]
fn what_did_not_come_to_be_is_tried_again_by_a_run_over_everything_alone() {
    let missing = Standing { held: false, ..has_it() };
    assert_eq!(decide(&[claim(Intent::Required)], &missing, &Policies::default()).act, None);
    let again = Standing { again: true, ..missing };
    assert_eq!(decide(&[claim(Intent::Required)], &again, &Policies::default()).act, Some(Action::Assign));
}

/// Values of every kind.
fn worlds() -> impl Strategy<Value = (Vec<Claim>, Standing, Policies)> {
    let claims = prop::collection::vec(
        (1..4_i64, 0..3_usize, -2..3_i64, any::<bool>(), any::<bool>()).prop_map(
            |(id, intent, priority, pinned, excluded)| Claim {
                assignment: AssignmentId(id),
                intent: Intent::ALL[intent],
                priority,
                pinned,
                excluded,
            },
        ),
        0..4,
    );
    let entitlement =
        prop::option::of((1..4_i64, 0..3_usize, any::<bool>(), prop::option::of(0..8_usize)).prop_map(
            |(id, intent, pinned, left)| Entitlement {
                assignment: AssignmentId(id),
                intent: Intent::ALL[intent],
                pinned,
                left: left.map(|left| Left::ALL[left]),
            },
        ));
    let flags = (any::<[bool; 6]>(), 0..3_usize, 0..4_usize, any::<bool>());
    let leaving = (0..3_usize, 0..3_usize, 0..2_usize, 0..2_usize);
    (claims, entitlement, flags, leaving).prop_map(
        |(claims, entitlement, (flags, coming, fit, mac), leaving)| {
            let standing = Standing {
                entitlement,
                assignment_exists: flags[0],
                held: flags[1],
                coming: [None, Some(Action::Assign), Some(Action::Revoke)][coming],
                pinned: flags[2],
                asked: flags[3],
                revocable: flags[4],
                fit: [Fit::Yes, Fit::Unenrolled, Fit::Deleted, Fit::UserEnrollment][fit],
                platform: if mac { Platform::Macos } else { Platform::Ios },
                again: flags[5],
            };
            let three = ["free_and_remove", "free", "keep"];
            let two = ["free", "keep"];
            let policies = [
                ("on_unassign_ios", three[leaving.0]),
                ("on_unassign_macos", three[leaving.1]),
                ("on_leave_ios", three[leaving.1]),
                ("on_leave_macos", three[leaving.0]),
                ("on_unenroll", two[leaving.2]),
                ("on_delete", two[leaving.3]),
            ];
            let policies = policies.map(|(name, value)| (name.to_owned(), value.to_owned()));
            (claims, standing, Policies::of(policies))
        },
    )
}

/// The world after a verdict was carried out to its end.
fn carried_out(standing: &Standing, claims: &[Claim], verdict: Verdict) -> Standing {
    let wished = verdict.act.or(standing.coming);
    let exists = |entitlement: Entitlement| {
        claims.iter().any(|claim| claim.assignment == entitlement.assignment)
            || standing
                .entitlement
                .is_some_and(|known| known.assignment == entitlement.assignment && standing.assignment_exists)
    };
    Standing {
        entitlement: verdict.entitlement,
        assignment_exists: verdict.entitlement.is_some_and(exists),
        held: wished.map_or(standing.held, |wished| wished == Action::Assign),
        coming: None,
        again: true,
        ..*standing
    }
}

proptest! {
    #[test]
    fn what_is_carried_out_leaves_nothing_to_do((claims, standing, policies) in worlds()) {
        let standing = Standing { again: true, ..standing };
        let verdict = decide(&claims, &standing, &policies);
        let after = carried_out(&standing, &claims, verdict);
        let second = decide(&claims, &after, &policies);
        prop_assert_eq!(second.act, None, "{:?} then {:?}", verdict, second);
    }

    #[test]
    fn the_same_wish_twice_makes_nothing((claims, standing, policies) in worlds()) {
        let verdict = decide(&claims, &standing, &policies);
        let coming = Standing {
            entitlement: verdict.entitlement,
            coming: verdict.act.or(standing.coming),
            ..carried_out(&standing, &claims, verdict)
        };
        let coming = Standing { held: standing.held, again: standing.again, ..coming };
        prop_assert_eq!(decide(&claims, &coming, &policies).act, None);
    }

    #[test]
    fn a_pinned_license_never_goes((claims, standing, policies) in worlds()) {
        let pinned = Standing { pinned: true, ..standing };
        prop_assert_ne!(decide(&claims, &pinned, &policies).act, Some(Action::Revoke));
        let known = standing.entitlement.is_some_and(|known| known.pinned);
        if known {
            prop_assert_ne!(decide(&claims, &standing, &policies).act, Some(Action::Revoke));
        }
    }

    #[test]
    fn what_cannot_be_taken_back_is_not_asked_back((claims, standing, policies) in worlds()) {
        let lasting = Standing { revocable: false, ..standing };
        prop_assert_ne!(decide(&claims, &lasting, &policies).act, Some(Action::Revoke));
    }

    #[test]
    fn the_order_of_claims_does_not_matter((claims, standing, policies) in worlds()) {
        let mut other = claims.clone();
        other.reverse();
        // Two claims of one assignment are one.
        let mut ids: Vec<_> = claims.iter().map(|claim| claim.assignment).collect();
        ids.sort();
        ids.dedup();
        prop_assume!(ids.len() == claims.len());
        prop_assert_eq!(decide(&claims, &standing, &policies), decide(&other, &standing, &policies));
    }
}
