//! Reads bodies without a connection, for tests by generation and for fuzzing: not part of the program.

pub mod samples;

#[cfg(test)]
mod generated;
#[cfg(test)]
mod mutation;

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use russet_domain::{Secret, Timestamp};

use crate::answer::{Answer, Page};
use crate::endpoint::Endpoint;
use crate::error::AppleError;
use crate::exchange::{Call, judge};
use crate::notification::{Notification, What};
use crate::report::EventReport;
use crate::user::User;
use crate::wire::head::Head;
use crate::wire::{self, Fault, Notes, Object};

/// What came of reading a body, in a form that all bodies share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The value written out in full, hidden parts included; or why there is none.
    pub value: Result<String, String>,
    /// How many records were read and how many skipped, when the body is about some.
    pub records: Option<(usize, usize)>,
    /// What was named as unreadable.
    pub odd: Vec<String>,
    /// How many unreadable things there were, those that were not named included.
    pub odd_count: usize,
    /// Whether the payload was kept as it came, so that nothing in it can be lost.
    pub is_raw: bool,
}

/// Reads one kind of body.
pub type Reader = fn(&[u8]) -> Outcome;

/// Every answer of Apple's, by the name of its samples, with what reads it.
pub const RESPONSES: [(&str, Reader); 8] = [
    ("service_config", |body| whole(Endpoint::ServiceConfig, body, wire::service_config::service_config)),
    ("client_config", |body| whole(Endpoint::ClientConfig, body, client_config)),
    ("assets", |body| paged(Endpoint::Assets, body, |object| wire::asset::page(object, 0))),
    ("assignments", |body| {
        paged(Endpoint::Assignments, body, |object| wire::assignment::page(object, 0, false))
    }),
    ("users", |body| paged(Endpoint::Users, body, |object| Ok(users(&wire::user::page(object, 0, false)?)))),
    ("event", |body| whole(Endpoint::Associate, body, wire::write::event)),
    ("status", status),
    ("error", error),
];

fn client_config(object: &Object<'_>) -> Result<String, Fault> {
    let config = wire::client_config::client_config(object)?;
    let secret = config.notification_secret.as_ref().map(Secret::reveal).unwrap_or_default().to_owned();
    Ok(format!("{config:?} {secret}"))
}

/// The same page with users in full.
fn users(page: &Page<User>) -> Page<String> {
    Page {
        items: page.items.iter().map(in_full).collect(),
        skipped: page.skipped,
        index: page.index,
        next: page.next,
        total_pages: page.total_pages,
        version: page.version.clone(),
    }
}

fn in_full(user: &User) -> String {
    let code = user.invite_code.as_ref().map(Secret::reveal);
    format!("{user:?} {:?} {code:?} {:?}", user.email, user.id_hash)
}

/// Reads an answer as the client does: the head first, then the value.
fn answer<T>(
    endpoint: Endpoint,
    body: &[u8],
    convert: impl FnOnce(&Object<'_>) -> Result<T, Fault>,
) -> Result<Answer<T>, AppleError> {
    let call = Call::get(endpoint, None);
    judge(&call, String::new(), StatusCode::OK, None, Ok(body.to_vec()))?.read(convert)
}

fn whole<T: std::fmt::Debug>(
    endpoint: Endpoint,
    body: &[u8],
    convert: impl FnOnce(&Object<'_>) -> Result<T, Fault>,
) -> Outcome {
    let answer = answer(endpoint, body, convert);
    outcome(&answer, None)
}

fn paged<T: std::fmt::Debug>(
    endpoint: Endpoint,
    body: &[u8],
    convert: impl FnOnce(&Object<'_>) -> Result<Page<T>, Fault>,
) -> Outcome {
    let answer = answer(endpoint, body, convert);
    if let Ok(answer) = &answer {
        let page = &answer.value;
        assert!(page.next.is_none_or(|next| next > page.index), "a walk must end");
        assert!(page.total_pages > page.index, "a page is one of its list");
    }
    let records = answer.as_ref().ok().map(|answer| (answer.value.items.len(), answer.value.skipped));
    outcome(&answer, records)
}

fn outcome<T: std::fmt::Debug>(
    answer: &Result<Answer<T>, AppleError>,
    records: Option<(usize, usize)>,
) -> Outcome {
    match answer {
        Ok(answer) => Outcome {
            value: Ok(format!("{:?} {:?}", answer.value, answer.seen)),
            records,
            odd: answer.odd.fields.clone(),
            odd_count: answer.odd.count,
            is_raw: false,
        },
        Err(error) => {
            // Every consequence and every sentence must come about without a panic, too.
            let _ = (error.consequence(), error.token_state(), format!("{error:?}"));
            Outcome {
                value: Err(error.to_string()),
                records: None,
                odd: Vec::new(),
                odd_count: 0,
                is_raw: false,
            }
        }
    }
}

fn status(body: &[u8]) -> Outcome {
    let answer = answer(Endpoint::Status, body, wire::status::report);
    if let Ok(Answer { value: report, .. }) = &answer {
        assert!(!report.clean() || report.failures.is_empty(), "what failed is not clean");
    }
    let records = answer.as_ref().ok().map(|answer: &Answer<EventReport>| (answer.value.failures.len(), 0));
    outcome(&answer, records)
}

/// A refusal, as far as its body tells.
fn error(body: &[u8]) -> Outcome {
    let notes = Notes::default();
    let head = Object::read(body, &notes).map(|object| Head::of(&object));
    let value = match head {
        Ok(Head { number: Some(Err(fault)), .. }) | Err(fault) => Err(fault.to_string()),
        Ok(Head { number, message, subjects, seen }) => {
            Ok(format!("{number:?} {message} {subjects:?} {seen:?}"))
        }
    };
    let odd = notes.into_oddities();
    Outcome { value, records: None, odd_count: odd.count, odd: odd.fields, is_raw: false }
}

/// Reads a notification.
pub fn notification(body: &[u8]) -> Outcome {
    let read = crate::notification::read(body);
    // The early look and the whole reading agree on what has a name.
    assert_eq!(read.is_ok(), crate::notification::notification_id(body).is_some());
    match read {
        Ok(Notification { id, uid, what, skipped, odd }) => {
            let mut named = odd.fields;
            let mut is_raw = false;
            if let What::Other { why, .. } = &what {
                named.extend(why.clone());
                is_raw = true;
            }
            let (records, shown) = told(&what);
            Outcome {
                value: Ok(format!("{id} {uid:?} {shown}")),
                records: records.map(|read| (read, skipped)),
                odd: named,
                odd_count: odd.count,
                is_raw,
            }
        }
        Err(error) => Outcome {
            value: Err(error.to_string()),
            records: None,
            odd: Vec::new(),
            odd_count: 0,
            is_raw: false,
        },
    }
}

/// How many records a notification tells of, and all that it tells.
fn told(what: &What) -> (Option<usize>, String) {
    let users = |users: &[User]| users.iter().map(in_full).collect::<Vec<_>>().join("\n");
    match what {
        What::Test | What::AssetCount { .. } => (None, format!("{what:?}")),
        What::AssetManagement { pairs, .. } => (Some(pairs.len()), format!("{what:?}")),
        What::UserManagement { users: list, .. } | What::UserAssociated { users: list } => {
            (Some(list.len()), format!("{what:?} {}", users(list)))
        }
        What::Other { payload, .. } => (None, format!("{what:?} {}", payload.reveal())),
    }
}

/// Reads a `Retry-After`, beside a `Date` when there is one.
#[must_use]
pub fn retry_after(text: &[u8], date: Option<&[u8]>) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, HeaderValue::from_bytes(text).ok()?);
    if let Some(date) = date.and_then(|date| HeaderValue::from_bytes(date).ok()) {
        headers.insert(reqwest::header::DATE, date);
    }
    let wait = crate::retry_after::read(&headers, SystemTime::UNIX_EPOCH);
    assert!(wait.is_none_or(|wait| wait <= crate::retry_after::RETRY_AFTER_MAX), "no wait is endless");
    wait
}

/// Reads a date.
#[must_use]
pub fn date(text: &str) -> Option<Timestamp> {
    crate::date::parse_date(text)
}

/// Reads an answer of the metadata services.
pub fn catalog(body: &[u8]) {
    let Ok(body) = serde_json::from_slice(body) else { return };
    let (found, _) = crate::catalog::read_offline(&body);
    for app in found.into_iter().flatten().flat_map(|found| found.apps) {
        assert!(!app.adam_id.is_empty(), "a product has a number");
        let _ = (format!("{app:?}"), app.icon.map(|icon| icon.at(64)));
    }
}
