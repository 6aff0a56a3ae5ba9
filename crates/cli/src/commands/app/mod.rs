//! Apps and books: lists and shows them by name, and has Apple's stores asked about them again.

mod devices;
mod list;
mod refresh;
mod reserve;
mod show;

use std::path::Path;

use clap::Subcommand;

use crate::access;
use crate::access::AccessArgs;
use crate::error::CliError;

#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// List apps and books with their counts, over all tokens or one row a token.
    List(list::ListArgs),
    /// Show one app or book: versions, stores, tokens.
    Show(show::ShowArgs),
    /// List how an app stands on the devices that hold licenses for it, or count them.
    Devices(devices::DevicesArgs),
    /// Ask Apple's stores again for names, icons and versions.
    Refresh(refresh::RefreshArgs),
    /// Keep the last licenses of an app from those who wait in the line.
    Reserve(reserve::ReserveArgs),
}

impl AppCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::List(args) => &args.access,
            Self::Show(args) => &args.access,
            Self::Devices(args) => &args.access,
            Self::Refresh(args) => &args.access,
            Self::Reserve(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: AppCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    match command {
        AppCommand::List(args) => list::run(&client, &args).await,
        AppCommand::Show(args) => show::run(&client, &args).await,
        AppCommand::Devices(args) => devices::run(&client, &args).await,
        AppCommand::Refresh(args) => refresh::run(&client, args).await,
        AppCommand::Reserve(args) => reserve::run(&client, &args).await,
    }
}
