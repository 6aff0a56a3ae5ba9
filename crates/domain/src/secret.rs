//! Text that must never be shown: tokens, keys, passwords.

use std::fmt;

/// A secret text. Its `Debug` shows nothing of it and it has no `Display`, so that no log line, error or
/// derived printout can carry it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printout_of_a_secret_does_not_hold_it() {
        assert!(!format!("{:?}", Secret::new("opaque")).contains("opaque"));
    }
}
