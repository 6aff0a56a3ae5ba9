//! Why the MDM side was not told.

use std::time::Duration;

use russet_domain::callback::CallbackError;

/// Why a call did not do what it should. No message repeats the address beyond its host, nor the body.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The address may not be called.
    #[error("the callback's address cannot be used: {0}")]
    NotAllowed(#[from] CallbackError),
    /// The name leads inside the network.
    #[error(
        "{host} leads to an address inside the network, where nothing is called unless mdm.allow_inside is set"
    )]
    LeadsInside {
        /// The host.
        host: String,
    },
    /// It answered that it will not take the news, now or later.
    #[error("{host} refused the news with status {status}")]
    Refused {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// It may take the news later.
    #[error("{host} could not be told: {why}")]
    Later {
        /// The host.
        host: String,
        /// What happened.
        why: String,
        /// When it wants to be told again, if it said so.
        after: Option<Duration>,
    },
    /// The client could not be made.
    #[error("no client for calling the MDM side can be made: {0}")]
    Client(String),
}

impl TellError {
    /// Whether telling it again makes sense.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Later { .. } => true,
            Self::NotAllowed(_) | Self::LeadsInside { .. } | Self::Refused { .. } | Self::Client(_) => false,
        }
    }
}
