//! `/_sim/settings`: shows and changes the rules.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Answer, Refusal, answer, read};
use crate::rules::Rules;
use crate::shared::Shared;

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Answer {
    answer(&*shared.rules())
}

/// Changes the fields that are given, and of `limits` those that are given there; all or nothing.
pub(super) async fn change(State(shared): State<Arc<Shared>>, body: Bytes) -> Answer {
    let changes: Map<String, Value> = read(&body)?;
    let Value::Object(mut fields) = answer(&*shared.rules())?.0 else {
        return Err(Refusal::Bad("the settings cannot be spelled".to_owned()));
    };
    for (name, value) in changes {
        match (fields.get_mut(&name), value) {
            (Some(Value::Object(known)), Value::Object(given)) => known.extend(given),
            (_, value) => {
                fields.insert(name, value);
            }
        }
    }
    let rules: Rules = serde_json::from_value(Value::Object(fields))
        .map_err(|error| Refusal::Bad(format!("these settings are not possible: {error}")))?;
    rules.check().map_err(Refusal::Bad)?;
    shared.set_rules(rules);
    answer(&*shared.rules())
}
