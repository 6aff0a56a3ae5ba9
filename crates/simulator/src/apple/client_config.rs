//! `GET` and `POST client/config`: who manages the location and where its notifications go.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/client-config-4szk1>.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::access::Pass;
use super::errors::AppleError;
use super::reply::json;
use crate::clock::apple_date;
use crate::notification::Notification;
use crate::rules::{Limits, Rules};
use crate::shared::Shared;
use crate::world::location::{Location, MdmInfo, Receiver};

/// What can be subscribed to.
pub(crate) const NOTIFICATION_TYPES: &[&str] = &[
    "ASSET_COUNT",
    "ASSET_MANAGEMENT",
    "USER_MANAGEMENT",
    "USER_ASSOCIATED",
    "SUBSCRIPTION_MANAGEMENT",
    "SUBSCRIPTION_COUNT",
    "UNLIMITED_ASSET",
];

/// It can be asked for, but is sent in any case and never shown among the others.
const TEST: &str = "TEST_NOTIFICATION";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    mdm_info: Option<MdmInfoBody>,
    notification_url: Option<String>,
    notification_auth_token: Option<String>,
    notification_types: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct MdmInfoBody {
    id: Option<String>,
    name: Option<String>,
    metadata: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    u_id: &'a str,
    location_name: &'a str,
    #[serde(rename = "countryISO2ACode")]
    country: &'a str,
    default_platform: &'a str,
    #[serde(rename = "websiteURL")]
    website_url: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mdm_info: Option<&'a MdmInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_auth_token: Option<&'a str>,
    subscribed_notification_types: &'a [String],
    token_expiration_date: String,
}

/// Everything about the location. The token's expiry is always here, also when it is far away.
pub(crate) fn get(location: &Location, pass: &Pass) -> Vec<u8> {
    let website_url = match location.platform.as_str() {
        "volumestore" => "https://school.apple.com",
        _ => "https://business.apple.com",
    };
    json(&Body {
        u_id: &location.uid,
        location_name: &location.name,
        country: &location.country,
        default_platform: &location.platform,
        website_url,
        mdm_info: location.mdm.as_ref(),
        notification_url: location.receiver.as_ref().map(|receiver| receiver.url.as_str()),
        notification_auth_token: location.receiver.as_ref().map(|receiver| receiver.auth_token.as_str()),
        subscribed_notification_types: &location.subscribed,
        token_expiration_date: apple_date(pass.expires_ms),
    })
}

/// Changes what is given, all or nothing. A notification URL is tried first.
pub(crate) async fn post(
    shared: &Shared,
    pass: &Pass,
    body: &[u8],
    rules: &Rules,
) -> Result<Vec<u8>, AppleError> {
    let request: Request = serde_json::from_slice(body).map_err(|_| AppleError::new(9602))?;
    let mdm = request.mdm_info.map(|mdm| check_mdm(mdm, &rules.limits)).transpose()?;
    let receiver = check_receiver(request.notification_url, request.notification_auth_token, rules)?;
    let subscribed = request.notification_types.map(check_types).transpose()?;
    if let Some(receiver) = &receiver {
        try_out(shared, pass, receiver, rules).await?;
    }
    let mut organization = shared.organization();
    let location = organization.locations.get_mut(&pass.uid).ok_or_else(|| AppleError::new(9603))?;
    // No compare-and-swap: the last writer wins, and nobody is told.
    location.mdm = mdm.or_else(|| location.mdm.take());
    location.receiver = receiver.or_else(|| location.receiver.take());
    if let Some(subscribed) = subscribed {
        location.subscribed = subscribed;
    }
    Ok(get(location, pass))
}

fn check_mdm(mdm: MdmInfoBody, limits: &Limits) -> Result<MdmInfo, AppleError> {
    let given = |part: Option<String>| part.filter(|part| !part.is_empty());
    let (Some(id), Some(name), Some(metadata)) = (given(mdm.id), given(mdm.name), given(mdm.metadata)) else {
        return Err(AppleError::new(9723));
    };
    let checks = [
        (9724, &id, limits.max_mdm_id_length),
        (9725, &name, limits.max_mdm_name_length),
        (9713, &metadata, limits.max_mdm_metadata_length),
    ];
    for (number, text, most) in checks {
        if text.chars().count() > most as usize {
            return Err(AppleError::new(number));
        }
    }
    Ok(MdmInfo { id, name, metadata })
}

fn check_receiver(
    url: Option<String>,
    auth_token: Option<String>,
    rules: &Rules,
) -> Result<Option<Receiver>, AppleError> {
    let (url, auth_token) = match (url, auth_token) {
        (None, None) => return Ok(None),
        (Some(url), Some(auth_token)) => (url, auth_token),
        (Some(_), None) | (None, Some(_)) => return Err(AppleError::new(9710)),
    };
    let most = rules.limits.max_notification_length as usize;
    if url.chars().count() > most || auth_token.chars().count() > most {
        return Err(AppleError::new(9711));
    }
    if !is_good_url(&url, rules.allow_http) {
        return Err(AppleError::new(9712));
    }
    if !is_bearer_token(&auth_token) {
        return Err(AppleError::new(9602));
    }
    Ok(Some(Receiver { url, auth_token }))
}

/// Host and path only: no query, no fragment, no credentials.
fn is_good_url(url: &str, allow_http: bool) -> bool {
    let Ok(parsed) = reqwest::Url::parse(url) else { return false };
    let scheme_is_good = parsed.scheme() == "https" || (allow_http && parsed.scheme() == "http");
    scheme_is_good
        && parsed.has_host()
        && parsed.query().is_none()
        && parsed.fragment().is_none()
        && parsed.username().is_empty()
        && parsed.password().is_none()
}

/// The form of RFC 6750: letters, digits and a few signs, with `=` only at the end.
fn is_bearer_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

/// The complete new set, in the order given and each once.
fn check_types(types: Vec<String>) -> Result<Vec<String>, AppleError> {
    let mut checked: Vec<String> = Vec::with_capacity(types.len().min(NOTIFICATION_TYPES.len()));
    for name in types {
        if name == TEST || checked.contains(&name) {
            continue;
        }
        if !NOTIFICATION_TYPES.contains(&name.as_str()) {
            return Err(AppleError::new(9602));
        }
        checked.push(name);
    }
    Ok(checked)
}

/// Sends the test notification. The configuration is refused when it is not taken with 2xx.
async fn try_out(shared: &Shared, pass: &Pass, receiver: &Receiver, rules: &Rules) -> Result<(), AppleError> {
    let body = {
        let mut organization = shared.organization();
        let location = organization.locations.get_mut(&pass.uid).ok_or_else(|| AppleError::new(9603))?;
        Notification::test(location).render(location)
    };
    shared.ledger.notified(|counts| {
        counts.sent += 1;
        counts.attempts += 1;
    });
    let timeout = Duration::from_millis(rules.notification_timeout_ms);
    if shared.notifier.post(receiver, body, timeout).await {
        shared.ledger.notified(|counts| counts.delivered += 1);
        Ok(())
    } else {
        shared.ledger.notified(|counts| counts.failed += 1);
        Err(AppleError::new(9728))
    }
}
