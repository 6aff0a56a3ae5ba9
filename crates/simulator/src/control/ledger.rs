//! `/_sim/ledger` and `/_sim/requests`: what happened so far.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, answer};
use crate::shared::Shared;

#[derive(Deserialize)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
}

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Answer {
    answer(&shared.ledger.report())
}

pub(super) async fn reset(State(shared): State<Arc<Shared>>) -> Answer {
    shared.ledger.reset();
    answer(&json!({}))
}

/// The last thousand requests, or those of them after a number.
pub(super) async fn requests(
    State(shared): State<Arc<Shared>>,
    Query(After { after }): Query<After>,
) -> Answer {
    answer(&json!({ "requests": shared.ledger.requests_after(after) }))
}
