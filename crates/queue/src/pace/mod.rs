//! The limiter's decisions as plain values, told the time: the rule of one token, and the breaker of all.

mod breaker;
mod rule;

pub(crate) use self::breaker::{APPLE_PAUSE_MAX_MS, Gate, PROBE_MS, RESERVED_MS};
pub(crate) use self::rule::{
    Answer, CLOSED_MAX_MS, KEEP_MS, Paces, REFUSED_PAUSE_MS, SETTLE_MS, Verdict, interval_us,
};

/// What a request to Apple is for. Each class keeps to its share of a token's turns while others want turns too, so
/// none is shut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// A person is waiting.
    Interactive = 0,
    /// Asking what became of a request.
    Status = 1,
    /// Everything else.
    Bulk = 2,
}

/// What is in the way of a call to Apple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The token has used its turns.
    Pace,
    /// Apple asked to leave the token alone for a while.
    TokenClosed,
    /// Many tokens failed at once, so nobody calls.
    AppleClosed,
}
