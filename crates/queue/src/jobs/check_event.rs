//! Asks for what became of a request that Apple accepted.

use russet_domain::{RequestId, TokenId};

use super::payload;
use crate::{Job, Unreadable};

/// Ask Apple what became of a request it accepted, or read back what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckEvent {
    /// The token that sent it, whose pace the question waits for. Zero in messages of programs that named none.
    pub token: TokenId,
    /// The request that was accepted.
    pub request: RequestId,
}

impl Job for CheckEvent {
    const KIND: &'static str = "check_event";
    const PACED: bool = true;

    fn key(&self) -> String {
        format!("{}.{}", self.token, self.request)
    }

    fn payload(&self) -> String {
        payload::write_ids(&[("request", self.request.0), ("token", self.token.0)])
    }

    fn read(payload: &str) -> Result<Self, Unreadable> {
        let request = RequestId(payload::read_id(payload, "request")?);
        let token = payload::maybe_id(payload, "token")?.unwrap_or(0);
        Ok(Self { token: TokenId(token), request })
    }
}
