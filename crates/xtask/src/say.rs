//! Speaks to the person in front of the terminal, and leaves standard output to what a program may read.

use std::io::{self, Write};

/// Prints a line on standard error.
pub(crate) fn say(line: &str) {
    // Whoever closed standard error does not want to hear us.
    let _ = writeln!(io::stderr(), "xtask: {line}");
}
