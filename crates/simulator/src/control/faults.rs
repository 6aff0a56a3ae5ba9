//! `/_sim/faults`: orders something to go wrong, and calls it off.

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde_json::json;

use super::{Answer, Refusal, answer, read};
use crate::faults::FaultOrder;
use crate::shared::Shared;

pub(super) async fn add(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let order: FaultOrder = read(&body)?;
    let id = shared.faults.add(order).map_err(Refusal::Bad)?;
    answer(&json!({ "id": id }))
}

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Answer {
    answer(&json!({ "faults": shared.faults.list() }))
}

/// Calls off all faults. Events that one of them held are carried out.
pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> Answer {
    shared.faults.clear();
    shared.release_held();
    answer(&json!({}))
}

/// Calls off one fault. Events that it held are carried out.
pub(super) async fn remove(State(shared): State<Arc<Shared>>, Path(id): Path<u64>) -> Answer {
    if !shared.faults.remove(id) {
        return Err(Refusal::Missing(format!(
            "there is no fault {id}; GET /_sim/faults lists those there are"
        )));
    }
    shared.release_held();
    answer(&json!({}))
}
