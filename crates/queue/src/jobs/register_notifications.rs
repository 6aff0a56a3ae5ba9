//! Asks for a token's notifications to be kept registered at Apple.

use russet_domain::TokenId;

use super::payload;
use crate::{Job, Unreadable};

/// Compare where Apple sends a location's notifications with where they should go, and register them again if need be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterNotifications {
    /// The token of the location.
    pub token: TokenId,
}

impl Job for RegisterNotifications {
    const KIND: &'static str = "register_notifications";
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
