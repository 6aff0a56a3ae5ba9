//! The errors of the metadata API.
//!
//! <https://developer.apple.com/documentation/devicemanagement/errorsresponse>

use serde_json::Value;

use super::lenient::{items, named, text};

/// The code of the first error and its words; both may be empty.
pub(in crate::catalog) fn first(body: &Value) -> (String, String) {
    let Some(error) = named(body, &["errors"]).and_then(|errors| items(errors).into_iter().next()) else {
        return (String::new(), String::new());
    };
    let read = |name| named(error, &[name]).and_then(text).unwrap_or_default();
    let words = [read("title"), read("detail")].into_iter().filter(|words| !words.is_empty());
    (read("code"), words.collect::<Vec<_>>().join(": "))
}
