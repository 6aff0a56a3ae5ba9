//! What Apple does wrong: a little all the time, and much for a moment.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::Stage;

/// What always goes wrong now and then: often enough to strike, and seldom enough for work to get through.
pub(crate) async fn drizzle(stage: &Stage) {
    let faults: [(&str, Value, f64); 11] = [
        ("any_write", json!({ "kind": "reset_before" }), 0.02),
        ("any_write", json!({ "kind": "reset_after" }), 0.03),
        ("any_write", json!({ "kind": "truncate" }), 0.02),
        ("any_write", json!({ "kind": "timeout", "ms": 2_000, "processed": true }), 0.02),
        ("any_write", json!({ "kind": "timeout", "ms": 2_000, "processed": false }), 0.02),
        ("any", json!({ "kind": "status", "status": 500, "error_number": 9603 }), 0.02),
        ("any", json!({ "kind": "not_json", "status": 502 }), 0.01),
        ("any_write", json!({ "kind": "event_fails_in_part", "fraction": 0.3, "error_number": 9603 }), 0.05),
        ("notifications", json!({ "kind": "lost" }), 0.1),
        ("notifications", json!({ "kind": "doubled" }), 0.2),
        ("notifications", json!({ "kind": "late", "ms": 1_500 }), 0.2),
    ];
    for (endpoint, what, probability) in faults {
        let order = json!({ "on": { "endpoint": endpoint }, "what": what, "probability": probability });
        stage.apple.fault(&order).await;
    }
}

/// Tokens that may be told to slow down, which they do for minutes. The others stay as fast as Apple allows, or nobody would
/// ever come near its limit.
pub(crate) const SLOWED: usize = 2;

/// What everybody hears from Apple while a storm lasts; but 429 is for one token alone.
const STORMS: [(&str, &str); 6] = [
    ("Apple answers 429", r#"{ "kind": "status", "status": 429 }"#),
    ("Apple answers 429 with 9646", r#"{ "kind": "status", "status": 429, "error_number": 9646 }"#),
    ("Apple answers 500", r#"{ "kind": "status", "status": 500, "error_number": 9603 }"#),
    ("Apple answers 503 with Retry-After", r#"{ "kind": "status", "status": 503, "retry_after": 1 }"#),
    ("Apple does not answer", r#"{ "kind": "timeout", "ms": 2000, "processed": false }"#),
    ("Apple hangs up after it did what was asked", r#"{ "kind": "reset_after" }"#),
];

/// A storm's name, for people.
pub(crate) fn name(which: usize) -> &'static str {
    STORMS[which % STORMS.len()].0
}

/// Lets every request meet the same fault for a while.
pub(crate) async fn storm(stage: &Stage, which: usize, lasts: Duration) {
    let what: Value = serde_json::from_str(STORMS[which % STORMS.len()].1).expect("a storm is JSON");
    let mut on = json!({ "endpoint": "any" });
    if what["status"] == 429
        && let Some(token) = stage.tokens.get().and_then(|tokens| tokens.get(which / STORMS.len() % SLOWED))
    {
        on["uid"] = json!(token.uid);
    }
    let fault = stage.apple.fault(&json!({ "on": on, "what": what })).await;
    tokio::time::sleep(lasts).await;
    stage.apple.call_off(fault).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_storm_is_json() {
        for (name, what) in STORMS {
            let what: Value = serde_json::from_str(what).expect(name);
            assert!(what["kind"].is_string(), "{name}");
        }
    }
}
