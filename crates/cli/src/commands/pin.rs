//! Licenses that never go, whatever the policies and jobs say.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::listed::{body, list, one};
use crate::access::{self, AccessArgs};
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;

#[derive(Debug, Subcommand)]
pub(crate) enum PinCommand {
    /// List pinned licenses.
    List(ListArgs),
    /// Pin a license: nothing takes it back before it is unpinned.
    Add(OneArgs),
    /// Unpin a license.
    Remove(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only licenses of this token, by id or name.
    #[arg(long)]
    token: Option<String>,
    /// Only this app.
    #[arg(long)]
    app: Option<String>,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    /// The app's number in Apple's stores.
    #[arg(long)]
    app: String,
    /// The quality: STDQ or PLUS.
    #[arg(long)]
    pricing: Option<String>,
    /// The device's serial number.
    #[arg(long, required_unless_present = "user", conflicts_with = "user")]
    serial: Option<String>,
    /// The user's id.
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
}

impl PinCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::List(args) => &args.access,
            Self::Add(args) | Self::Remove(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: PinCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    match &command {
        PinCommand::List(args) => {
            let mut query = Vec::new();
            if let Some(name) = &args.token {
                query.push(("token", token::find(&client, name).await?.id.to_string()));
            }
            query.extend(args.app.clone().map(|app| ("adam_id", app)));
            let columns = [
                ("TOKEN", "token"),
                ("APP", "adam_id"),
                ("DEVICE", "serial"),
                ("USER", "user"),
                ("BY", "pinned_by"),
                ("AT", "pinned_at"),
            ];
            return list(&client, &args.access, ("pins", &query), args.limit, columns).await;
        }
        PinCommand::Add(args) => {
            one(&args.access, &client.post("pins", &license(&client, args).await?).await?.body);
        }
        PinCommand::Remove(args) => {
            one(&args.access, &client.withdraw("pins", &license(&client, args).await?).await?.body);
        }
    }
    Ok(())
}

async fn license(client: &Client, args: &OneArgs) -> Result<Value, CliError> {
    Ok(body([
        ("token", Some(json!(token::find(client, &args.token).await?.id))),
        ("adam_id", Some(json!(args.app))),
        ("pricing_param", args.pricing.clone().map(Value::String)),
        ("serial", args.serial.clone().map(Value::String)),
        ("user", args.user.clone().map(Value::String)),
    ]))
}
