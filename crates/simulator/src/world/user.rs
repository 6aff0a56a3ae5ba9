//! The users of a location, with their state and the version at which it last changed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::holders::HolderId;
use crate::seed::{mix, mix_text};

/// Where a user stands with Apple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UserStatus {
    /// Known, without an Apple Account yet.
    Registered,
    /// Bound to an Apple Account.
    Associated,
    /// Out of the program.
    Retired,
    /// Apple's old word for a retired user whose account went to another record of the same id.
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

/// An Apple Account, of which only a hash is kept, as Apple shows no more either. The same account has the same
/// hash in all locations of a simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Account(u128);

impl Account {
    /// The account of this name, whatever the case of its letters.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        let high = mix_text(seed, &name.to_lowercase());
        Self((u128::from(high) << 64) | u128::from(mix(high)))
    }

    /// The account of a user of whom nobody said which one it is.
    pub(crate) fn made_up(seed: u64, client_user_id: &str) -> Self {
        Self::named(mix(seed), client_user_id)
    }

    /// The hash as Apple shows it: 28 characters.
    pub(crate) fn spell(self) -> String {
        format!("{:028x}", self.0 >> 16)
    }
}

/// A user as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedUser {
    pub(crate) client_user_id: String,
    pub(crate) email: Option<String>,
    pub(crate) managed_apple_id: Option<String>,
}

/// One record of a user. An id has at most one that is active, and any number of retired ones.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) holder: HolderId,
    pub(crate) status: UserStatus,
    pub(crate) email: Option<Box<str>>,
    /// What the invitation is accepted with; only while registered.
    pub(crate) invite: Option<u128>,
    /// The Apple Account, once there is one. Kept when the user is retired.
    pub(crate) account: Option<Account>,
    pub(crate) changed: u32,
}

impl User {
    /// The invitation code as Apple shows it: 32 characters.
    pub(crate) fn invite_code(&self) -> Option<String> {
        self.invite.map(|code| format!("{code:032x}"))
    }

    pub(crate) fn id_hash(&self) -> Option<String> {
        self.account.map(Account::spell)
    }
}

/// The users of one location in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Users {
    list: Vec<User>,
    by_holder: HashMap<HolderId, usize>,
    /// Who has which account now, retired users left out.
    by_account: HashMap<Account, HolderId>,
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

    /// The active user that an account is bound to.
    pub(crate) fn with_account(&self, account: Account) -> Option<HolderId> {
        self.by_account.get(&account).copied()
    }

    /// The registered user that an invitation is for.
    pub(crate) fn invited_with(&self, code: &str) -> Option<&User> {
        let code = u128::from_str_radix(code, 16).ok()?;
        self.list.iter().find(|user| user.invite == Some(code))
    }

    /// Moves the version although nobody changed.
    pub(crate) fn touch(&mut self) {
        self.version += 1;
    }

    /// Adds a record, or replaces what is known about one.
    pub(crate) fn put(&mut self, mut user: User) {
        self.version += 1;
        user.changed = self.version;
        if let Some(account) = self.get(user.holder).and_then(|known| known.account)
            && self.with_account(account) == Some(user.holder)
        {
            self.by_account.remove(&account);
        }
        if let Some(account) = user.account
            && user.status.is_active()
        {
            self.by_account.insert(account, user.holder);
        }
        if let Some(&at) = self.by_holder.get(&user.holder) {
            self.list[at] = user;
        } else {
            self.by_holder.insert(user.holder, self.list.len());
            self.list.push(user);
        }
    }
}
