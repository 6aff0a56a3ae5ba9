//! The program: servers, and the commands that people and programs give them.

mod access;
mod answers;
mod args;
mod ask;
mod bench;
mod client;
mod clock;
mod commands;
mod demo;
mod error;
mod first_start;
mod follow;
mod keyring;
mod logs;
mod pairs;
mod print;
mod private_file;
mod progress;
mod report;
mod stack;
mod start;
mod stop;
mod upload;

use std::process::ExitCode;

use clap::Parser as _;

/// A server that has been busy gives its memory back: after a million licenses it keeps half of what it does with the allocator of
/// the system, which has heaps for each of many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    let json = cli.command.wants_json();
    // One provider for every TLS connection of the process; a second call finds it there, and that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(commands::run(cli.command, cli.config.as_deref())),
        Err(error) => Err(error::CliError::Failed(format!("the program cannot start its threads: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::error(&error, json);
            ExitCode::from(error.exit_code())
        }
    }
}
