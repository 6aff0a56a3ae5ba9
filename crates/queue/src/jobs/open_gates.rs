//! Asks for gates to be opened whose licenses have come.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Open the gates of a token whose licenses have come, and tell who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenGates {
    /// The token.
    pub token: TokenId,
}

impl Job for OpenGates {
    const KIND: &'static str = "open_gates";

    fn key(&self) -> String {
        self.token.to_string()
    }

    fn payload(&self) -> String {
        payload::write_id("token", self.token.0)
    }

    fn read(payload: &str) -> Result<Self, Unreadable> {
        payload::read_id(payload, "token").map(|id| Self { token: TokenId(id) })
    }
}
