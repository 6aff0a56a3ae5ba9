//! `/_sim/locations/{uid}/users`: who is known to a location, and who accepts an invitation.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Refusal, answer, location_in, read};
use crate::shared::Shared;
use crate::world::holders::HolderId;
use crate::world::location::Location;
use crate::world::registry::{ACCOUNT_TAKEN, Details, NotAccepted};
use crate::world::user::{Account, User, UserStatus};

/// Users that one location can have.
const MOST_USERS: usize = 2_000_000;

/// What `POST …/users` takes: a list, or a number of users to make up.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum NewUsers {
    Users(Vec<NewUser>),
    Generate(Generate),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    client_user_id: String,
    #[serde(default = "associated")]
    status: UserStatus,
    email: Option<String>,
    /// The name of the account that the user is associated with; made up when nothing is said.
    apple_account: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generate {
    count: usize,
    #[serde(default = "default_prefix")]
    prefix: String,
    #[serde(default = "associated")]
    status: UserStatus,
}

/// What `POST …/users/accept` takes: who accepts the invitation, with which account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    client_user_id: Option<String>,
    invite_code: Option<String>,
    /// True: everybody who is registered accepts, each with an account that is made up.
    #[serde(default)]
    everybody: bool,
    apple_account: Option<String>,
}

fn associated() -> UserStatus {
    UserStatus::Associated
}

fn default_prefix() -> String {
    "user-".to_owned()
}

pub(super) async fn add(State(shared): State<Arc<Shared>>, Path(uid): Path<String>, body: Bytes) -> Answer {
    let new: NewUsers = read(&body)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    let ends = put(location, new)?;
    let (first, last) = ends.unzip();
    answer(&json!({ "users": location.users.all().len(), "first": first, "last": last }))
}

/// Adds users or changes their state; all or nothing. Returns the first and the last of them.
pub(crate) fn put(location: &mut Location, new: NewUsers) -> Result<Option<(String, String)>, Refusal> {
    let users = match new {
        NewUsers::Users(users) => users,
        NewUsers::Generate(Generate { count, prefix, status }) => {
            if count > MOST_USERS {
                return Err(Refusal::Bad(format!("count is {count}, it must be at most {MOST_USERS}")));
            }
            let is_free = |name: &String| location.user(name).is_none();
            (1_u64..)
                .map(|number| format!("{prefix}{number}"))
                .filter(is_free)
                .take(count)
                .map(|client_user_id| NewUser { client_user_id, status, email: None, apple_account: None })
                .collect()
        }
    };
    if location.users.all().len() + users.len() > MOST_USERS {
        return Err(Refusal::Bad(format!("a location can have {MOST_USERS} users, and these are more")));
    }
    if users.iter().any(|user| user.client_user_id.is_empty() || user.client_user_id.len() > 1_024) {
        return Err(Refusal::Bad("a client_user_id must have 1 to 1024 bytes".to_owned()));
    }
    check_accounts(location, &users)?;
    let ends = users.first().zip(users.last());
    let ends = ends.map(|(first, last)| (first.client_user_id.clone(), last.client_user_id.clone()));
    for user in users {
        let account = user.apple_account.map(|name| Account::named(location.account_seed, &name));
        location.put_user(&user.client_user_id, user.status, Details { email: user.email, account });
    }
    Ok(ends)
}

/// Two active users of a location never have the same account.
fn check_accounts(location: &Location, users: &[NewUser]) -> Result<(), Refusal> {
    let mut taken: HashMap<Account, &str> = HashMap::new();
    for user in users.iter().filter(|user| user.status == UserStatus::Associated) {
        let Some(name) = &user.apple_account else { continue };
        let account = Account::named(location.account_seed, name);
        let by = location.users.with_account(account).map(|holder| location.holders.name(holder));
        let by = by.or_else(|| taken.insert(account, &user.client_user_id));
        if let Some(by) = by.filter(|by| *by != user.client_user_id) {
            return Err(taken_by(name, by));
        }
    }
    Ok(())
}

fn taken_by(account: &str, by: &str) -> Refusal {
    let sentence = format!("{account} is associated with {by:?} already; choose another account");
    Refusal::Apple(ACCOUNT_TAKEN, sentence)
}

/// All records, retired ones too, in the order they came.
pub(super) async fn list(State(shared): State<Arc<Shared>>, Path(uid): Path<String>) -> Answer {
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    let users: Vec<_> = location.users.all().iter().map(|user| shown(location, user)).collect();
    answer(&json!({ "users": users }))
}

fn shown(location: &Location, user: &User) -> serde_json::Value {
    json!({
        "client_user_id": location.holders.name(user.holder), "status": user.status, "email": user.email,
        "invite_code": user.invite_code(), "id_hash": user.id_hash(),
    })
}

/// Somebody accepts an invitation with an Apple Account. Sends `USER_ASSOCIATED`.
pub(super) async fn accept(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let acceptance: Acceptance = read(&body)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    let account = acceptance.apple_account.as_deref();
    let holders: Vec<HolderId> =
        match (acceptance.client_user_id, acceptance.invite_code, acceptance.everybody) {
            (Some(id), None, false) => {
                let user = location.user(&id);
                vec![user.ok_or_else(|| Refusal::Missing(format!("there is no user {id:?}")))?.holder]
            }
            (None, Some(code), false) => vec![invited(location, &code)?],
            (None, None, true) if account.is_none() => {
                let registered =
                    location.users.all().iter().filter(|user| user.status == UserStatus::Registered);
                registered.map(|user| user.holder).collect()
            }
            _ => {
                let sentence = "give a client_user_id, an invite_code, or everybody without an apple_account";
                return Err(Refusal::Bad(sentence.to_owned()));
            }
        };
    let mut users = Vec::with_capacity(holders.len());
    for holder in holders {
        users.push(accept_one(location, holder, account)?);
    }
    shared.tell_associated(location, &users);
    let shown: Vec<_> = users.iter().map(|user| shown(location, user)).collect();
    answer(&json!({ "users": shown }))
}

/// The user that a code is for.
pub(super) fn invited(location: &Location, code: &str) -> Result<HolderId, Refusal> {
    let user = location.users.invited_with(code);
    let missing =
        || Refusal::Missing(format!("no invitation has the code {code:?}, or it was accepted already"));
    Ok(user.ok_or_else(missing)?.holder)
}

/// Binds an account of this name to a user, or one that is made up.
pub(super) fn accept_one(
    location: &mut Location,
    holder: HolderId,
    name: Option<&str>,
) -> Result<User, Refusal> {
    let id = location.holders.name(holder).to_owned();
    let account = match name {
        Some(name) => Account::named(location.account_seed, name),
        None => Account::made_up(location.account_seed, &id),
    };
    location.accept_invitation(holder, account).map_err(|why| match why {
        NotAccepted::NotInvited(status) => {
            Refusal::Conflict(format!("{id:?} is {}, so there is no invitation to accept", status.as_str()))
        }
        NotAccepted::Taken => {
            let by = location.users.with_account(account).map(|holder| location.holders.name(holder));
            taken_by(name.unwrap_or("the account"), by.unwrap_or_default())
        }
    })
}
