//! Apple's notifications as clients see them, and what came of testing them.

use russet_store::jobs::Job;
use russet_store::notifications::Entry;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::time;

/// The longest piece of a body that is no JSON that is shown.
const TEXT_MAX: usize = 16 * 1024;
/// What stands in place of a secret.
const HIDDEN: &str = "(hidden)";
/// Members that hold secrets or people's addresses, in lower case.
const SECRETS: [&str; 8] = [
    "invitecode",
    "inviteurl",
    "email",
    "managedappleid",
    "notificationauthtoken",
    "token",
    "stoken",
    "apntoken",
];

/// A notification without its body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notification)]
pub(crate) struct NotificationView {
    /// Its number here.
    id: i64,
    /// Apple's id of it, or a hash of its body when it has none.
    notification_id: String,
    /// Apple's word for its type; null when it names none.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// When it came.
    received_at: String,
    /// When it was read.
    read_at: Option<String>,
    /// What became of it: `moved` (licenses), `counted`, `users`, `test`, `other` (a type that is kept as it is), `unreadable`,
    /// or `other_location` (about a location that is not the token's, so nothing was done); null until it was read.
    verdict: Option<String>,
}

/// A notification with its body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WholeNotification)]
pub(crate) struct WholeNotificationView {
    #[serde(flatten)]
    entry: NotificationView,
    /// What came; a text when it was no JSON. Secrets and people's addresses are hidden.
    body: Value,
}

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationTest)]
pub(crate) struct NotificationTestView {
    /// Whether Apple's test notification came in.
    came: bool,
    /// When.
    received_at: Option<String>,
    /// How long after Apple was asked, in milliseconds.
    after_ms: Option<u64>,
    /// Why it did not, as a stable name.
    code: Option<String>,
    /// The whole in a sentence or two.
    detail: String,
    /// What to look at, the likeliest first.
    look_at: Vec<String>,
    /// The job that did it.
    job: i64,
}

impl From<Entry> for NotificationView {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id.0,
            notification_id: entry.notification_id,
            kind: Some(entry.kind).filter(|kind| !kind.is_empty()),
            received_at: time::text(entry.received_at),
            read_at: entry.read_at.map(time::text),
            verdict: entry.verdict,
        }
    }
}

impl WholeNotificationView {
    pub(crate) fn new(entry: Entry, body: &[u8]) -> Self {
        let body = match serde_json::from_slice(body) {
            Ok(mut value) => {
                hide(&mut value);
                value
            }
            Err(_) => Value::String(String::from_utf8_lossy(body).chars().take(TEXT_MAX).collect()),
        };
        Self { entry: entry.into(), body }
    }
}

/// Replaces what nobody should read. The reader of JSON bounds how deep this goes.
fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if SECRETS.contains(&name.to_ascii_lowercase().as_str()) && !member.is_null() {
                    *member = Value::String(HIDDEN.to_owned());
                } else {
                    hide(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

impl NotificationTestView {
    /// What a test's job has found. `public_url` is what Apple was told to call.
    pub(crate) fn of(job: &Job, public_url: &str) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Outcome {
            test: Option<Found>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Found {
            came: bool,
            received_at_ms: Option<i64>,
            after_ms: Option<u64>,
            code: Option<String>,
            wrong_secret_seen: bool,
        }
        let outcome: Outcome =
            job.result.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let found = outcome.test.unwrap_or_default();
        let code = found.code.or_else(|| job.error_code.clone()).filter(|_| !found.came);
        let detail = match (found.came, &job.error_text) {
            (true, _) => {
                format!("Apple's test notification came after {} ms.", found.after_ms.unwrap_or_default())
            }
            (false, Some(text)) => text.clone(),
            (false, None) => "The test was withdrawn.".to_owned(),
        };
        let look_at = code.as_deref().map_or_else(Vec::new, |code| {
            look_at(code, public_url.trim_end_matches('/'), found.wrong_secret_seen)
        });
        Self {
            came: found.came,
            received_at: found.received_at_ms.map(|at| time::text(russet_domain::Timestamp(at))),
            after_ms: found.after_ms,
            code,
            detail,
            look_at,
            job: job.id.0,
        }
    }
}

/// What to look at when no test came, by Apple's reason.
fn look_at(code: &str, public_url: &str, wrong_secret_seen: bool) -> Vec<String> {
    let wrong_secret = "A request came with another bearer than the token's secret: something in between changes or drops \
                        the header `Authorization`, or another Russet uses the same address.";
    let all: &[&str] = match code {
        "notification_address_unreachable" => &[
            "DNS: the host of {url} must be known in the whole internet.",
            "TLS: its certificate must be one that Apple trusts, for that host, and not expired; a self-signed one is not.",
            "The way in: Apple's servers must reach port 443; its addresses are not published, so allow all.",
            "Path: a proxy must pass {url}/api/v1/apple/notifications/… on as it is, with `Authorization` and without a redirect.",
        ],
        "notification_address_invalid" => &[
            "api.public_url, which is {url}: it must begin with https:// and have no user, query or fragment.",
        ],
        "notification_incomplete" => {
            &["Nothing of yours: Russet sent Apple half a registration; please report it."]
        }
        "notification_too_long" => &["api.public_url, which is {url}: make it shorter."],
        "notification_answered_by_another" => &[
            "Where {url} leads: something there answers with success without passing the request on.",
            "Whether this API and the worker use the same database.",
        ],
        "no_public_url" => &["api.public_url, which is empty."],
        _ => &["The token's state: GET it, or `russet token show`."],
    };
    let first = wrong_secret_seen.then(|| wrong_secret.to_owned());
    first.into_iter().chain(all.iter().map(|line| line.replace("{url}", public_url))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_hidden_at_any_depth_and_the_rest_stays() {
        let mut body = json!({
            "notificationId": "n-1",
            "notification": {"users": [{"clientUserId": "u", "inviteCode": "opaque", "email": "a@b.example"}, {"inviteCode": null}]},
        });
        hide(&mut body);
        let users = &body["notification"]["users"];
        assert_eq!((&users[0]["inviteCode"], &users[0]["email"]), (&json!(HIDDEN), &json!(HIDDEN)));
        assert_eq!((&users[0]["clientUserId"], &users[1]["inviteCode"]), (&json!("u"), &json!(null)));
        assert_eq!(body["notificationId"], "n-1");
    }

    #[test]
    fn a_wrong_secret_is_the_first_thing_to_look_at() {
        let lines = look_at("notification_address_unreachable", "https://a.example", true);
        assert!(lines[0].contains("Authorization") && lines[1].contains("https://a.example"), "{lines:?}");
        assert!(
            look_at("notification_address_unreachable", "https://a.example", false)[0].starts_with("DNS")
        );
    }
}
