//! Asks for the notifications that Apple sent about a token to be read.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Read the notifications that Apple sent about a token and that wait in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadNotifications {
    /// The token they are about.
    pub token: TokenId,
}

impl Job for ReadNotifications {
    const KIND: &'static str = "read_notification";

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
