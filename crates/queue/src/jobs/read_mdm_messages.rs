//! Asks for what an MDM server told to be read, and passed on.

use russet_domain::ConnectorId;

use super::payload;
use crate::{Job, Unreadable};

/// Read what an MDM server told by webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadMdmMessages {
    /// The server's connector.
    pub connector: ConnectorId,
}

impl Job for ReadMdmMessages {
    const KIND: &'static str = "read_mdm_message";

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
