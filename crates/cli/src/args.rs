//! What can be written on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    api, assign, doctor, job, key, migrate, probe, revoke, serve, simulator, sync, token, worker,
};

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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process: API, worker and schedule.
    Serve(serve::ServeArgs),
    /// Run the HTTP API alone, beside workers that share its database and queue.
    Api(api::ApiArgs),
    /// Run a worker alone; one of all workers also keeps the schedule.
    Worker(worker::WorkerArgs),
    /// Bring the database's tables up to date.
    Migrate(migrate::MigrateArgs),
    /// Say whether settings, database, queue, clock, Apple and key are in order, and what to do if not.
    Doctor(doctor::DoctorArgs),
    /// See the main job at work against a simulated Apple, with nothing installed.
    Demo(crate::demo::DemoArgs),
    /// Measure; see `cargo xtask bench`.
    #[command(subcommand, hide = true)]
    Bench(crate::bench::BenchCommand),
    /// Run a simulator of Apple's API, for trying things out.
    Simulator(simulator::SimulatorArgs),
    /// Tell by the exit code whether an address answers with success.
    #[command(hide = true)]
    Probe(probe::ProbeArgs),
    /// API keys; speaks to the database itself, also beside a running server.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Content tokens.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Read a token's assets and licenses from Apple.
    Sync(sync::SyncArgs),
    /// Give licenses to devices and users.
    Assign(assign::AssignArgs),
    /// Take licenses back.
    Revoke(revoke::RevokeArgs),
    /// What was submitted, and how far it has got.
    #[command(subcommand)]
    Job(job::JobCommand),
}

impl Command {
    /// Whether a program reads what is printed, errors included.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Serve(_)
            | Self::Api(_)
            | Self::Worker(_)
            | Self::Migrate(_)
            | Self::Simulator(_)
            | Self::Probe(_)
            | Self::Bench(_) => false,
            Self::Demo(args) => args.wants_json(),
            Self::Doctor(args) => args.json,
            Self::Key(command) => command.wants_json(),
            Self::Token(command) => command.access().json,
            Self::Sync(args) => args.access.json,
            Self::Assign(args) => args.access.json,
            Self::Revoke(args) => args.access.json,
            Self::Job(command) => command.access().json,
        }
    }
}

/// How to reach the server, and how to print its answers.
#[derive(Clone, Debug, Args)]
pub(crate) struct AccessArgs {
    /// Where the server is; without it, where `api.listen` says.
    #[arg(long, env = "RUSSET_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A file with the API key. Without it, RUSSET_KEY; without that, `admin.key` in the data directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whether to wait for a job's end.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WaitArgs {
    /// Submit and return; `russet job watch` follows it later.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Stop waiting after so many seconds; the job goes on.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) timeout_s: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn every_command_and_option_can_be_told_apart() {
        Cli::command().debug_assert();
    }
}
