//! `cargo xtask bench …`: benchmarks, which live in the program's hidden `bench` subcommand.

use clap::{Args, Subcommand};

use crate::cargo;
use crate::error::XtaskError;

/// Arguments of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    which: Which,
}

#[derive(Subcommand)]
enum Which {
    /// Licenses moved a second: `--profile single|cluster`, `--pairs N`.
    Licenses(Passed),
    /// A full sync of many licenses: `--profile single|cluster`, `--licenses N`.
    Sync(Passed),
    /// The queue by itself, on a private Redis unless one is named: `--redis URL`, `--backlogs N,…`, `--quick`.
    Queue(Passed),
    /// The pace at Apple with thousands of tokens, in the cluster profile: `--tokens N`, `--workers N`, `--spread-s N`.
    Pace(Passed),
    /// All of thousands of tokens synced at once, in the cluster profile: `--tokens N`, `--workers N`, `--quick`.
    Night(Passed),
    /// Who of 100,000 devices in 500 groups should have what: `--profile single|cluster`, `--quick`.
    Reconcile(Passed),
    /// 1,000 devices at the gate at once: `--profile single|cluster`, `--devices N`, `--apps N`.
    Gate(Passed),
    /// Newer versions for 100,000 devices with 20 apps each: `--profile single|cluster`, `--devices N`, `--apps N`.
    Updates(Passed),
}

/// Arguments that the program itself understands.
#[derive(Args)]
struct Passed {
    /// Passed on as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Bench {
    pub(crate) fn run(&self) -> Result<(), XtaskError> {
        // Each starts the servers that it needs itself.
        let (name, passed) = match &self.which {
            Which::Licenses(passed) => ("licenses", passed),
            Which::Sync(passed) => ("sync", passed),
            Which::Queue(passed) => ("queue", passed),
            Which::Pace(passed) => ("pace", passed),
            Which::Night(passed) => ("night", passed),
            Which::Reconcile(passed) => ("reconcile", passed),
            Which::Gate(passed) => ("gate", passed),
            Which::Updates(passed) => ("updates", passed),
        };
        let mut command = vec!["run", "--release", "--package", "russet", "--", "bench", name];
        command.extend(passed.arguments.iter().map(String::as_str));
        cargo::run(&command, &[])
    }
}
