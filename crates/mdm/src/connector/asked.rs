//! Servers that tell nothing by themselves: what there is to ask them.

use async_trait::async_trait;
use russet_domain::Timestamp;

use super::ConnectorError;
use crate::inbound::{Answered, DeviceFacts, Unreadable};

/// A server that has to be asked what devices answered, and which devices there are.
#[async_trait]
pub trait Asked: Send + Sync {
    /// What devices have answered to a command so far; nobody, of a command that the server does not know. May be repeated, and says
    /// the same again.
    ///
    /// # Errors
    /// [`ConnectorError::Refused`] when it will never say; otherwise as [`super::Connector::send`].
    async fn answers(&self, command_uuid: &str) -> Result<Vec<Said>, ConnectorError>;

    /// A page of its devices, counted from 0.
    ///
    /// # Errors
    /// As [`super::Connector::send`].
    async fn devices(&self, page: u64) -> Result<DevicePage, ConnectorError>;
}

/// What the server keeps of one device's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What the server calls the device.
    pub enrollment_id: String,
    /// Names this answer among those of the device to the command: asked again, the same answer has the same mark.
    pub mark: String,
    /// What it said, or why that cannot be read.
    pub answered: Result<Answered, Unreadable>,
}

/// Some of a server's devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePage {
    /// The devices that have a serial number.
    pub devices: Vec<Listed>,
    /// Whether there is no page after this one.
    pub is_last: bool,
}

/// A device as a server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What the server calls it.
    pub enrollment_id: String,
    /// Its serial number.
    pub serial: String,
    /// Whether this server manages it.
    pub is_managed: bool,
    /// What else is known of it.
    pub facts: DeviceFacts,
    /// When the server last heard of it.
    pub seen_at: Option<Timestamp>,
}
