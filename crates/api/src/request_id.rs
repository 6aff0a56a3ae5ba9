//! The number of the request being served, for answers and logs.

use axum::http::HeaderMap;
use uuid::Uuid;

/// The header that carries it, both ways.
pub(crate) const HEADER: &str = "x-request-id";
/// The longest number taken over from a client or proxy.
const LENGTH_MAX: usize = 64;

tokio::task_local! {
    /// Set around every request.
    pub(crate) static REQUEST_ID: String;
}

/// The number of the request that this task serves.
pub(crate) fn current() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// The number that came with the request when it is fit for a log line, otherwise a new one.
pub(crate) fn of(headers: &HeaderMap) -> String {
    let fits = |text: &&str| {
        !text.is_empty()
            && text.len() <= LENGTH_MAX
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(fits);
    given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}
