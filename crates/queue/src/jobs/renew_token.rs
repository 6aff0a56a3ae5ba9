//! Asks for a renewed token to be put in place of the old one.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Check a token's new content with Apple and put it in place of the old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewToken {
    /// The token that was renewed.
    pub token: TokenId,
}

impl Job for RenewToken {
    const KIND: &'static str = "renew_token";
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
