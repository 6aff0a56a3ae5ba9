//! Asks for a token to be removed once its licenses are taken back.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Remove a token, after taking its licenses back if that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveToken {
    /// The token to remove.
    pub token: TokenId,
}

impl Job for RemoveToken {
    const KIND: &'static str = "remove_token";

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
