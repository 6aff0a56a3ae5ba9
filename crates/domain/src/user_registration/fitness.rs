//! Whether a user can be given a license now.

use super::Wish;

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
