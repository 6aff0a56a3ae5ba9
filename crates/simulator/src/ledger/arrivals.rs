//! When requests came in: the first, the last, and those that move licenses by themselves.

use serde::Serialize;

use crate::apple::endpoint::Endpoint;

/// Moments on the simulator's clock, missing as long as there was none.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Arrivals {
    first_ms: Option<i64>,
    last_ms: Option<i64>,
    /// Requests that move licenses.
    writes: u64,
    first_write_ms: Option<i64>,
    last_write_ms: Option<i64>,
}

impl Arrivals {
    pub(super) fn add(&mut self, endpoint: Endpoint, now_us: i64) {
        let now_ms = now_us / 1000;
        self.first_ms.get_or_insert(now_ms);
        self.last_ms = Some(now_ms);
        if endpoint.moves_licenses() {
            self.writes += 1;
            self.first_write_ms.get_or_insert(now_ms);
            self.last_write_ms = Some(now_ms);
        }
    }
}
