//! A move from a user to a device as clients see it.

use std::collections::HashMap;

use russet_domain::apple_error;
use russet_domain::lint::rule_of;
use russet_domain::moving::MoveState;
use russet_store::moves::Move;
use serde::Serialize;
use utoipa::ToSchema;

use crate::time;

/// One license that goes from a user to a device.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Move)]
pub(crate) struct MoveView {
    /// Its number.
    id: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality: `STDQ` or `PLUS`.
    pricing_param: String,
    /// The product's name in the store of the token's country; nothing while it is not known.
    name: Option<String>,
    /// Who has, or had, the license.
    user: String,
    /// The device.
    serial: String,
    /// Where it has got to.
    #[schema(value_type = MoveStateName)]
    state: &'static str,
    /// Why it went no further, or ended without anything having moved.
    error: Option<MoveErrorView>,
    /// When the MDM side was told.
    told_at: Option<String>,
    /// When it confirmed.
    confirmed_at: Option<String>,
    /// When it was wished for, RFC 3339.
    created_at: String,
    /// When it ended.
    ended_at: Option<String>,
}

/// States of moves.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "documents the words")]
pub(crate) enum MoveStateName {
    Planned,
    Assigning,
    Assigned,
    Telling,
    Told,
    Revoking,
    Done,
    Refused,
    Cancelled,
}

/// Why a move went no further.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MoveError)]
pub(crate) struct MoveErrorView {
    /// The stable name of the reason.
    code: String,
    /// Apple's error number, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i32>,
    /// The rule behind it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    /// What it means and what to do.
    detail: &'static str,
}

impl MoveView {
    pub(crate) fn new(moved: Move, name: Option<String>) -> Self {
        Self {
            name,
            id: moved.id.0,
            adam_id: moved.key.adam_id,
            pricing_param: moved.key.pricing.as_str().to_owned(),
            user: moved.user,
            serial: moved.serial,
            state: moved.state.as_str(),
            error: moved.error_code.map(|code| MoveErrorView {
                detail: apple_error::sentence(&code),
                number: moved.error_number,
                rule: rule_of(&code),
                code,
            }),
            told_at: moved.told_at.map(time::text),
            confirmed_at: moved.confirmed_at.map(time::text),
            created_at: time::text(moved.created_at),
            ended_at: moved.ended_at.map(time::text),
        }
    }
}

/// A job's moves, counted by state, and what stands in their way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MoveProgress)]
pub(crate) struct MovesView {
    /// Written down; nothing has moved.
    planned: u64,
    /// The device's license is wished for.
    assigning: u64,
    /// Apple has confirmed the device's license.
    assigned: u64,
    /// The MDM side is being told, or has not confirmed yet.
    telling: u64,
    /// Confirmed; waits for the user's other devices.
    told: u64,
    /// The user's license is being taken back.
    revoking: u64,
    /// The device has the license and the user no more.
    done: u64,
    /// Went no further; the user keeps the license.
    refused: u64,
    /// Withdrawn.
    cancelled: u64,
    /// Who confirms: `none`, `manual` or `callback`.
    confirm: &'static str,
    /// Why the MDM side could not be told last.
    callback_error: Option<String>,
}

impl MovesView {
    pub(crate) fn new(
        counts: &HashMap<MoveState, u64>,
        confirm: &'static str,
        callback_error: Option<String>,
    ) -> Self {
        let count = |state| counts.get(&state).copied().unwrap_or(0);
        Self {
            planned: count(MoveState::Planned),
            assigning: count(MoveState::Assigning),
            assigned: count(MoveState::Assigned),
            telling: count(MoveState::Telling),
            told: count(MoveState::Told),
            revoking: count(MoveState::Revoking),
            done: count(MoveState::Done),
            refused: count(MoveState::Refused),
            cancelled: count(MoveState::Cancelled),
            confirm,
            callback_error,
        }
    }
}
