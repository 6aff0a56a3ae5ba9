//! `cargo xtask bench …`: benchmarks, which live in the program's hidden `bench` subcommand.

use clap::{Args, Subcommand};

use crate::cargo;
use crate::error::XtaskError;
use crate::services;

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
        let (name, passed, cluster) = match &self.which {
            Which::Licenses(passed) => ("licenses", passed, wants_cluster(&passed.arguments)),
            Which::Sync(passed) => ("sync", passed, wants_cluster(&passed.arguments)),
            // It starts Redis servers of its own, one for each variant.
            Which::Queue(passed) => ("queue", passed, false),
            Which::Pace(passed) => ("pace", passed, true),
        };
        let mut command = vec!["run", "--release", "--package", "russet", "--", "bench", name];
        command.extend(passed.arguments.iter().map(String::as_str));
        if !cluster {
            return cargo::run(&command, &[]);
        }
        let found = services::find()?;
        cargo::run(&command, &found.variables)
    }
}

/// Only the cluster's profile needs servers.
fn wants_cluster(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument == "--profile=cluster")
        || arguments.windows(2).any(|pair| pair[0] == "--profile" && pair[1] == "cluster")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn servers_are_only_looked_for_when_the_cluster_is_measured() {
        assert!(wants_cluster(&words("--pairs 10 --profile cluster")));
        assert!(wants_cluster(&words("--profile=cluster")));
        assert!(!wants_cluster(&words("--profile single --pairs 10")));
        assert!(!wants_cluster(&[]));
    }
}
