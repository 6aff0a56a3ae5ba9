//! Why an MDM server did not take a command.

use std::time::Duration;

/// Why a command stands for no device, or why nobody knows. No message repeats a key or a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// It does not take the key.
    #[error("{host} does not take the API key (status {status}); give the connector the right one")]
    Unauthorized {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// It is not the server that it is said to be, or its address may not be called.
    #[error("{host} cannot be used: {why}")]
    Wrong {
        /// The host.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// It refused the command, for no device in particular. One device that it does not know can be enough for that.
    #[error("{host} refused the command: {why}")]
    Refused {
        /// The host.
        host: String,
        /// Its own words.
        why: String,
    },
    /// It may take the command later, or has it already and its answer was lost.
    #[error("{host} could not be told: {why}")]
    Later {
        /// The host.
        host: String,
        /// What happened.
        why: String,
        /// When it wants to be told again, if it said so.
        after: Option<Duration>,
    },
}

impl ConnectorError {
    /// That a server without declarations was to declare something.
    pub(super) fn cannot_declare() -> Self {
        let why = "it has no declarations; give the connector some, or have the app installed by command";
        Self::Refused { host: "the server".to_owned(), why: why.to_owned() }
    }

    /// Whether a person has to act before anything can be sent.
    #[must_use]
    pub fn parks(&self) -> bool {
        match self {
            Self::Unauthorized { .. } | Self::Wrong { .. } => true,
            Self::Refused { .. } | Self::Later { .. } => false,
        }
    }
}
