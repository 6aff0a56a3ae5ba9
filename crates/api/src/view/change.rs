//! A change as clients see it.

use russet_domain::apple_error;
use russet_domain::change::State;
use russet_store::changes::Change;
use serde::Serialize;
use utoipa::ToSchema;

use super::license::serial_and_user;
use crate::time;

/// One wanted movement of one license.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
pub(crate) struct ChangeView {
    /// Its number.
    id: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// Its name in the store of the token's country; null until that is known.
    name: Option<String>,
    /// The quality: `STDQ` or `PLUS`.
    pricing_param: String,
    /// The device that is to hold it, or to hold it no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user who is to hold it, or to hold it no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// `assign` or `revoke`.
    action: &'static str,
    /// Where it has got to.
    #[schema(value_type = ChangeStateName)]
    state: &'static str,
    /// Why it was not done, or why it ended without a request to Apple.
    error: Option<ChangeErrorView>,
    /// The number of the request to Apple that it went out with last.
    request: Option<i64>,
    /// How often it was sent to Apple.
    attempts: u32,
    /// Apple asked to try later: the earliest moment it is sent again.
    next_attempt_at: Option<String>,
    /// When it was wished for, RFC 3339.
    created_at: String,
    /// When it ended.
    ended_at: Option<String>,
}

/// States of changes.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "documents the words")]
pub(crate) enum ChangeStateName {
    Planned,
    Sending,
    Accepted,
    Settled,
    Refused,
    Waitlisted,
    Held,
    Cancelled,
}

/// Why a change ended as it did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangeError)]
pub(crate) struct ChangeErrorView {
    /// The stable name of the reason.
    pub(super) code: String,
    /// Apple's error number, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<i32>,
    /// What it means and what to do.
    pub(super) detail: &'static str,
}

impl ChangeErrorView {
    /// A reason by its stable name.
    pub(super) fn of(code: String, number: Option<i32>) -> Self {
        Self { detail: apple_error::sentence(&code), number, code }
    }
}

impl ChangeView {
    /// A change, and the name of the product as far as it is known.
    pub(crate) fn new(change: Change, name: Option<String>) -> Self {
        let (serial, user) = serial_and_user(change.holder);
        let waits = match change.state {
            State::Planned => change.attempts > 0,
            State::Sending
            | State::Accepted
            | State::Settled
            | State::Refused
            | State::Waitlisted
            | State::Held
            | State::Cancelled => false,
        };
        Self {
            id: change.id.0,
            adam_id: change.key.adam_id,
            name,
            pricing_param: change.key.pricing.as_str().to_owned(),
            serial,
            user,
            action: change.action.as_str(),
            state: change.state.as_str(),
            error: change.error_code.map(|code| ChangeErrorView::of(code, change.error_number)),
            request: change.request.map(|request| request.0),
            attempts: change.attempts,
            next_attempt_at: waits.then(|| time::text(change.not_before)),
            created_at: time::text(change.created_at),
            ended_at: change.ended_at.map(time::text),
        }
    }
}
