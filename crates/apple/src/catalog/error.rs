//! What can go wrong with a request to a metadata service, and what it asks of the caller.

use std::time::Duration;

/// Why a metadata service told nothing. No message holds a token, a key or a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The developer key is missing, unusable or refused. The lookup needs none.
    #[error("Apple's metadata API cannot be asked: {why}")]
    Key {
        /// What is wrong with it and what to do.
        why: String,
    },
    /// Apple refuses the location's token, or says so: this comes now and then for tokens that are good
    /// (403 with code 40300), so ask again a few times, then for another token.
    #[error("Apple's metadata API refuses the token for now (HTTP {http}{}); it is asked again", words(.said))]
    Token {
        /// The answer's status.
        http: u16,
        /// Apple's code and words.
        said: String,
    },
    /// Slow down, then repeat.
    #[error("Apple's metadata service was asked too often; it is asked again later")]
    TooFast {
        /// How long Apple wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The request is refused for what it asks. With fewer products it may be answered.
    #[error("Apple's metadata service does not take the request (HTTP {http}{})", words(.said))]
    Ids {
        /// The answer's status.
        http: u16,
        /// Apple's code and words.
        said: String,
    },
    /// No answer, or none that can be read: repeat after a while.
    #[error("Apple's metadata service at {host} gave no answer: {why}")]
    Later {
        /// Where it was asked.
        host: String,
        /// What happened.
        why: String,
        /// How long Apple wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The address cannot be used, so nothing was sent.
    #[error("Apple's metadata service cannot be asked: {why}")]
    Address {
        /// What is wrong with it.
        why: String,
    },
}

fn words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(", “{said}”") }
}
