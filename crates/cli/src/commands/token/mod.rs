//! Content tokens: uploads, shows, renews and removes them, takes locations over and hands them over.

mod add;
mod files;
mod hand_over;
mod list;
mod many;
mod notifications;
mod remove;
mod renew;
mod take_over;
mod verify;

use std::path::Path;

use clap::Subcommand;
use serde_json::Value;

use crate::access;
use crate::access::AccessArgs;
use crate::answers::Token;
use crate::client::Client;
use crate::error::CliError;

/// The most tokens of one name that are looked at.
const NAMESAKES_MAX: usize = 20;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Upload .vpptoken files, one or many, and read their locations' licenses.
    Add(add::AddArgs),
    /// List tokens.
    List(list::ListArgs),
    /// Show one token.
    Show(list::ShowArgs),
    /// Put a newly downloaded .vpptoken file in place of an old one.
    Renew(renew::RenewArgs),
    /// Remove a token.
    Remove(remove::RemoveArgs),
    /// List what Apple has notified of.
    Notifications(notifications::NotificationsArgs),
    /// Make Apple send a test notification, and say what came or what to look at.
    NotifyTest(notifications::NotifyTestArgs),
    /// Give Apple a new secret to send along with notifications.
    NotifyRotate(notifications::NotifyRotateArgs),
    /// Take the location from another MDM server, or back after it was handed over.
    TakeOver(take_over::TakeOverArgs),
    /// Let go of the location, and keep who held what with a signed summary.
    HandOver(hand_over::HandOverArgs),
    /// Check the files of a hand-over. Needs no server.
    Verify(verify::VerifyArgs),
}

impl TokenCommand {
    /// How a server is reached, for those that need one.
    pub(crate) fn access(&self) -> Option<&AccessArgs> {
        match self {
            Self::Add(args) => Some(&args.access),
            Self::List(args) => Some(&args.access),
            Self::Show(args) => Some(&args.access),
            Self::Renew(args) => Some(&args.access),
            Self::Remove(args) => Some(&args.access),
            Self::Notifications(args) => Some(&args.access),
            Self::NotifyTest(args) => Some(&args.access),
            Self::NotifyRotate(args) => Some(&args.access),
            Self::TakeOver(args) => Some(&args.access),
            Self::HandOver(args) => Some(&args.access),
            Self::Verify(_) => None,
        }
    }

    /// Whether a program reads what is printed.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Verify(args) => args.json,
            other => other.access().is_some_and(|access| access.json),
        }
    }
}

pub(crate) async fn run(command: TokenCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = |access: &AccessArgs| access::client(access, config);
    match command {
        TokenCommand::Add(args) => add::run(&client(&args.access)?, args).await,
        TokenCommand::List(args) => list::all(&client(&args.access)?, &args).await,
        TokenCommand::Show(args) => list::one(&client(&args.access)?, &args).await,
        TokenCommand::Renew(args) => renew::run(&client(&args.access)?, args).await,
        TokenCommand::Remove(args) => remove::run(&client(&args.access)?, args).await,
        TokenCommand::Notifications(args) => notifications::list(&client(&args.access)?, args).await,
        TokenCommand::NotifyTest(args) => notifications::test(&client(&args.access)?, args).await,
        TokenCommand::NotifyRotate(args) => notifications::rotate(&client(&args.access)?, args).await,
        TokenCommand::TakeOver(args) => take_over::run(&client(&args.access)?, args).await,
        TokenCommand::HandOver(args) => hand_over::run(&client(&args.access)?, args).await,
        TokenCommand::Verify(args) => verify::run(&args),
    }
}

/// The token of this id or name. A name that several have is refused, with their ids.
pub(crate) async fn find(client: &Client, text: &str) -> Result<Token, CliError> {
    Ok(find_with_value(client, text).await?.0)
}

async fn find_with_value(client: &Client, text: &str) -> Result<(Token, Value), CliError> {
    if let Ok(id) = text.parse::<i64>() {
        match client.get(&format!("tokens/{id}"), &[]).await {
            Ok(value) => return Ok((token_of(client, &value)?, value)),
            // It may still be a name that looks like a number.
            Err(CliError::Refused(problem)) if problem.status == 404 => {}
            Err(error) => return Err(error),
        }
    }
    let mut found = client.list("tokens", &[("name", text.to_owned())], NAMESAKES_MAX).await?;
    found.retain(|value| value.get("name").and_then(Value::as_str) == Some(text));
    match found.as_slice() {
        [] => Err(CliError::Usage(format!(
            "there is no token {text:?}; `russet token list` shows those there are"
        ))),
        [value] => Ok((token_of(client, value)?, value.clone())),
        several => {
            let ids: Vec<String> =
                several.iter().filter_map(|value| value.get("id").map(Value::to_string)).collect();
            Err(CliError::Usage(format!("several tokens are named {text:?}; use an id: {}", ids.join(", "))))
        }
    }
}

fn token_of(client: &Client, value: &Value) -> Result<Token, CliError> {
    serde_json::from_value(value.clone()).map_err(|error| {
        client.unreachable(format!("the answer is not a token ({error}); is this the address of a Russet?"))
    })
}
