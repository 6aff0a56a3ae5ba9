//! `/_sim/locations` and `/_sim/tokens`: makes locations and tokens, and takes them away from their owners.

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Refusal, answer, location_in, read};
use crate::apple::errors::AppleError;
use crate::clock::apple_date;
use crate::shared::Shared;
use crate::world::Organization;
use crate::world::location::{MdmInfo, Receiver};
use crate::world::token::{TokenState, UNKNOWN_TOKEN};

/// A token lives for a year unless something else is said.
const YEAR_S: i64 = 365 * 86_400;

/// A hundred years, either way.
const LONGEST_S: i64 = 100 * YEAR_S;

/// A location to be made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLocation {
    pub(crate) name: String,
    #[serde(default = "default_country")]
    pub(crate) country: String,
    #[serde(default = "default_platform")]
    pub(crate) platform: String,
    pub(crate) expires_in_s: Option<i64>,
    #[serde(default = "default_owner")]
    pub(crate) owner: String,
}

/// Who downloads tokens when nobody is named.
fn default_owner() -> String {
    "content-manager@school.example".to_owned()
}

fn default_country() -> String {
    "US".to_owned()
}

fn default_platform() -> String {
    "enterprisestore".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    expires_in_s: Option<i64>,
    org_name: Option<String>,
    #[serde(default = "default_owner")]
    owner: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewState {
    content: String,
    state: TokenState,
    /// What an invalid token answers.
    error_number: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    owner: String,
    /// What the tokens answer from now on.
    error_number: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewReceiver {
    url: String,
    auth_token: String,
    #[serde(default)]
    types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManagedByApple {
    managed: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    uid: &'a str,
    name: &'a str,
    country: &'a str,
    platform: &'a str,
    mdm: Option<&'a MdmInfo>,
    managed_by_apple: bool,
    notification_url: Option<&'a str>,
    notification_types: &'a [String],
    assets: usize,
    assignments: usize,
    users: usize,
    tokens: Vec<Value>,
}

/// Makes a location and its first token. Returns the `uId` and the token's content.
pub(crate) fn make(
    organization: &mut Organization,
    new: NewLocation,
    now_ms: i64,
) -> Result<(Arc<str>, String), Refusal> {
    if new.name.is_empty() {
        return Err(Refusal::Bad("name is empty; give the location a name".to_owned()));
    }
    if new.country.len() != 2 || !new.country.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(Refusal::Bad(format!("country is {:?}, it must be two letters such as DE", new.country)));
    }
    if !matches!(new.platform.as_str(), "enterprisestore" | "volumestore") {
        let given = &new.platform;
        return Err(Refusal::Bad(format!(
            "platform is {given:?}, it must be enterprisestore or volumestore"
        )));
    }
    let expires_ms = expiry(new.expires_in_s, now_ms)?;
    let name = new.name;
    let uid = organization.add_location(name.clone(), new.country, new.platform);
    let content = organization.add_token(&uid, &name, new.owner, expires_ms);
    Ok((uid, content))
}

/// When a token ends; a negative number of seconds makes one that is over already.
fn expiry(expires_in_s: Option<i64>, now_ms: i64) -> Result<i64, Refusal> {
    let seconds = expires_in_s.unwrap_or(YEAR_S);
    if !(-LONGEST_S..=LONGEST_S).contains(&seconds) {
        return Err(Refusal::Bad(format!("expires_in_s is {seconds}, it must be less than a hundred years")));
    }
    Ok(now_ms + seconds * 1000)
}

pub(super) async fn add(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let new: NewLocation = read(&body)?;
    let (uid, content) = make(&mut shared.organization(), new, shared.clock.now_ms())?;
    answer(&json!({ "uid": uid, "token": { "content": content } }))
}

/// Every location with its tokens. It is a simulator: tokens are no secrets here.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    let organization = shared.organization();
    let shown: Vec<Shown<'_>> = organization
        .locations
        .values()
        .map(|location| {
            let mut tokens: Vec<(&String, Value)> = organization
                .tokens
                .iter()
                .filter(|(_, token)| token.uid == location.uid)
                .map(|(content, token)| {
                    let date = apple_date(token.expires_ms);
                    let (state, owner) = (token.state, &token.owner);
                    let shown = json!({
                        "content": content, "state": state, "owner": owner, "expires": date,
                    });
                    (content, shown)
                })
                .collect();
            tokens.sort_by_key(|(content, _)| *content);
            Shown {
                uid: &location.uid,
                name: &location.name,
                country: &location.country,
                platform: &location.platform,
                mdm: location.mdm.as_ref(),
                managed_by_apple: location.is_managed_by_apple,
                notification_url: location.receiver.as_ref().map(|receiver| receiver.url.as_str()),
                notification_types: &location.subscribed,
                assets: location.assets.iter().filter(|asset| asset.listed).count(),
                assignments: location.licenses.len(),
                users: location.users.all().len(),
                tokens: tokens.into_iter().map(|(_, shown)| shown).collect(),
            }
        })
        .collect();
    answer(&json!({ "locations": shown }))
}

/// The number that invalid tokens answer; one with status 401 that Apple has.
fn check_number(number: Option<u16>) -> Result<u16, Refusal> {
    let number = number.unwrap_or(UNKNOWN_TOKEN);
    if AppleError::new(number).status() == 401 {
        return Ok(number);
    }
    Err(Refusal::Bad(format!("error_number is {number}, it must be 9601, 9621, 9622, 9625 or 9722")))
}

/// Somebody changes or resets a password: every token that person downloaded is worth nothing any more.
pub(super) async fn change_password(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Owner { owner, error_number } = read(&body)?;
    let number = check_number(error_number)?;
    let count = shared.organization().invalidate(number, |token| token.owner == owner);
    answer(&json!({ "tokens": count }))
}

/// Somebody leaves the organization: the tokens are worth nothing, and there will be no others.
pub(super) async fn leave(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Owner { owner, error_number } = read(&body)?;
    let number = check_number(error_number)?;
    let mut organization = shared.organization();
    let count = organization.invalidate(number, |token| token.owner == owner);
    organization.gone_owners.insert(owner);
    answer(&json!({ "tokens": count }))
}

pub(super) async fn add_token(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let new: NewToken = read(&body)?;
    let expires_ms = expiry(new.expires_in_s, shared.clock.now_ms())?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    let org_name = new.org_name.unwrap_or_else(|| location.name.clone());
    let uid = Arc::clone(&location.uid);
    if organization.gone_owners.contains(&new.owner) {
        return Err(Refusal::Conflict(format!("{} has left and downloads no tokens any more", new.owner)));
    }
    if shared.rules().new_token_ends_old {
        organization.invalidate(UNKNOWN_TOKEN, |token| token.uid == uid);
    }
    let content = organization.add_token(&uid, &org_name, new.owner, expires_ms);
    answer(&json!({ "content": content }))
}

pub(super) async fn set_token_state(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let new: NewState = read(&body)?;
    let mut organization = shared.organization();
    let token = organization.tokens.get_mut(new.content.trim()).ok_or_else(|| {
        Refusal::Missing("no token has this content; GET /_sim/locations lists those there are".to_owned())
    })?;
    if new.error_number.is_some() && new.state != TokenState::Invalid {
        return Err(Refusal::Bad(
            "error_number goes with the state invalid; the others have theirs".to_owned(),
        ));
    }
    token.invalid_number = check_number(new.error_number)?;
    token.state = new.state;
    answer(&json!({ "uid": token.uid, "state": token.state }))
}

/// Another MDM takes the location, or with `null` lets go of it.
pub(super) async fn set_mdm(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let mdm: Option<MdmInfo> = serde_json::from_slice(&body)
        .map_err(|error| Refusal::Bad(format!("the body is neither an MDM nor null: {error}")))?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    location.mdm = mdm;
    answer(&json!({ "uid": location.uid, "mdm": location.mdm }))
}

/// Apple's built-in device management takes the location, or lets go of it: every write is refused with 9645.
pub(super) async fn set_managed_by_apple(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let ManagedByApple { managed } = read(&body)?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    location.is_managed_by_apple = managed;
    answer(&json!({ "uid": location.uid, "managed_by_apple": managed }))
}

/// Somebody else registers a receiver of notifications, or with `null` there is none. Nothing is tried out.
pub(super) async fn set_receiver(
    State(shared): State<Arc<Shared>>,
    Path(uid): Path<String>,
    body: Bytes,
) -> Answer {
    let new: Option<NewReceiver> = serde_json::from_slice(&body)
        .map_err(|error| Refusal::Bad(format!("the body is neither a receiver nor null: {error}")))?;
    let mut organization = shared.organization();
    let location = location_in(&mut organization, &uid)?;
    (location.receiver, location.subscribed) = match new {
        Some(new) => (Some(Receiver { url: new.url, auth_token: new.auth_token }), new.types),
        None => (None, Vec::new()),
    };
    let url = location.receiver.as_ref().map(|receiver| receiver.url.as_str());
    answer(&json!({ "uid": location.uid, "url": url, "types": location.subscribed }))
}
