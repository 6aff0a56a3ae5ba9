//! Registers, invites, changes and retires the users of a location, and lets their licenses follow them.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/managing-users>.

use super::holders::{HolderId, HolderKind};
use super::location::Location;
use super::user::{Account, User, UserStatus, WantedUser};

/// There is no such user who is active.
const NO_SUCH_USER: u16 = 9609;
/// The user is out of the program already.
const RETIRED_ALREADY: u16 = 9618;
/// The same, for a record whose account went to another one.
const DELETED_ALREADY: u16 = 9620;
/// The Apple Account is not one that can be bound to this user.
const ACCOUNT_CANNOT: u16 = 9635;
/// The Apple Account is bound to somebody else.
pub(crate) const ACCOUNT_TAKEN: u16 = 9641;
/// There is such a user, who is active.
const USER_EXISTS: u16 = 9716;

/// Why an invitation could not be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAccepted {
    /// The user was not invited: it has an account already, or is retired.
    NotInvited(UserStatus),
    /// The account belongs to another user of the location.
    Taken,
}

/// What is said about a user who is put in place as if by somebody else.
#[derive(Debug, Clone, Default)]
pub(crate) struct Details {
    pub(crate) email: Option<String>,
    pub(crate) account: Option<Account>,
}

impl Location {
    /// The newest record of an id.
    pub(crate) fn user(&self, client_user_id: &str) -> Option<&User> {
        self.users.get(self.holders.find(HolderKind::User, client_user_id)?)
    }

    /// Whether it is a user who holds licenses without being in the program any more.
    pub(crate) fn is_retired(&self, holder: HolderId) -> bool {
        self.users.get(holder).is_some_and(|user| !user.status.is_active())
    }

    /// Adds a user, or sets the state of its newest record, whatever it was before.
    pub(crate) fn put_user(&mut self, client_user_id: &str, status: UserStatus, details: Details) {
        let known = self.user(client_user_id).cloned();
        let holder = self.holders.intern(HolderKind::User, client_user_id);
        let account = details.account.or_else(|| known.as_ref().and_then(|user| user.account));
        let account = match status {
            UserStatus::Registered => None,
            UserStatus::Associated => {
                account.or_else(|| Some(Account::made_up(self.account_seed, client_user_id)))
            }
            UserStatus::Retired | UserStatus::Deleted => account,
        };
        let invite = (status == UserStatus::Registered).then(|| self.new_invite());
        let email = details.email.map(String::into_boxed_str);
        let email = email.or_else(|| known.and_then(|user| user.email));
        self.store_user(User { holder, status, email, invite, account, changed: 0 });
    }

    /// Registers a user, who is associated at once when the Managed Apple Account is ours.
    ///
    /// A retired user who had an account gets another record; one who never had one becomes registered again.
    pub(super) fn create_user(&mut self, wanted: &WantedUser, domains: &[String]) -> Result<HolderId, u16> {
        let id = &wanted.client_user_id;
        let known = self.user(id).cloned();
        if known.as_ref().is_some_and(|user| user.status.is_active()) {
            return Err(USER_EXISTS);
        }
        let account = self.managed_account(wanted, domains, None)?;
        let holder = match known {
            Some(user) if user.account.is_none() => user.holder,
            Some(_) => self.holders.renew(HolderKind::User, id),
            None => self.holders.intern(HolderKind::User, id),
        };
        let (status, invite) = match account {
            Some(_) => (UserStatus::Associated, None),
            None => (UserStatus::Registered, Some(self.new_invite())),
        };
        let email = wanted.email.clone().map(String::into_boxed_str);
        self.store_user(User { holder, status, email, invite, account, changed: 0 });
        self.bring_over(holder);
        Ok(holder)
    }

    /// Changes what is given of an active user.
    pub(super) fn update_user(&mut self, wanted: &WantedUser, domains: &[String]) -> Result<HolderId, u16> {
        let known = self.user(&wanted.client_user_id).filter(|user| user.status.is_active());
        let mut user = known.cloned().ok_or(NO_SUCH_USER)?;
        let account = self.managed_account(wanted, domains, Some(user.holder))?;
        if let Some(email) = &wanted.email {
            user.email = Some(email.clone().into_boxed_str());
        }
        match (user.account, account) {
            (Some(old), Some(new)) if old != new => return Err(ACCOUNT_CANNOT),
            (None, Some(new)) => {
                user = User { status: UserStatus::Associated, account: Some(new), invite: None, ..user };
            }
            (Some(_), Some(_) | None) | (None, None) => {}
        }
        let holder = user.holder;
        self.store_user(user);
        self.bring_over(holder);
        Ok(holder)
    }

    /// Takes a user out of the program. Returns also how many licenses came free.
    pub(super) fn retire_user(&mut self, client_user_id: &str) -> Result<(HolderId, usize), u16> {
        let user = self.user(client_user_id).cloned().ok_or(NO_SUCH_USER)?;
        match user.status {
            UserStatus::Registered | UserStatus::Associated => {}
            UserStatus::Retired => return Err(RETIRED_ALREADY),
            UserStatus::Deleted => return Err(DELETED_ALREADY),
        }
        let holder = user.holder;
        let freed = self.store_user(User { status: UserStatus::Retired, invite: None, ..user });
        Ok((holder, freed))
    }

    /// Binds an Apple Account to a user who was invited. Returns the record as Apple tells of it: with the
    /// account, and still with the code of the invitation.
    pub(crate) fn accept_invitation(
        &mut self,
        holder: HolderId,
        account: Account,
    ) -> Result<User, NotAccepted> {
        let user = self.users.get(holder).cloned();
        let Some(user) = user.filter(|user| user.status == UserStatus::Registered) else {
            let status = self.users.get(holder).map_or(UserStatus::Retired, |user| user.status);
            return Err(NotAccepted::NotInvited(status));
        };
        if self.users.with_account(account).is_some() {
            return Err(NotAccepted::Taken);
        }
        let user = User { status: UserStatus::Associated, account: Some(account), ..user };
        self.store_user(User { invite: None, ..user.clone() });
        self.bring_over(holder);
        Ok(user)
    }

    /// The account that a request names, if it can be bound to this user.
    fn managed_account(
        &self,
        wanted: &WantedUser,
        domains: &[String],
        of: Option<HolderId>,
    ) -> Result<Option<Account>, u16> {
        let Some(name) = &wanted.managed_apple_id else { return Ok(None) };
        let (person, domain) = name.rsplit_once('@').unwrap_or_default();
        let is_ours = domains.is_empty() || domains.iter().any(|ours| ours.eq_ignore_ascii_case(domain));
        if person.is_empty() || domain.is_empty() || !is_ours {
            return Err(ACCOUNT_CANNOT);
        }
        let account = Account::named(self.account_seed, name);
        match self.users.with_account(account) {
            Some(other) if Some(other) != of => Err(ACCOUNT_TAKEN),
            Some(_) | None => Ok(Some(account)),
        }
    }

    fn new_invite(&mut self) -> u128 {
        (u128::from(self.dice.next()) << 64) | u128::from(self.dice.next())
    }

    /// Writes a record down. When a user goes out of the program, licenses that can be revoked come free and the
    /// others count as retired; when one comes back, they count as assigned. Returns how many came free.
    fn store_user(&mut self, user: User) -> usize {
        let was_active = self.users.get(user.holder).is_none_or(|known| known.status.is_active());
        let is_active = user.status.is_active();
        let mut freed = 0;
        if was_active != is_active {
            for asset in self.licenses.assets_of(user.holder) {
                if !is_active && self.assets[asset as usize].revocable {
                    self.unassign(asset, user.holder);
                    freed += 1;
                    continue;
                }
                let step = if is_active { 1 } else { -1 };
                let counts = &mut self.assets[asset as usize];
                counts.assigned += step;
                counts.retired -= step;
            }
        }
        self.users.put(user);
        freed
    }

    /// Gives a record what its account had in an earlier, retired record of the same id: the licenses that
    /// cannot be revoked. The earlier one then counts as deleted.
    fn bring_over(&mut self, holder: HolderId) {
        let Some(account) = self.users.get(holder).and_then(|user| user.account) else { return };
        let name = self.holders.name(holder).to_owned();
        for former in self.holders.all_named(HolderKind::User, &name) {
            let Some(user) = self.users.get(former).cloned() else { continue };
            if former == holder || user.account != Some(account) || user.status != UserStatus::Retired {
                continue;
            }
            for asset in self.licenses.assets_of(former) {
                if !self.licenses.contains((asset, holder)) {
                    self.unassign(asset, former);
                    self.assign(asset, holder);
                }
            }
            self.users.put(User { status: UserStatus::Deleted, ..user });
        }
    }
}
