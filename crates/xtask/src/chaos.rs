//! `cargo xtask chaos`: breaks everything around a whole Russet at random, heals it, and judges what is left.

use clap::Args;

use crate::cargo;
use crate::error::XtaskError;

/// Arguments of `cargo xtask chaos`.
#[derive(Args)]
pub(crate) struct Chaos {
    /// For how long things break, in minutes.
    #[arg(long, default_value = "2")]
    minutes: String,
    /// What everything at random comes from; any by default, and said first.
    #[arg(long)]
    seed: Option<String>,
}

impl Chaos {
    pub(crate) fn run(&self) -> Result<(), XtaskError> {
        // It starts servers of its own, because it breaks them.
        let variables = [("RUSSET_BIN", cargo::build_program()?.into())];
        cargo::run(&self.command(), &variables)
    }

    fn command(&self) -> Vec<&str> {
        let mut command =
            vec!["run", "--package", "russet-tests", "--bin", "chaos", "--", "--minutes", &self.minutes];
        if let Some(seed) = &self.seed {
            command.extend(["--seed", seed]);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_passed_on_when_there_is_one() {
        let words = |seed: Option<&str>| {
            Chaos { minutes: "3".to_owned(), seed: seed.map(str::to_owned) }.command().join(" ")
        };
        assert_eq!(words(None), "run --package russet-tests --bin chaos -- --minutes 3");
        assert_eq!(words(Some("7")), "run --package russet-tests --bin chaos -- --minutes 3 --seed 7");
    }
}
