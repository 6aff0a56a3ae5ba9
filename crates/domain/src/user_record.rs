//! Apple's records of users, folded to one for each id: a user who was retired and came back has several.

use std::collections::HashMap;

use crate::secret::Secret;
use crate::user::UserStatus;
use crate::user_registration::Found;

/// What Apple has under one `client_user_id`: the active record if there is one, else the last of those retired
/// (<https://developer.apple.com/documentation/devicemanagement/managing-users>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The id that Apple was given.
    pub client_user_id: String,
    /// Apple's word for the user; `None` when Apple has no record of this id.
    pub status: Option<UserStatus>,
    /// The address that Apple has.
    pub email: Option<String>,
    /// Names the Apple Account, once there is one.
    pub id_hash: Option<String>,
    /// What the user is invited with, until he is associated.
    pub invite_code: Option<Secret>,
    /// How many retired records there are.
    pub retired_records: u64,
}

impl UserRecord {
    /// The record of an id that Apple does not have.
    #[must_use]
    pub fn absent(client_user_id: impl Into<String>) -> Self {
        Self {
            client_user_id: client_user_id.into(),
            status: None,
            email: None,
            id_hash: None,
            invite_code: None,
            retired_records: 0,
        }
    }

    /// Whether the user is in the program.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status.as_ref().is_some_and(UserStatus::is_active)
    }

    /// The record as a decision takes it.
    #[must_use]
    pub fn found(&self) -> Found {
        match &self.status {
            None => Found::Absent,
            Some(status) => Found::There { status: status.clone(), email: self.email.clone() },
        }
    }

    /// Adds another record of the same id.
    fn add(&mut self, other: Self) {
        let retired_records = self.retired_records + other.retired_records;
        if other.is_active() || !self.is_active() {
            *self = other;
        }
        self.retired_records = retired_records;
    }
}

/// Folds a list of records, each as Apple has it, in the order in which the ids come first.
#[must_use]
pub fn fold(records: impl IntoIterator<Item = UserRecord>) -> Vec<UserRecord> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut folded: Vec<UserRecord> = Vec::new();
    for mut record in records {
        record.retired_records = u64::from(record.status.is_some() && !record.is_active());
        match places.get(&record.client_user_id) {
            Some(place) => folded[*place].add(record),
            None => {
                places.insert(record.client_user_id.clone(), folded.len());
                folded.push(record);
            }
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, status: UserStatus, hash: &str) -> UserRecord {
        UserRecord { status: Some(status), id_hash: Some(hash.to_owned()), ..UserRecord::absent(id) }
    }

    #[test]
    fn a_user_who_came_back_is_active_whatever_the_order_of_the_records() {
        let retired = record("u1", UserStatus::Retired, "old");
        let active = record("u1", UserStatus::Registered, "new");
        for list in [[retired.clone(), active.clone()], [active, retired]] {
            let folded = fold(list);
            assert_eq!(folded.len(), 1);
            assert!(folded[0].is_active(), "{folded:?}");
            assert_eq!((folded[0].id_hash.as_deref(), folded[0].retired_records), (Some("new"), 1));
        }
    }

    #[test]
    fn several_retired_records_of_one_id_are_counted() {
        let list = ["a", "b", "c"].map(|hash| record("u1", UserStatus::Retired, hash));
        let folded = fold(list);
        assert_eq!((folded.len(), folded[0].retired_records), (1, 3));
        assert_eq!(folded[0].id_hash.as_deref(), Some("c"));
    }

    #[test]
    fn different_users_are_kept_apart_in_their_order() {
        let folded = fold(["u2", "u1", "u2"].map(|id| record(id, UserStatus::Associated, id)));
        let ids: Vec<&str> = folded.iter().map(|record| record.client_user_id.as_str()).collect();
        assert_eq!(ids, ["u2", "u1"]);
    }
}
