//! `GET /api/v1/consent`: what has to be agreed to before a token is created (rules S-8 and N-29).

use axum::Json;
use russet_domain::consent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::auth::Viewer;
use crate::body::from_json;
use crate::error::ApiError;

/// The version that was in force when agreement had no version.
const FIRST_VERSION: u32 = 1;

/// What is agreed to.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsentText)]
pub(crate) struct ConsentText {
    /// The number of the text, to be sent with the agreement.
    version: u32,
    /// The whole text.
    text: String,
    /// What is sent to Apple, one by one.
    things: [&'static str; 4],
}

/// An agreement.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentGiven {
    /// Must be true.
    agreed: bool,
    /// The number of the text that was read.
    version: u32,
}

/// Shows what is sent to Apple; creating a token takes agreement to it.
#[utoipa::path(get, operation_id = "show_consent", path = "/api/v1/consent", tag = "tokens",
    responses((status = 200, description = "The text and its version", body = ConsentText)))]
pub(crate) async fn show(Viewer(_actor): Viewer) -> Json<ConsentText> {
    Json(ConsentText { version: consent::VERSION, text: consent::text(), things: consent::THINGS })
}

/// The version that was agreed to. True alone is agreement to the first one.
///
/// # Errors
/// When nobody agreed, or to a text that is no longer in force.
pub(crate) fn agreed_to(given: &Value) -> Result<u32, ApiError> {
    let version = match given {
        Value::Bool(true) => FIRST_VERSION,
        Value::Null | Value::Bool(false) => return Err(ApiError::ConsentRequired),
        Value::Object(_) => {
            let given: ConsentGiven = from_json(given.to_string().as_bytes()).map_err(below)?;
            if !given.agreed {
                return Err(ApiError::ConsentRequired);
            }
            given.version
        }
        Value::Number(_) | Value::String(_) | Value::Array(_) => return Err(ApiError::ConsentRequired),
    };
    if version == consent::VERSION { Ok(version) } else { Err(ApiError::ConsentOutdated { given: version }) }
}

/// Names the place of a fault from the whole body.
fn below(error: ApiError) -> ApiError {
    match error {
        ApiError::InvalidField { field, why } => {
            ApiError::InvalidField { field: format!("consent.{field}"), why }
        }
        ApiError::UnknownField { field, hint } => {
            ApiError::UnknownField { field: format!("consent.{field}"), hint }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_agreement_to_the_text_in_force_counts() {
        assert_eq!(
            agreed_to(&json!({"agreed": true, "version": consent::VERSION})).unwrap(),
            consent::VERSION
        );
        assert_eq!(agreed_to(&json!(true)).unwrap(), FIRST_VERSION);
        for no in [json!(null), json!(false), json!("yes"), json!({"agreed": false, "version": 1})] {
            assert!(matches!(agreed_to(&no), Err(ApiError::ConsentRequired)), "{no}");
        }
        let old = agreed_to(&json!({"agreed": true, "version": 0}));
        assert!(matches!(old, Err(ApiError::ConsentOutdated { given: 0 })));
    }

    #[test]
    fn a_fault_in_an_agreement_is_named_with_its_place() {
        let error = agreed_to(&json!({"agreed": true})).unwrap_err().to_string();
        assert!(error.contains("`consent.version`"), "{error}");
        let error = agreed_to(&json!({"agreed": true, "version": 1, "by": "me"})).unwrap_err().to_string();
        assert!(error.contains("`consent.by`"), "{error}");
    }
}
