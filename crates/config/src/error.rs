//! What is wrong with the settings, each value by its name, with where it came from and what it should be.

use std::fmt;

/// One setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its name, such as `api.listen`; empty when the fault is with a whole file.
    pub key: String,
    /// Where its value came from, such as `environment variable RUSSET_API__LISTEN`.
    pub origin: String,
    /// What it is and what it should be. Never a secret's value.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.is_empty(), self.origin.is_empty()) {
            (true, _) => write!(f, "{} {}", self.origin, self.detail),
            (false, true) => write!(f, "{} {}", self.key, self.detail),
            (false, false) => write!(f, "{} (from {}) {}", self.key, self.origin, self.detail),
        }
    }
}

/// The settings cannot be used. Holds every wrong one, so that nobody has to start the program once for each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct ConfigError(pub Vec<Problem>);

fn list(problems: &[Problem]) -> String {
    let count = match problems.len() {
        1 => "a setting cannot be used".to_owned(),
        count => format!("{count} settings cannot be used"),
    };
    problems.iter().fold(count, |text, problem| format!("{text}\n  {problem}"))
}
