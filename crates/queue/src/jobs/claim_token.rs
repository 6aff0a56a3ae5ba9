//! Asks for a new token to be checked with Apple and its location to be claimed.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Check a token with Apple, claim its location for this server and register for notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimToken {
    /// The token that was uploaded.
    pub token: TokenId,
}

impl Job for ClaimToken {
    const KIND: &'static str = "claim_token";
    const PACED: bool = true;

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
