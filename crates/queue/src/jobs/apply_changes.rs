//! Asks for a token's planned changes to be taken to Apple.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Take a token's planned changes to Apple, as many as are a fair slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplyChanges {
    /// The token whose changes are planned.
    pub token: TokenId,
}

impl Job for ApplyChanges {
    const KIND: &'static str = "apply_changes";
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
