//! Says why the simulator could not start.

use std::net::SocketAddr;

/// Why [`Simulator::start`](crate::Simulator::start) failed.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address is taken, or not this machine's.
    #[error("the simulator cannot listen on {address}: {source}; choose a free address, or port 0 for any")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The HTTP client that delivers notifications could not be built.
    #[error("the simulator cannot set up its HTTP client for notifications: {0}")]
    Client(#[source] reqwest::Error),
    /// The world to start with contradicts itself.
    #[error("the world to start with is not possible: {0}")]
    World(String),
}
