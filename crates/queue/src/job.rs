//! What makes something a message: a kind, a key and a payload that can be read back.

use thiserror::Error;

/// A kind of message.
///
/// The payload is an id: what it points at may change while the message waits, so whoever handles it loads it fresh.
pub trait Job: Sized {
    /// The kind's name in Redis. Renaming it strands the messages that wait under the old name.
    const KIND: &'static str;

    /// Whether the work calls Apple as a token. The key then begins with the token's number, and a message whose token
    /// may not call yet waits in the queue rather than in a worker's hands.
    const PACED: bool = false;

    /// What the message is about. While one waits, another of the same kind and key is the same message.
    fn key(&self) -> String;

    /// The payload, JSON with its version.
    fn payload(&self) -> String;

    /// Reads a payload back.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] when it is not what this program, or an older one, would have written.
    fn read(payload: &str) -> Result<Self, Unreadable>;
}

/// A payload that this program cannot read. Its message is set aside as dead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the payload cannot be read: {why}")]
pub struct Unreadable {
    /// What is wrong with it.
    pub why: String,
}
