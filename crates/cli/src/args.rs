//! What can be written on the command line.

use std::path::PathBuf;

use clap::Parser;

use crate::commands::Command;

/// Hands out Apple's volume-purchased app licenses for any device-management server.
///
/// Start with `russet serve` in one terminal and `russet token add my.vpptoken` in another.
#[derive(Debug, Parser)]
#[command(name = "russet", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// A file with settings; `config/default.toml` explains all of them.
    #[arg(long, global = true, env = "RUSSET_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 the job or some of its changes failed, or a server stopped with an \
    error; 2 wrong usage or settings; 3 the server cannot be reached; 4 the server refused.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn every_command_and_option_can_be_told_apart() {
        Cli::command().debug_assert();
    }
}
