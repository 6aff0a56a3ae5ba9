//! Asks for what is wished for a token's users to be taken to Apple.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Take the wishes for a token's users to Apple, as many as are a fair slice, and read those whose records are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplyUsers {
    /// The token whose users are planned.
    pub token: TokenId,
}

impl Job for ApplyUsers {
    const KIND: &'static str = "apply_users";
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
