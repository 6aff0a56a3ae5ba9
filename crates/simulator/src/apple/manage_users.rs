//! `POST users/create`, `update` and `retire`: checked at once, carried out later.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/managing-users>.

use std::sync::Arc;

use serde::Deserialize;

use super::endpoint::Endpoint;
use super::errors::AppleError;
use super::manage::{LONGEST_NAME, count_violation, twice};
use super::reply::{Common, EventAccepted, json};
use crate::rules::Rules;
use crate::shared::Shared;
use crate::world::event::{UserAct, Work};
use crate::world::location::Location;
use crate::world::user::WantedUser;

/// An email address has at most so many characters, by RFC 5321.
const LONGEST_EMAIL: usize = 254;

#[derive(Deserialize)]
struct Request {
    users: Option<Vec<UserName>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserName {
    client_user_id: Option<String>,
    email: Option<String>,
    managed_apple_id: Option<String>,
}

/// Checks a request and accepts it as an event. An error means that nothing was accepted.
pub(crate) fn post(
    shared: &Shared,
    location: &mut Location,
    (endpoint, act): (Endpoint, UserAct),
    body: &[u8],
    rules: &Rules,
    (expires_ms, now_ms): (i64, i64),
) -> Result<Vec<u8>, AppleError> {
    let request: Request = serde_json::from_slice(body).map_err(|_| AppleError::new(9602))?;
    let checked = check(request.users.unwrap_or_default(), rules);
    let users = checked.inspect_err(|error| count_violation(shared, location, error.number))?;
    let event: Arc<str> = shared.accept(location, endpoint, Work::Users { act, users });
    let common = Common::of(location, expires_ms, now_ms);
    Ok(json(&EventAccepted { event_id: &event, common }))
}

fn check(users: Vec<UserName>, rules: &Rules) -> Result<Vec<WantedUser>, AppleError> {
    if users.is_empty() {
        return Err(AppleError::new(9720));
    }
    if users.len() > rules.limits.max_users as usize {
        return Err(AppleError::new(9714));
    }
    let users: Vec<WantedUser> = users.into_iter().map(wanted).collect::<Result<_, _>>()?;
    let ids: Vec<String> = users.iter().map(|user| user.client_user_id.clone()).collect();
    let with_ids = |number, ids| {
        let mut error = AppleError::new(number);
        error.info.client_user_ids = ids;
        error
    };
    let twice = twice(&ids);
    if !twice.is_empty() {
        return Err(with_ids(9715, twice));
    }
    let is_bad = |user: &&WantedUser| user.email.as_deref().is_some_and(|email| !is_email(email));
    let bad: Vec<String> = users.iter().filter(is_bad).map(|user| user.client_user_id.clone()).collect();
    if bad.is_empty() { Ok(users) } else { Err(with_ids(9717, bad)) }
}

fn wanted(user: UserName) -> Result<WantedUser, AppleError> {
    let is_possible = |id: &String| (1..=LONGEST_NAME).contains(&id.len());
    let client_user_id = user.client_user_id.filter(is_possible).ok_or_else(|| AppleError::new(9602))?;
    Ok(WantedUser { client_user_id, email: user.email, managed_apple_id: user.managed_apple_id })
}

/// A name, one `@`, and a domain with a dot in it. Apple does not tell its rule.
fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    let is_plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@');
    let labels_are_good = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    text.chars().count() <= LONGEST_EMAIL && is_plain(name) && is_plain(domain) && labels_are_good
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn an_email_address_has_a_name_and_a_domain_with_a_dot() {
        for good in ["a@b.c", "first.last+tag@school.example", "\u{fc}@b\u{fc}cher.example"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["", "a", "@b.c", "a@", "a@b", "a@b@c.d", "a b@c.d", "a@b..c", "a@.c"] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
