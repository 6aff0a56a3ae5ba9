//! Asks for a location's assets and licenses to be read from Apple.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Read a location's assets and licenses from Apple into the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncToken {
    /// The location's token.
    pub token: TokenId,
}

impl Job for SyncToken {
    const KIND: &'static str = "sync_token";
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
