//! Asks for what became of a request that Apple accepted.

use russet_domain::RequestId;

use super::payload;
use crate::{Job, Unreadable};

/// Ask Apple what became of a request it accepted, or read back what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckEvent {
    /// The request that was accepted.
    pub request: RequestId,
}

impl Job for CheckEvent {
    const KIND: &'static str = "check_event";

    fn key(&self) -> String {
        self.request.to_string()
    }

    fn payload(&self) -> String {
        payload::write_id("request", self.request.0)
    }

    fn read(payload: &str) -> Result<Self, Unreadable> {
        payload::read_id(payload, "request").map(|id| Self { request: RequestId(id) })
    }
}
