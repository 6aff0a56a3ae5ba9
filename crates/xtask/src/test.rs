//! `cargo xtask test`: every test of the workspace, against real servers.

use clap::Args;

use crate::cargo;
use crate::error::XtaskError;
use crate::say::say;
use crate::services;

/// Arguments of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Test {
    /// Passed on to `cargo nextest run`, or to `cargo test` where nextest is not installed: a filter, `-p NAME`, …
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Test {
    pub(crate) fn run(&self) -> Result<(), XtaskError> {
        let found = services::find()?;
        let mut variables = found.variables.clone();
        // Stories start the program as people do; building it here keeps them from building it many times over.
        variables.push(("RUSSET_BIN", cargo::build_program()?.into()));

        if !cargo::knows("nextest") {
            say("cargo-nextest is not installed, so cargo test runs the tests");
            return cargo::run(&with(&["test"], &self.arguments), &variables);
        }
        cargo::run(&with(&["nextest", "run"], &self.arguments), &variables)?;
        if self.arguments.is_empty() {
            // Nextest runs no examples of the documentation.
            return cargo::run(&["test", "--doc", "--workspace"], &variables);
        }
        say("with arguments given, the examples of the documentation are left out");
        Ok(())
    }
}

/// The command for the whole workspace, unless the arguments choose packages themselves.
fn with<'a>(command: &[&'a str], arguments: &'a [String]) -> Vec<&'a str> {
    let chooses = |argument: &String| argument.starts_with("-p") || argument.starts_with("--package");
    let workspace = (!arguments.iter().any(chooses)).then_some("--workspace");
    command.iter().copied().chain(workspace).chain(arguments.iter().map(String::as_str)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_chosen() {
        assert_eq!(with(&["test"], &[]), ["test", "--workspace"]);
        assert_eq!(with(&["test"], &["name".to_owned()]), ["test", "--workspace", "name"]);
        let chosen = ["-p".to_owned(), "russet-domain".to_owned()];
        assert_eq!(with(&["nextest", "run"], &chosen), ["nextest", "run", "-p", "russet-domain"]);
    }
}
