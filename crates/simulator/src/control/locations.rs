//! `/_sim/locations` and `/_sim/tokens`: makes locations and tokens, and takes them away from their owners.

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Refusal, answer, location_in, read};
use crate::clock::apple_date;
use crate::shared::Shared;
use crate::world::Organization;
use crate::world::location::MdmInfo;
use crate::world::token::TokenState;

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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewState {
    content: String,
    state: TokenState,
}

#[derive(Serialize)]
struct Shown<'a> {
    uid: &'a str,
    name: &'a str,
    country: &'a str,
    platform: &'a str,
    mdm: Option<&'a MdmInfo>,
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
    let content = organization.add_token(&uid, &name, expires_ms);
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
                    (content, json!({ "content": content, "state": token.state, "expires": date }))
                })
                .collect();
            tokens.sort_by_key(|(content, _)| *content);
            Shown {
                uid: &location.uid,
                name: &location.name,
                country: &location.country,
                platform: &location.platform,
                mdm: location.mdm.as_ref(),
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
    let content = organization.add_token(&uid, &org_name, expires_ms);
    answer(&json!({ "content": content }))
}

pub(super) async fn set_token_state(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let new: NewState = read(&body)?;
    let mut organization = shared.organization();
    let token = organization.tokens.get_mut(new.content.trim()).ok_or_else(|| {
        Refusal::Missing("no token has this content; GET /_sim/locations lists those there are".to_owned())
    })?;
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
