//! Asks for the hand-over of a token to go on.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Write down who holds what of a token's location, and let go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOverToken {
    /// The token that is handed over.
    pub token: TokenId,
}

impl Job for HandOverToken {
    const KIND: &'static str = "hand_over_token";
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
