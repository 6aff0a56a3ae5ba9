//! The registration of a user at a location: what is wished for, what Apple has, and what has to be done in between.
//!
//! ```text
//! none ─► planned ─► sending(request) ─► accepted(event) ─► none      Apple has it as it is wished
//!            ▲  │            └─ lost reply ──┤  └─────────► refused   Apple said no, for good
//!            │  └────────────────────────────┴─► planned again
//!            └── a newer wish, also while one is in flight: then it is looked at once more afterwards
//! ```

mod fitness;
mod outcome;
#[cfg(test)]
mod tests;

pub use fitness::{Fitness, Known, fitness};
pub use outcome::{End, Learned, Outcome, Word, after, read_back};

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
    /// It would take back more licenses than the token's brakes allow; somebody has to approve it.
    Held,
    /// Its request is written down and may have left; Apple's answer is not known.
    Sending,
    /// Apple took the request and settles it in its own time.
    Accepted,
    /// Apple will not, and said why.
    Refused,
}

impl Work {
    /// All of them, in the order of their life.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Planned, Self::Held, Self::Sending, Self::Accepted, Self::Refused];

    /// The word shown. Clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Planned => "planned",
            Self::Held => "held",
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
            Self::None | Self::Planned | Self::Held | Self::Refused => false,
        }
    }

    /// Whether it has not come to its end.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        match self {
            Self::Planned | Self::Held | Self::Sending | Self::Accepted => true,
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
