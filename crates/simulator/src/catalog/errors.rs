//! How the metadata services say no.

use serde_json::json;

use crate::apple::strike::Reply;

/// A refused request, as the metadata services spell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreError {
    pub(crate) status: u16,
    /// The status and two more digits.
    code: u16,
    title: &'static str,
    detail: String,
}

impl StoreError {
    pub(crate) fn new(status: u16, code: u16, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, title, detail: detail.into() }
    }

    pub(crate) fn unauthorized(detail: &'static str) -> Self {
        Self::new(401, 40100, "Unauthorized", detail)
    }

    /// What comes for a bad token, and now and then for a good one.
    pub(crate) fn forbidden() -> Self {
        Self::new(403, 40300, "Forbidden", "The sToken does not open this resource.")
    }

    pub(crate) fn too_many() -> Self {
        Self::new(429, 42900, "Too Many Requests", "There were too many requests with this developer token.")
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(400, 40005, "Invalid Parameter", detail)
    }

    pub(crate) fn missing() -> Self {
        Self::new(404, 40403, "Resource Not Found", "There is no such resource in this storefront.")
    }

    pub(crate) fn reply(&self) -> Reply {
        let body = body(self.status, self.code, self.title, &self.detail);
        Reply::store_error(self.status, self.code, body)
    }
}

/// The body of an error, also of one that was ordered.
pub(crate) fn body(status: u16, code: u16, title: &str, detail: &str) -> Vec<u8> {
    let error = json!({
        "status": status.to_string(), "code": code.to_string(), "title": title, "detail": detail,
    });
    crate::apple::reply::json(&json!({ "errors": [error] }))
}
