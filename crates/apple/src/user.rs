//! The users of a location: what Apple tells of one, how to ask for some, and what is sent to register them.

use std::fmt;

use russet_domain::{Secret, UserStatus};

/// A user as Apple has it. There may be several of one id: at most one active, the others retired.
///
/// What is personal or secret is not in its `Debug`
/// (<https://developer.apple.com/documentation/devicemanagement/responseuser>).
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The `client_user_id`, which we gave.
    pub id: String,
    /// The email address given at the registration.
    pub email: Option<String>,
    /// How the user stands; an empty [`UserStatus::Other`] when Apple does not say.
    pub status: UserStatus,
    /// Opens the invitation, until it is accepted: whoever has it can bind an Apple Account to the user.
    pub invite_code: Option<Secret>,
    /// Names the Apple Account once there is one. Two users with the same share an account.
    pub id_hash: Option<String>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("invite_code", &self.invite_code)
            .finish_non_exhaustive()
    }
}

/// Which users to read; the default is all of them, retired ones included. Conditions add up.
///
/// `since_version` turns the list into one of what changed
/// (<https://developer.apple.com/documentation/devicemanagement/get-users-4mwln>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only active ones.
    pub active_only: bool,
    /// Only retired ones.
    pub retired_only: bool,
    /// Only records of one user, by `client_user_id`.
    pub user: Option<String>,
    /// Changed since this version.
    pub since_version: Option<String>,
}

/// What is sent of a user. Only the id matters for retiring one.
///
/// What is personal is not in its `Debug`
/// (<https://developer.apple.com/documentation/devicemanagement/create-users>).
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The `client_user_id`: ours, unique in the organization, and never changed.
    pub id: String,
    /// Where the invitation is to go.
    pub email: Option<String>,
    /// A Managed Apple Account of the same organization, which is bound at once and needs no invitation.
    pub managed_apple_id: Option<String>,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printout_of_a_user_holds_nothing_personal_and_no_code() {
        let user = User {
            id: "u1".into(),
            email: Some("a.person@example.com".into()),
            status: UserStatus::Registered,
            invite_code: Some(Secret::new("opaque")),
            id_hash: Some("hash-of-account".into()),
        };
        let new = NewUser {
            id: "u1".into(),
            email: Some("a.person@example.com".into()),
            managed_apple_id: Some("a.person@school.example.com".into()),
        };
        let shown = format!("{user:?} {new:?}");
        for hidden in ["person", "opaque", "hash-of", "school"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }
}
