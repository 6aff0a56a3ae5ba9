//! Asks for the counts of some of a token's products to be read from Apple again.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Read the counts that notifications left in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecountAssets {
    /// The token of the location.
    pub token: TokenId,
}

impl Job for RecountAssets {
    const KIND: &'static str = "recount_assets";
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
