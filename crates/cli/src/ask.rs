//! Asks the person at the terminal a question that is answered with yes or no.

use std::io::{BufRead as _, IsTerminal as _};

use crate::error::CliError;
use crate::print;

/// Whether the person agrees; nothing where there is no person at a terminal.
pub(crate) fn person(question: &str) -> Result<Option<bool>, CliError> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    print::remark(format!("{question} (yes/no)"));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| CliError::Usage(format!("the answer cannot be read: {error}")))?;
    Ok(Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")))
}
