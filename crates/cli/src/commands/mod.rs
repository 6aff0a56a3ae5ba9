//! The commands, one a file.

pub(crate) mod api;
pub(crate) mod assign;
pub(crate) mod doctor;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod migrate;
pub(crate) mod probe;
pub(crate) mod revoke;
pub(crate) mod serve;
pub(crate) mod simulator;
pub(crate) mod sync;
pub(crate) mod token;
pub(crate) mod worker;

use crate::args::{Cli, Command};
use crate::error::CliError;

/// Does what the command line says.
pub(crate) async fn run(cli: Cli) -> Result<(), CliError> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Serve(args) => serve::run(args, config).await,
        Command::Api(args) => api::run(args, config).await,
        Command::Worker(args) => worker::run(args, config).await,
        Command::Migrate(args) => migrate::run(args, config).await,
        Command::Doctor(args) => doctor::run(args, config).await,
        Command::Demo(args) => crate::demo::run(args).await,
        Command::Bench(command) => crate::bench::run(command).await,
        Command::Simulator(args) => simulator::run(args, config).await,
        Command::Probe(args) => probe::run(args).await,
        Command::Key(command) => key::run(command, config).await,
        Command::Token(command) => token::run(command, config).await,
        Command::Sync(args) => sync::run(args, config).await,
        Command::Assign(args) => assign::run(args, config).await,
        Command::Revoke(args) => revoke::run(args, config).await,
        Command::Job(command) => job::run(command, config).await,
    }
}
