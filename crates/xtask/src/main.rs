//! Runs the chores of this repository: `cargo xtask test`, `cargo xtask chaos`, `cargo xtask bench …`.

mod bench;
mod cargo;
mod chaos;
mod error;
mod say;
mod services;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::XtaskError;
use crate::say::say;

/// The chores of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    command: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every test, with a PostgreSQL and a Redis found or started for them.
    Test(test::Test),
    /// Break everything at random for some minutes, heal it, and judge what is left; it prints one JSON object.
    Chaos(chaos::Chaos),
    /// Run a benchmark in a release build; it prints one JSON object a line.
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    let result = match Xtask::parse().command {
        Chore::Test(test) => test.run(),
        Chore::Chaos(chaos) => chaos.run(),
        Chore::Bench(bench) => bench.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The program that failed has said why, and its code is ours.
        Err(XtaskError::Ended { code, .. }) => ExitCode::from(code),
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
