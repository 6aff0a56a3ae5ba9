//! `/_sim/clock`: shows the time, stops it, and moves it.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Refusal, answer, read};
use crate::clock::Mode;
use crate::shared::Shared;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    mode: Option<Mode>,
    now_ms: Option<i64>,
    advance_ms: Option<i64>,
}

/// The last millisecond of the year 9999, beyond which dates cannot be spelled.
const LATEST_MS: i64 = 253_402_300_799_999;

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Answer {
    answer(&json!({ "mode": shared.clock.mode(), "now_ms": shared.clock.now_ms() }))
}

/// Moves the time. What is due then is done before the answer, but for the delivery of notifications.
pub(super) async fn set(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let Move { mode, now_ms, advance_ms } = read(&body)?;
    let target = now_ms.unwrap_or(shared.clock.now_ms()).saturating_add(advance_ms.unwrap_or(0));
    if !(0..=LATEST_MS).contains(&target) {
        return Err(Refusal::Bad(format!("{target} ms is not a time between 1970 and 9999")));
    }
    shared.clock.set(mode, now_ms, advance_ms);
    shared.run_due();
    shared.schedule.look_again();
    show(State(shared)).await
}
