//! The users of a location, with their state and the version at which it last changed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::holders::HolderId;

/// Where a user stands with Apple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UserStatus {
    /// Known, without an Apple Account yet.
    Registered,
    /// Bound to an Apple Account.
    Associated,
    /// Out of the program.
    Retired,
    /// Apple's old word for a retired user whose account went to somebody else.
    Deleted,
}

impl UserStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "Registered",
            Self::Associated => "Associated",
            Self::Retired => "Retired",
            Self::Deleted => "Deleted",
        }
    }

    /// Whether such a user can get licenses.
    pub(crate) fn is_active(self) -> bool {
        match self {
            Self::Registered | Self::Associated => true,
            Self::Retired | Self::Deleted => false,
        }
    }
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) holder: HolderId,
    pub(crate) status: UserStatus,
    pub(crate) email: Option<String>,
    /// What the invitation is accepted with; only while registered.
    pub(crate) invite_code: Option<String>,
    /// The hash of the Apple Account, once there is one.
    pub(crate) id_hash: Option<String>,
    pub(crate) changed: u32,
}

/// The users of one location in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Users {
    list: Vec<User>,
    by_holder: HashMap<HolderId, usize>,
    version: u32,
}

impl Users {
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    pub(crate) fn all(&self) -> &[User] {
        &self.list
    }

    pub(crate) fn get(&self, holder: HolderId) -> Option<&User> {
        self.by_holder.get(&holder).map(|&at| &self.list[at])
    }

    pub(crate) fn is_active(&self, holder: HolderId) -> bool {
        self.get(holder).is_some_and(|user| user.status.is_active())
    }

    /// Moves the version although nobody changed.
    pub(crate) fn touch(&mut self) {
        self.version += 1;
    }

    /// Adds a user, or replaces what is known about one.
    pub(crate) fn put(&mut self, mut user: User) {
        self.version += 1;
        user.changed = self.version;
        if let Some(&at) = self.by_holder.get(&user.holder) {
            self.list[at] = user;
        } else {
            self.by_holder.insert(user.holder, self.list.len());
            self.list.push(user);
        }
    }
}
