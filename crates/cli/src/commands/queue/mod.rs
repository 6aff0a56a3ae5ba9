//! The queue: shows what waits, runs and is dead, says why, and steers it.

mod chosen;
mod dead;
mod list;
mod show;
mod steer;
mod why;

use std::path::Path;

use clap::Subcommand;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::access;
use crate::access::AccessArgs;
use crate::client::Client;
use crate::error::CliError;

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// List the kinds of messages with their counts and the age of the oldest that could run.
    List(list::ListArgs),
    /// Show one kind: its counts, what runs, and what died last.
    Show(show::ShowArgs),
    /// Make workers leave a kind alone; what runs goes on.
    Pause(steer::SteerArgs),
    /// Let workers take a kind again.
    Resume(steer::SteerArgs),
    /// List dead messages with the reason, the latest first.
    Dead(dead::DeadArgs),
    /// Push dead messages again.
    Retry(chosen::RetryArgs),
    /// Forget dead messages.
    Discard(chosen::DiscardArgs),
    /// Say in a sentence why a message, or what a token waits for, is not running now.
    Why(why::WhyArgs),
}

impl QueueCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::List(args) => &args.access,
            Self::Show(args) => &args.access,
            Self::Pause(args) | Self::Resume(args) => &args.access,
            Self::Dead(args) => &args.access,
            Self::Retry(args) => &args.access,
            Self::Discard(args) => &args.access,
            Self::Why(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: QueueCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    match command {
        QueueCommand::List(args) => list::run(&client, &args).await,
        QueueCommand::Show(args) => show::run(&client, &args).await,
        QueueCommand::Pause(args) => steer::run(&client, &args, "pause").await,
        QueueCommand::Resume(args) => steer::run(&client, &args, "resume").await,
        QueueCommand::Dead(args) => dead::run(&client, &args).await,
        QueueCommand::Retry(args) => chosen::retry(&client, &args).await,
        QueueCommand::Discard(args) => chosen::discard(&client, &args).await,
        QueueCommand::Why(args) => why::run(&client, &args).await,
    }
}

/// Where a kind is found. What could lead elsewhere in an address is refused.
fn address(kind: &str) -> Result<String, CliError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if kind.is_empty() || !kind.chars().all(plain) {
        return Err(CliError::Usage(format!(
            "{kind:?} is no kind of message; `russet queue list` shows those there are"
        )));
    }
    Ok(format!("queue/kinds/{kind}"))
}

fn read<T: DeserializeOwned>(client: &Client, value: &Value) -> Result<T, CliError> {
    serde_json::from_value(value.clone()).map_err(|error| {
        client.unreachable(format!(
            "the answer does not tell of a queue ({error}); is this the address of a Russet?"
        ))
    })
}
