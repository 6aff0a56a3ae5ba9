//! Asks for newer versions of a token's apps to be pushed.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Look for devices with older versions of a token's apps, and have the newer ones pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushUpdates {
    /// The token.
    pub token: TokenId,
}

impl Job for PushUpdates {
    const KIND: &'static str = "push_update";

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
