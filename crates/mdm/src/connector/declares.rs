//! Servers that have declarations: what can be asked of them beyond commands.

use async_trait::async_trait;

use super::ConnectorError;
use crate::inbound::Declared;

/// A server through which apps are declared. Declaring and withdrawing go by [`super::Connector::send`] like commands, so that devices are
/// woken and answer under the command's name.
#[async_trait]
pub trait Declares: Send + Sync {
    /// Withdraws apps from devices that are not to be woken for it: they have left. Pairs of a product's number and what the server calls
    /// the device. May be repeated.
    ///
    /// # Errors
    /// As [`super::Connector::send`].
    async fn forget(&self, apps: &[(u64, String)]) -> Result<(), ConnectorError>;

    /// What devices told of their declared apps last, as far as the server keeps it; of one that has told nothing, nothing. May be repeated,
    /// and says the same again.
    ///
    /// # Errors
    /// As [`super::Connector::send`].
    async fn reports(&self, devices: &[String]) -> Result<Vec<(String, Declared)>, ConnectorError>;
}
