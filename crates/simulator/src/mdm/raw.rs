//! Commands whose answers the server keeps for whoever asks, and tells nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A command, and what devices answered.
pub(crate) struct Raw {
    pub(crate) request_type: String,
    /// The property list as it came.
    pub(crate) payload: Vec<u8>,
    /// The last answer of each device.
    pub(crate) answers: BTreeMap<Arc<str>, Kept>,
}

/// What a device answered last.
pub(crate) struct Kept {
    pub(crate) status: &'static str,
    pub(crate) at_ms: i64,
    /// Its words, as a property list.
    pub(crate) result: Vec<u8>,
}
