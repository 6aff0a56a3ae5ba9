//! The registration's decisions, case by case and by generation.

use super::*;
use crate::change::ATTEMPTS_MAX;
use crate::time::Timestamp;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1000);

fn profile(email: &str, managed: &str) -> Profile {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Profile { email: some(email), managed_apple_id: some(managed) }
}

fn with_status(status: Option<UserStatus>) -> Registration {
    Registration { status, ..Registration::default() }
}

#[test]
fn an_address_is_checked_as_far_as_it_can_be() {
    for good in ["a@example.org", "a.person+school@mail.example.org", "ä@localhost"] {
        assert_eq!(check_address(good), Ok(()), "{good}");
    }
    for bad in
        ["", "a", "@example.org", "a@", "a@.org", "a@b@c", "a b@example.org", "a@example.org,b@example.org"]
    {
        assert!(check_address(bad).is_err(), "{bad}");
    }
    assert!(check_address(&format!("{}@example.org", "a".repeat(300))).is_err());
}

#[test]
fn a_new_user_is_registered_and_a_known_one_changed_where_he_differs() {
    let absent = with_status(None).wished(Wish::Active, &profile("a@example.org", ""));
    assert_eq!(absent.next(), Some(Deed::Create));
    let there = Registration { status: Some(UserStatus::Registered), ..absent.clone() };
    assert_eq!(there.next(), Some(Deed::Update));
    let same = Registration { confirmed: profile("a@example.org", ""), ..there };
    assert_eq!(same.next(), None);
    let retired = Registration { status: Some(UserStatus::Retired), ..absent };
    assert_eq!(retired.next(), Some(Deed::Create));
}

#[test]
fn a_user_from_apples_list_is_left_as_he_is() {
    assert_eq!(with_status(Some(UserStatus::Associated)).next(), None);
}

#[test]
fn retiring_asks_apple_also_about_a_user_it_is_not_known_to_have() {
    let retired = |status| with_status(status).wished(Wish::Retired, &Profile::default()).next();
    assert_eq!(retired(Some(UserStatus::Associated)), Some(Deed::Retire));
    assert_eq!(retired(Some(UserStatus::Retired)), None);
    assert_eq!(retired(None), Some(Deed::Retire));
}

#[test]
fn a_wish_that_says_nothing_of_the_address_leaves_it() {
    let first = with_status(None).wished(Wish::Active, &profile("a@example.org", ""));
    let second = first.wished(Wish::Active, &profile("", "a@school.example"));
    assert_eq!(second.wanted, profile("a@example.org", "a@school.example"));
}

#[test]
fn a_wish_made_while_one_is_in_flight_is_looked_at_afterwards() {
    let same = with_status(Some(UserStatus::Registered)).wished(Wish::Active, &Profile::default());
    assert_eq!(take_in(&same, false), Intake::AlreadySo);
    assert_eq!(take_in(&same, true), Intake::Plan);
}

#[test]
fn a_user_gone_at_apple_is_registered_anew_by_an_update_and_settled_by_a_retirement() {
    let word = Word::Failed { number: Some(9609) };
    let outcome = after(Deed::Update, word, 1, NOW, 0.5);
    let again = End::Again { not_before: NOW, number: Some(9609) };
    assert_eq!(outcome, Outcome { end: again, learned: Learned::IsAbsent });
    let outcome = after(Deed::Retire, word, 1, NOW, 0.5);
    assert_eq!(outcome, Outcome { end: End::Settled, learned: Learned::IsAbsent });
    for number in [9618, 9620] {
        let outcome = after(Deed::Retire, Word::Failed { number: Some(number) }, 1, NOW, 0.5);
        assert_eq!(outcome, Outcome { end: End::Settled, learned: Learned::IsRetired });
    }
}

#[test]
fn two_users_on_one_account_are_refused_by_name() {
    let outcome = after(Deed::Create, Word::Failed { number: Some(9641) }, 1, NOW, 0.5);
    let code = "account_of_another_user".to_owned();
    assert_eq!(outcome.end, End::Refused { code, number: Some(9641) });
}

#[test]
fn what_passes_at_apple_is_tried_again_later() {
    for number in [9603, 9644, 9729] {
        let outcome = after(Deed::Create, Word::Failed { number: Some(number) }, 1, NOW, 0.5);
        let waits = matches!(outcome.end, End::Again { not_before, .. } if not_before > NOW);
        assert!(waits, "{number}: {outcome:?}");
    }
}

#[test]
fn reading_back_tells_what_was_done_and_what_was_not() {
    let wished = with_status(None).wished(Wish::Active, &profile("a@example.org", ""));
    let there = |status, email: &str| Found::There { status, email: Some(email.to_owned()) };
    let read = |deed, found: &Found, failure| read_back(deed, &wished, found, failure);
    let registered = there(UserStatus::Registered, "a@example.org");
    assert_eq!(read(Deed::Create, &registered, None), Word::Done);
    assert_eq!(read(Deed::Create, &Found::Absent, None), Word::FoundMissing);
    let failed = Word::Failed { number: Some(9717) };
    assert_eq!(read(Deed::Create, &Found::Absent, Some(Some(9717))), failed);
    // There before, with another address: that is still to be changed.
    let other = there(UserStatus::Registered, "b@example.org");
    assert_eq!(read(Deed::Create, &other, None), Word::FoundMissing);
    assert_eq!(read(Deed::Retire, &registered, None), Word::FoundMissing);
    assert_eq!(read(Deed::Retire, &there(UserStatus::Retired, "a@example.org"), None), Word::Done);
    assert_eq!(read(Deed::Retire, &Found::Absent, Some(Some(9609))), Word::Done);
}

#[test]
fn a_managed_account_that_apple_refused_is_not_taken_for_done() {
    let wished = with_status(Some(UserStatus::Associated)).wished(Wish::Active, &profile("", "x@s.example"));
    let found = Found::There { status: UserStatus::Associated, email: None };
    assert_eq!(read_back(Deed::Update, &wished, &found, None), Word::Done);
    let failed = Word::Failed { number: Some(9641) };
    assert_eq!(read_back(Deed::Update, &wished, &found, Some(Some(9641))), failed);
}

#[test]
fn a_license_waits_for_a_registration_and_nobody_is_refused_on_an_old_list() {
    let known = |is_active, wish, under_way| Some(Known { is_active, is_retired: false, wish, under_way });
    assert_eq!(fitness(known(true, Wish::None, false), true, false), Fitness::Send);
    assert_eq!(fitness(known(false, Wish::Active, true), true, true), Fitness::Wait);
    assert_eq!(fitness(known(true, Wish::Retired, true), true, true), Fitness::Wait);
    assert_eq!(fitness(known(false, Wish::Active, false), true, false), Fitness::AskUsers);
    assert_eq!(fitness(known(false, Wish::Active, false), true, true), Fitness::Refuse);
    assert_eq!(fitness(None, true, true), Fitness::Refuse);
    assert_eq!(fitness(None, false, false), Fitness::Send);
}

#[test]
fn every_stored_word_is_read_back() {
    assert!(Wish::ALL.into_iter().all(|wish| Wish::from_text(wish.as_str()) == Some(wish)));
    assert!(Work::ALL.into_iter().all(|work| Work::from_text(work.as_str()) == Some(work)));
    assert!(Deed::ALL.into_iter().all(|deed| Deed::from_text(deed.as_str()) == Some(deed)));
}

proptest! {
    #[test]
    fn trying_ends(number in 9600_i32..9900, deed in 0_usize..3, unit in 0.0_f64..1.0) {
        for word in [Word::Failed { number: Some(number) }, Word::Failed { number: None }, Word::FoundMissing] {
            let outcome = after(Deed::ALL[deed], word, ATTEMPTS_MAX, NOW, unit);
            let again = matches!(outcome.end, End::Again { .. });
            prop_assert!(!again);
        }
    }

    /// Whatever Apple had before, once it has done what was asked for nothing is left to be asked.
    #[test]
    fn a_deed_that_is_done_leaves_nothing_to_do(active in any::<bool>(), retire in any::<bool>(), email in any::<bool>()) {
        let status = active.then_some(UserStatus::Registered);
        let wish = if retire { Wish::Retired } else { Wish::Active };
        let before = with_status(status).wished(wish, &profile(if email { "a@example.org" } else { "" }, ""));
        if let Some(deed) = before.next() {
            let found = match deed {
                Deed::Create | Deed::Update => Found::There { status: UserStatus::Registered, email: before.wanted.email.clone() },
                Deed::Retire => Found::There { status: UserStatus::Retired, email: None },
            };
            prop_assert_eq!(before.seen(&found).next(), None);
            prop_assert_eq!(read_back(deed, &before, &found, None), Word::Done);
        }
    }
}
