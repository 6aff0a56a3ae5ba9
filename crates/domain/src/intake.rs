//! What becomes of a new wish, given what is known of the license: a new change, one joined, or an end at once.

use crate::asset::{Asset, ProductType};
use crate::change::{Action, State};
use crate::holder::Holder;

/// The live changes for the license that a wish is about. At most one is in flight and one waits behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// The change that Apple is working on.
    pub in_flight: Option<Action>,
    /// The change that is not sent yet.
    pub waiting: Option<Action>,
}

/// What is done with a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// Write a new change, to be sent.
    Plan,
    /// Write a new change in place of the one that waits, which is cancelled.
    Replace,
    /// The change that waits does the same; follow it.
    JoinWaiting,
    /// The change in flight does the same and nothing waits behind it; follow it.
    JoinInFlight,
    /// The change in flight does the same, but an opposite one waits behind it: cancel that one and follow the first.
    JoinInFlightDropWaiting,
    /// Settled at once: the license already is where it is wanted.
    AlreadySo,
    /// Settled at once, and the opposite change that waits is cancelled.
    AlreadySoDropWaiting,
    /// Refused by a rule, before Apple has to.
    Refuse(&'static str),
}

/// Decides what becomes of one wish.
///
/// `held` is what our copy of Apple's list says, or `None` when the location has never been read whole: then
/// nothing is taken for granted and Apple is asked.
#[must_use]
pub fn decide(action: Action, asset: &Asset, holder: &Holder, held: Option<bool>, live: Live) -> Intake {
    if let Some(code) = rule_against(action, asset, holder) {
        return Intake::Refuse(code);
    }
    match (live.in_flight, live.waiting) {
        (_, Some(waiting)) if waiting == action => Intake::JoinWaiting,
        (Some(flying), None) if flying == action => Intake::JoinInFlight,
        (Some(flying), Some(_)) if flying == action => Intake::JoinInFlightDropWaiting,
        (Some(_), _) => Intake::Plan,
        (None, waiting) => {
            let already = held == Some(action == Action::Assign);
            match (already, waiting.is_some()) {
                (true, true) => Intake::AlreadySoDropWaiting,
                (true, false) => Intake::AlreadySo,
                (false, true) => Intake::Replace,
                (false, false) => Intake::Plan,
            }
        }
    }
}

/// The rule that forbids a movement, by its stable code.
#[must_use]
pub fn rule_against(action: Action, asset: &Asset, holder: &Holder) -> Option<&'static str> {
    match action {
        Action::Assign if holder.is_device() && asset.product_type == ProductType::Book => {
            Some("book_to_device")
        }
        Action::Assign if holder.is_device() && !asset.device_assignable => Some("not_device_assignable"),
        Action::Revoke if !asset.revocable => Some("not_revocable"),
        Action::Assign | Action::Revoke => None,
    }
}

/// The state of the row that is written for an intake, with its code; `None` when no row is written.
#[must_use]
pub fn first_state(intake: Intake, action: Action) -> Option<(State, Option<&'static str>)> {
    match intake {
        Intake::Plan | Intake::Replace => Some((State::Planned, None)),
        Intake::AlreadySo | Intake::AlreadySoDropWaiting => Some((
            State::Settled,
            Some(match action {
                Action::Assign => "already_held",
                Action::Revoke => "already_gone",
            }),
        )),
        Intake::Refuse(code) => Some((State::Refused, Some(code))),
        Intake::JoinWaiting | Intake::JoinInFlight | Intake::JoinInFlightDropWaiting => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{AssetKey, Pricing, Supply};
    use proptest::prelude::*;

    fn app() -> Asset {
        Asset {
            key: AssetKey::new("500000001", Pricing::Standard),
            product_type: ProductType::App,
            device_assignable: true,
            revocable: true,
            supply: Supply::Limited { total: 10, available: 10 },
            assigned: 0,
            retired: 0,
            platforms: vec![],
        }
    }

    fn device() -> Holder {
        Holder::Device("SER1".into())
    }

    #[test]
    fn a_held_license_is_not_asked_for_again() {
        let intake = decide(Action::Assign, &app(), &device(), Some(true), Live::default());
        assert_eq!(intake, Intake::AlreadySo);
    }

    #[test]
    fn a_location_never_read_takes_nothing_for_granted() {
        let intake = decide(Action::Revoke, &app(), &device(), None, Live::default());
        assert_eq!(intake, Intake::Plan);
    }

    #[test]
    fn the_opposite_wish_waits_for_the_one_in_flight() {
        let live = Live { in_flight: Some(Action::Assign), waiting: None };
        assert_eq!(decide(Action::Revoke, &app(), &device(), Some(false), live), Intake::Plan);
    }

    #[test]
    fn a_newer_wish_replaces_one_that_was_not_sent() {
        let live = Live { in_flight: None, waiting: Some(Action::Assign) };
        assert_eq!(decide(Action::Revoke, &app(), &device(), None, live), Intake::Replace);
        assert_eq!(
            decide(Action::Revoke, &app(), &device(), Some(false), live),
            Intake::AlreadySoDropWaiting
        );
    }

    #[test]
    fn a_book_never_comes_back() {
        let book = Asset { product_type: ProductType::Book, revocable: false, ..app() };
        let reader = Holder::User("u1".into());
        assert_eq!(
            decide(Action::Revoke, &book, &reader, Some(true), Live::default()),
            Intake::Refuse("not_revocable")
        );
        assert_eq!(
            decide(Action::Assign, &book, &device(), Some(false), Live::default()),
            Intake::Refuse("book_to_device")
        );
    }

    proptest! {
        /// Whatever stands, afterwards the last live change for the license does what was wished last.
        #[test]
        fn the_last_wish_wins(
            wishes in proptest::collection::vec(any::<bool>(), 1..20),
            mut held in any::<bool>(),
            flights in proptest::collection::vec(0_u8..3, 20),
        ) {
            let mut live = Live::default();
            for (wish, flight) in wishes.iter().zip(&flights) {
                let action = if *wish { Action::Assign } else { Action::Revoke };
                match decide(action, &app(), &device(), Some(held), live) {
                    Intake::Plan | Intake::Replace => live.waiting = Some(action),
                    Intake::JoinInFlightDropWaiting | Intake::AlreadySoDropWaiting => live.waiting = None,
                    Intake::JoinWaiting | Intake::JoinInFlight | Intake::AlreadySo => {}
                    Intake::Refuse(code) => prop_assert!(false, "{code}"),
                }
                let last = live.waiting.or(live.in_flight).map_or(held, |a| a == Action::Assign);
                prop_assert_eq!(last, *wish);
                // The world moves: a waiting change is sent, or the one in flight settles.
                if *flight == 1 && live.in_flight.is_none() {
                    live.in_flight = live.waiting.take();
                }
                if *flight == 2 && let Some(done) = live.in_flight.take() {
                    held = done == Action::Assign;
                }
            }
        }
    }
}
