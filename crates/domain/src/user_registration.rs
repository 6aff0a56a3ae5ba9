//! The registration of a user at a location: what is wished for, what Apple has, and what has to be done in between.
//!
//! ```text
//! none ─► planned ─► sending(request) ─► accepted(event) ─► none      Apple has it as it is wished
//!            ▲  │            └─ lost reply ──┤  └─────────► refused   Apple said no, for good
//!            │  └────────────────────────────┴─► planned again
//!            └── a newer wish, also while one is in flight: then it is looked at once more afterwards
//! ```

use crate::apple_error::{Meaning, code, meaning};
use crate::change::ATTEMPTS_MAX;
use crate::patience::apple_backoff;
use crate::time::Timestamp;
use crate::user::UserStatus;

/// What was last wished for a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wish {
    /// Nothing: the user came from Apple's list.
    #[default]
    None,
    /// To be registered, as the profile says.
    Active,
    /// To be out of the program.
    Retired,
}

impl Wish {
    /// Every wish.
    pub const ALL: [Self; 3] = [Self::None, Self::Active, Self::Retired];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wish| wish.as_str() == text)
    }
}

/// Where the work on a wish has got to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// There is nothing to do.
    #[default]
    None,
    /// Written down; Apple has not been told.
    Planned,
    /// Its request is written down and may have left; Apple's answer is not known.
    Sending,
    /// Apple took the request and settles it in its own time.
    Accepted,
    /// Apple will not, and said why.
    Refused,
}

impl Work {
    /// All of them, in the order of their life.
    pub const ALL: [Self; 5] = [Self::None, Self::Planned, Self::Sending, Self::Accepted, Self::Refused];

    /// The word shown. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|work| work.as_str() == text)
    }

    /// Whether Apple may be working on it.
    #[must_use]
    pub fn is_in_flight(self) -> bool {
        match self {
            Self::Sending | Self::Accepted => true,
            Self::None | Self::Planned | Self::Refused => false,
        }
    }

    /// Whether it has not come to its end.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        match self {
            Self::Planned | Self::Sending | Self::Accepted => true,
            Self::None | Self::Refused => false,
        }
    }
}

/// What is asked of Apple for users
/// (<https://developer.apple.com/documentation/devicemanagement/managing-users>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// To register them.
    Create,
    /// To change them.
    Update,
    /// To retire them.
    Retire,
}

impl Deed {
    /// Every deed.
    pub const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Retire];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create_users",
            Self::Update => "update_users",
            Self::Retire => "retire_users",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.as_str() == text)
    }

    /// The wish that it serves.
    #[must_use]
    pub fn wish(self) -> Wish {
        match self {
            Self::Create | Self::Update => Wish::Active,
            Self::Retire => Wish::Retired,
        }
    }
}

/// What Apple is told about a person, beside the id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The address that the invitation can go to.
    pub email: Option<String>,
    /// The Managed Apple Account of the same organization, which associates the user at once.
    pub managed_apple_id: Option<String>,
}

impl Profile {
    /// Whether Apple, that has `confirmed`, would have to be told of this. What is not given is left as it is.
    fn differs_from(&self, confirmed: &Self) -> bool {
        let differs = |wanted: &Option<String>, known: &Option<String>| wanted.is_some() && wanted != known;
        differs(&self.email, &confirmed.email) || differs(&self.managed_apple_id, &confirmed.managed_apple_id)
    }
}

/// The longest address taken.
const ADDRESS_MAX: usize = 254;

/// Checks what is to be an email address or a Managed Apple Account, as far as anybody but its server can.
///
/// # Errors
/// What is wrong with it, in words that follow its name.
pub fn check_address(text: &str) -> Result<(), &'static str> {
    let strange =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\' | '<' | '>' | ',' | ';');
    if text.len() > ADDRESS_MAX {
        return Err("is longer than 254 characters");
    }
    if text.chars().any(strange) {
        return Err("has a blank, a control character or another that is not in an address");
    }
    match text.split_once('@') {
        None => Err("has no @"),
        Some((_, domain)) if domain.contains('@') => Err("has more than one @"),
        Some(("", _)) => Err("has nothing before the @"),
        Some((_, domain)) if domain.is_empty() || domain.starts_with('.') || domain.ends_with('.') => {
            Err("has no domain behind the @")
        }
        Some(_) => Ok(()),
    }
}

/// A user at one location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// What was last wished for.
    pub wish: Wish,
    /// What is to be known of the person.
    pub wanted: Profile,
    /// What Apple has of that, as far as it has told or confirmed.
    pub confirmed: Profile,
    /// Apple's word for the user; `None` when Apple is not known to have him.
    pub status: Option<UserStatus>,
}

impl Registration {
    /// Whether the user can get licenses.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.as_ref().is_some_and(UserStatus::is_active)
    }

    /// The same with another wish. What a wish does not say of the person stays.
    #[must_use]
    pub fn wished(&self, wish: Wish, profile: &Profile) -> Self {
        let or = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
        let wanted = Profile {
            email: or(&profile.email, &self.wanted.email),
            managed_apple_id: or(&profile.managed_apple_id, &self.wanted.managed_apple_id),
        };
        Self { wish, wanted, ..self.clone() }
    }

    /// The same as Apple's record shows it. Apple never tells the managed account: of a user who is associated the one
    /// that was wished for is taken for his, since there is nothing to compare it with.
    #[must_use]
    pub fn seen(&self, found: &Found) -> Self {
        let (status, email) = match found {
            Found::Absent => (None, None),
            Found::There { status, email } => (Some(status.clone()), email.clone()),
        };
        let managed_apple_id = match &status {
            Some(UserStatus::Associated) => {
                self.wanted.managed_apple_id.clone().or_else(|| self.confirmed.managed_apple_id.clone())
            }
            Some(_) | None => None,
        };
        Self { status, confirmed: Profile { email, managed_apple_id }, ..self.clone() }
    }

    /// What is to be asked of Apple so that the wish comes true; `None` when it is true already.
    #[must_use]
    pub fn next(&self) -> Option<Deed> {
        match (self.wish, self.is_active()) {
            (Wish::None, _) => None,
            (Wish::Active, false) => Some(Deed::Create),
            (Wish::Active, true) => self.wanted.differs_from(&self.confirmed).then_some(Deed::Update),
            (Wish::Retired, true) => Some(Deed::Retire),
            // Apple may have him all the same, and says so.
            (Wish::Retired, false) => self.status.is_none().then_some(Deed::Retire),
        }
    }
}

/// What Apple's list has under one id: the active record if there is one, else the last of those retired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No record at all.
    Absent,
    /// A record.
    There {
        /// Apple's word for the user.
        status: UserStatus,
        /// The address that Apple has.
        email: Option<String>,
    },
}

/// What is done with a new wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It is to be sent, now or when what is in flight has ended.
    Plan,
    /// It is true already.
    AlreadySo,
}

/// Decides what becomes of a wish, given the registration as it is with the wish in it.
#[must_use]
pub fn take_in(with_wish: &Registration, in_flight: bool) -> Intake {
    if in_flight || with_wish.next().is_some() { Intake::Plan } else { Intake::AlreadySo }
}

/// What Apple said about one user of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is done.
    Done,
    /// It is not done.
    Failed {
        /// Apple's `errorNumber`, where it gave one.
        number: Option<i32>,
    },
    /// Nothing, and reading back shows that it is not done.
    FoundMissing,
}

/// What Apple's word says about the user himself, whatever becomes of the wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing.
    Nothing,
    /// He is registered; whether he is associated, his record tells.
    IsActive,
    /// Apple has him as retired.
    IsRetired,
    /// Apple has no such user.
    IsAbsent,
}

/// What becomes of the work on a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The wish is true.
    Settled,
    /// It will never be.
    Refused {
        /// Stable name of the reason, see [`crate::apple_error::code`].
        code: String,
        /// Apple's number, where it gave one.
        number: Option<i32>,
    },
    /// It is looked at again, not before `not_before`: perhaps something else has to be asked for now.
    Again {
        /// The earliest moment of the next request.
        not_before: Timestamp,
        /// Apple's number, where it gave one.
        number: Option<i32>,
    },
}

/// What becomes of a user and the work on his wish after Apple's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What becomes of the work.
    pub end: End,
    /// What is known of the user now.
    pub learned: Learned,
}

/// Apple's number for a user who is there already.
const EXISTS: i32 = 9716;

/// What becomes of a deed that was sent `attempts` times (this one included) after Apple's word.
///
/// `unit` is a random number in `[0, 1)` for the backoff. Numbers:
/// <https://developer.apple.com/documentation/devicemanagement/handling-error-responses>.
///
/// ```
/// use russet_domain::user_registration::{after, Deed, End, Learned, Word};
/// use russet_domain::Timestamp;
///
/// // A user who exists is taken as he is; what the wish says beyond that is asked for next.
/// let outcome = after(Deed::Create, Word::Failed { number: Some(9716) }, 1, Timestamp(5), 0.5);
/// assert_eq!(outcome.learned, Learned::IsActive);
/// assert_eq!(outcome.end, End::Again { not_before: Timestamp(5), number: Some(9716) });
/// ```
#[must_use]
pub fn after(deed: Deed, word: Word, attempts: u32, now: Timestamp, unit: f64) -> Outcome {
    let number = match word {
        Word::Done => return Outcome { end: End::Settled, learned: done(deed) },
        Word::FoundMissing => return again(attempts, None, now, Learned::Nothing),
        Word::Failed { number } => number,
    };
    match (deed, number) {
        (Deed::Create, Some(EXISTS)) => again(attempts, number, now, Learned::IsActive),
        // Retired behind our back, or never there: what updates him is now to register him.
        (Deed::Update, Some(9609 | 9618 | 9620 | 9636)) => again(attempts, number, now, gone(number)),
        (Deed::Retire, Some(9609 | 9618 | 9620 | 9636)) => {
            Outcome { end: End::Settled, learned: gone(number) }
        }
        (Deed::Create | Deed::Update | Deed::Retire, _) => {
            Outcome { end: failed(number, attempts, now, unit), learned: Learned::Nothing }
        }
    }
}

fn done(deed: Deed) -> Learned {
    match deed {
        Deed::Create | Deed::Update => Learned::IsActive,
        Deed::Retire => Learned::IsRetired,
    }
}

fn gone(number: Option<i32>) -> Learned {
    if matches!(number, Some(9618 | 9620)) { Learned::IsRetired } else { Learned::IsAbsent }
}

fn again(attempts: u32, number: Option<i32>, now: Timestamp, learned: Learned) -> Outcome {
    let end = if attempts >= ATTEMPTS_MAX {
        End::Refused { code: "gave_up".to_owned(), number }
    } else {
        End::Again { not_before: now, number }
    };
    Outcome { end, learned }
}

fn failed(number: Option<i32>, attempts: u32, now: Timestamp, unit: f64) -> End {
    let is_final = match number.map(meaning) {
        // A failure without a number says nothing about the next time.
        None | Some(Meaning::Later | Meaning::TooFast | Meaning::Replan) => false,
        Some(
            Meaning::Wrong
            | Meaning::TokenDead
            | Meaning::Forbidden
            | Meaning::NeedsPerson
            | Meaning::NoLicense
            | Meaning::AlreadySo,
        ) => true,
    };
    if is_final || attempts >= ATTEMPTS_MAX {
        return End::Refused { code: number.map_or("gave_up", code).to_owned(), number };
    }
    let wait = apple_backoff(attempts.saturating_sub(1)).delay(attempts.saturating_sub(1), unit);
    End::Again { not_before: now.plus(wait), number }
}

/// What a record that was read back says of a deed. `failure` is what the event's list of failures has on the user, if he
/// is in it.
#[must_use]
pub fn read_back(deed: Deed, before: &Registration, found: &Found, failure: Option<Option<i32>>) -> Word {
    let mut seen = before.seen(found);
    seen.wish = deed.wish();
    if failure.is_some() {
        // What Apple refused is not taken for done only because nothing shows the contrary.
        seen.confirmed.managed_apple_id.clone_from(&before.confirmed.managed_apple_id);
    }
    let is_done = match deed {
        Deed::Create | Deed::Update => seen.next().is_none(),
        Deed::Retire => !seen.is_active(),
    };
    match (is_done, failure) {
        (true, _) => Word::Done,
        (false, Some(number)) => Word::Failed { number },
        (false, None) => Word::FoundMissing,
    }
}

/// What is known here of a user who is to get a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whether Apple has him as registered or associated.
    pub is_active: bool,
    /// Whether Apple has him as retired.
    pub is_retired: bool,
    /// What was last wished for him.
    pub wish: Wish,
    /// Whether that has not come to its end.
    pub under_way: bool,
}

/// What is done with a license for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// It can be asked for.
    Send,
    /// His registration decides, and that is under way.
    Wait,
    /// He seems to be unknown to Apple: read the list of users again, then decide.
    AskUsers,
    /// Apple does not know him.
    Refuse,
}

/// Whether a user can be given a license now.
///
/// `list_read` says whether Apple's list of users was ever read whole, `fresh` whether what is new in it was read just now:
/// nobody is refused on an old list. What was never read is not taken for granted, and Apple is asked.
#[must_use]
pub fn fitness(known: Option<Known>, list_read: bool, fresh: bool) -> Fitness {
    match known {
        Some(Known { is_active: true, wish: Wish::Retired, under_way: true, .. }) => Fitness::Wait,
        Some(Known { is_active: true, .. }) => Fitness::Send,
        Some(Known { wish: Wish::Active, under_way: true, .. }) => Fitness::Wait,
        Some(_) | None if list_read => {
            if fresh {
                Fitness::Refuse
            } else {
                Fitness::AskUsers
            }
        }
        Some(Known { is_retired: true, .. }) => Fitness::Refuse,
        Some(_) | None => Fitness::Send,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        for bad in [
            "",
            "a",
            "@example.org",
            "a@",
            "a@.org",
            "a@b@c",
            "a b@example.org",
            "a@example.org,b@example.org",
        ] {
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
        let wished =
            with_status(Some(UserStatus::Associated)).wished(Wish::Active, &profile("", "x@s.example"));
        let found = Found::There { status: UserStatus::Associated, email: None };
        assert_eq!(read_back(Deed::Update, &wished, &found, None), Word::Done);
        let failed = Word::Failed { number: Some(9641) };
        assert_eq!(read_back(Deed::Update, &wished, &found, Some(Some(9641))), failed);
    }

    #[test]
    fn a_license_waits_for_a_registration_and_nobody_is_refused_on_an_old_list() {
        let known =
            |is_active, wish, under_way| Some(Known { is_active, is_retired: false, wish, under_way });
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
}
