//! Content tokens: uploads, shows, renews and removes them.

mod add;
mod files;
mod list;
mod many;
mod notifications;
mod remove;
mod renew;

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
}

impl TokenCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::Add(args) => &args.access,
            Self::List(args) => &args.access,
            Self::Show(args) => &args.access,
            Self::Renew(args) => &args.access,
            Self::Remove(args) => &args.access,
            Self::Notifications(args) => &args.access,
            Self::NotifyTest(args) => &args.access,
            Self::NotifyRotate(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: TokenCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    match command {
        TokenCommand::Add(args) => add::run(&client, args).await,
        TokenCommand::List(args) => list::all(&client, &args).await,
        TokenCommand::Show(args) => list::one(&client, &args).await,
        TokenCommand::Renew(args) => renew::run(&client, args).await,
        TokenCommand::Remove(args) => remove::run(&client, args).await,
        TokenCommand::Notifications(args) => notifications::list(&client, args).await,
        TokenCommand::NotifyTest(args) => notifications::test(&client, args).await,
        TokenCommand::NotifyRotate(args) => notifications::rotate(&client, args).await,
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
