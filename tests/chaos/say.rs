//! Speaks to people on standard error and to programs on standard output.

use std::hash::RandomState;
use std::io::{self, Write as _};
use std::sync::OnceLock;
use std::time::Instant;

/// Prints a line for people, with the seconds since the first one.
pub(crate) fn say(line: &str) {
    static START: OnceLock<Instant> = OnceLock::new();
    let offset = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    // Whoever closed standard error does not want to hear us.
    let _ = writeln!(io::stderr(), "chaos {offset:7.1} s  {line}");
}

/// Prints the result, which programs read.
pub(crate) fn result(json: &serde_json::Value) {
    let _ = writeln!(io::stdout(), "{json}");
}

/// What the standard library seeds its maps with, which is chance enough for a seed.
pub(crate) fn chance() -> RandomState {
    RandomState::new()
}
