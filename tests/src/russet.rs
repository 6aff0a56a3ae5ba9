//! Finds the program, and runs its commands.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What a command did.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed for programs.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

impl Output {
    /// What was printed, when all went well.
    ///
    /// # Panics
    ///
    /// When the exit code is not 0.
    #[must_use]
    #[track_caller]
    pub fn good(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:#?}");
        &self.stdout
    }

    /// What was printed, as JSON.
    ///
    /// # Panics
    ///
    /// When the exit code is not 0 or no JSON was printed.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.good()).unwrap_or_else(|error| panic!("no JSON ({error}): {self:#?}"))
    }
}

/// Runs a command of the program to its end, with nothing in its environment but this.
///
/// # Panics
///
/// When the program cannot be started.
pub fn russet(arguments: &[&str], environment: &[(String, String)]) -> Output {
    let output = command(arguments, environment).stdin(Stdio::null()).output().expect("the program starts");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A command of the program, with nothing in its environment but this and what every process needs.
///
/// # Panics
///
/// When the program is not there and cannot be built.
#[must_use]
pub fn command(arguments: &[&str], environment: &[(String, String)]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).env_clear();
    for name in ["PATH", "TMPDIR", "LANG"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("RUST_BACKTRACE", "1").envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// The program: the one that `RUSSET_BIN` names, else the one that cargo builds from this workspace.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::var_os("RUSSET_BIN").map_or_else(build, PathBuf::from))
}

/// Builds the program, which takes a moment when nothing has changed. A program found lying about could be older than
/// the story it is to be tested with.
fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "russet", "--bin", "russet"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the program cannot be built");
    // The test runs from target/debug/deps; cargo puts the program two steps above.
    let test = std::env::current_exe().expect("a test knows its own file");
    let debug = test.ancestors().nth(2).expect("a test lies in target/debug/deps");
    let program = debug.join("russet");
    assert!(program.exists(), "{} was built and is not there; set RUSSET_BIN", program.display());
    program
}
