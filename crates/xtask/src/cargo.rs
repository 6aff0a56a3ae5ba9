//! Runs cargo, says so, and passes its exit code on.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use serde::Deserialize;

use crate::error::XtaskError;
use crate::say::say;

/// Variables that a run of cargo gets on top of ours.
pub(crate) type Variables<'a> = &'a [(&'static str, OsString)];

/// Runs cargo with these arguments, its output going where ours goes.
pub(crate) fn run(arguments: &[&str], variables: Variables<'_>) -> Result<(), XtaskError> {
    say(&format!("cargo {}", arguments.join(" ")));
    let command = format!("cargo {}", arguments.join(" "));
    let status = cargo(arguments, variables)
        .status()
        .map_err(|source| XtaskError::NotRun { command: command.clone(), source })?;
    ended(command, status)
}

/// Whether cargo knows a subcommand, such as `nextest`.
pub(crate) fn knows(subcommand: &str) -> bool {
    cargo(&[subcommand, "--version"], &[])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Builds the program and says where it is.
pub(crate) fn build_program() -> Result<PathBuf, XtaskError> {
    // Cargo is asked where the program went, because a target directory can be set in many places.
    let arguments = ["build", "--package", "russet", "--message-format", "json-render-diagnostics"];
    say("cargo build --package russet");
    let command = "cargo build --package russet".to_owned();
    let output = cargo(&arguments, &[])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| XtaskError::NotRun { command: command.clone(), source })?;
    ended(command, output.status)?;
    program_in(&String::from_utf8_lossy(&output.stdout)).ok_or(XtaskError::NoProgram)
}

fn cargo(arguments: &[&str], variables: Variables<'_>) -> Command {
    // Inside `cargo run` this names the very cargo that runs us.
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

fn ended(command: String, status: ExitStatus) -> Result<(), XtaskError> {
    if status.success() {
        return Ok(());
    }
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    let code = u8::try_from(code).unwrap_or(1);
    let error = XtaskError::Ended { command, code };
    say(&error.to_string());
    Err(error)
}

/// The part of cargo's messages that matters here. See
/// <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>.
#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

fn program_in(messages: &str) -> Option<PathBuf> {
    messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok()).find_map(|message| {
        let ours = message.target.is_some_and(|target| target.name == "russet");
        (ours && message.reason == "compiler-artifact").then_some(message.executable)?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_executable_of_the_target_russet() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"build-script-build"},"executable":"/x/build"}
{"reason":"compiler-artifact","target":{"name":"russet"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"russet"},"executable":"/x/debug/russet"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(program_in(messages), Some(PathBuf::from("/x/debug/russet")));
        assert_eq!(program_in(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
