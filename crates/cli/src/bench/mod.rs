//! Measures the main job against the simulator, and prints one JSON object for each measurement.

mod licenses;
mod setup;
mod sync;

use clap::Subcommand;

use crate::error::CliError;

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Submit pairs over HTTP and wait until Apple's notifications have settled all of them.
    Licenses(licenses::LicensesArgs),
    /// Walk all assignments of a location into the store.
    Sync(sync::SyncArgs),
}

pub(crate) async fn run(command: BenchCommand) -> Result<(), CliError> {
    match command {
        BenchCommand::Licenses(args) => licenses::run(args).await,
        BenchCommand::Sync(args) => sync::run(args).await,
    }
}
