//! Who this installation is to others, and whether it changes anything at all.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::listed::one;
use crate::access::{self, AccessArgs};
use crate::error::CliError;

#[derive(Debug, Subcommand)]
pub(crate) enum InstallationCommand {
    /// Show its id, the key its signatures are checked with, and whether it is in read-only mode.
    Show(AccessArgs),
    /// Stop everything that gives, takes or registers anything at Apple, for every token at once; or let it go on.
    ReadOnly(ReadOnlyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ReadOnlyArgs {
    /// `on` stops, `off` lets each token go by its own policy again.
    mode: Mode,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    On,
    Off,
}

impl InstallationCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::Show(access) => access,
            Self::ReadOnly(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: InstallationCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    let installation = match &command {
        InstallationCommand::Show(_) => client.get("installation", &[]).await?,
        InstallationCommand::ReadOnly(args) => {
            let wanted = json!({ "read_only": args.mode == Mode::On });
            client.patch("installation", &[], &wanted).await?.body
        }
    };
    one(command.access(), &installation);
    Ok(())
}
