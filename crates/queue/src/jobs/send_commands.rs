//! Asks for the commands that are due to be sent to an MDM server.

use russet_domain::ConnectorId;

use super::payload;
use crate::{Job, Unreadable};

/// Send an MDM server the commands that are due for its devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendCommands {
    /// The server's connector.
    pub connector: ConnectorId,
}

impl Job for SendCommands {
    const KIND: &'static str = "send_commands";

    fn key(&self) -> String {
        // Not the bare number, which would be taken for a token's where all messages of a token are looked for.
        format!("connector-{}", self.connector)
    }

    fn payload(&self) -> String {
        payload::write_id("connector", self.connector.0)
    }

    fn read(payload: &str) -> Result<Self, Unreadable> {
        payload::read_id(payload, "connector").map(|id| Self { connector: ConnectorId(id) })
    }
}
