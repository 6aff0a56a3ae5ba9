//! `/_sim/locations/{uid}/users`: who is known to a location.

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Refusal, answer, location_in, read};
use crate::shared::Shared;
use crate::world::holders::HolderKind;
use crate::world::location::Location;
use crate::world::user::UserStatus;

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
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generate {
    count: usize,
    #[serde(default = "default_prefix")]
    prefix: String,
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
        NewUsers::Generate(Generate { count, prefix }) => {
            if count > MOST_USERS {
                return Err(Refusal::Bad(format!("count is {count}, it must be at most {MOST_USERS}")));
            }
            let is_free = |name: &String| {
                let holder = location.holders.find(HolderKind::User, name);
                holder.is_none_or(|holder| location.users.get(holder).is_none())
            };
            (1_u64..)
                .map(|number| format!("{prefix}{number}"))
                .filter(is_free)
                .take(count)
                .map(|client_user_id| NewUser { client_user_id, status: UserStatus::Associated })
                .collect()
        }
    };
    if location.users.all().len() + users.len() > MOST_USERS {
        return Err(Refusal::Bad(format!("a location can have {MOST_USERS} users, and these are more")));
    }
    if users.iter().any(|user| user.client_user_id.is_empty() || user.client_user_id.len() > 1_024) {
        return Err(Refusal::Bad("a client_user_id must have 1 to 1024 bytes".to_owned()));
    }
    let ends = users.first().zip(users.last());
    let ends = ends.map(|(first, last)| (first.client_user_id.clone(), last.client_user_id.clone()));
    for user in users {
        location.put_user(&user.client_user_id, user.status);
    }
    Ok(ends)
}
