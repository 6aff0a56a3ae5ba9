//! Which apps are on their way to which devices, and why not.

use std::path::Path;

use clap::Args;

use super::listed::list;
use crate::access::{self, AccessArgs};
use crate::commands::token;
use crate::error::CliError;

#[derive(Debug, Args)]
pub(crate) struct InstallsArgs {
    /// Only those of this token, by id or name.
    #[arg(long)]
    token: Option<String>,
    /// Only those of this device.
    #[arg(long)]
    serial: Option<String>,
    /// Only those of this app, by number.
    #[arg(long, value_name = "ADAM_ID")]
    app: Option<String>,
    /// Only those that are ready, sending, sent, verifying, installed, removed, resting, failed or cancelled.
    #[arg(long)]
    state: Option<String>,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

pub(crate) async fn run(args: InstallsArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let mut query = Vec::new();
    if let Some(name) = &args.token {
        query.push(("token", token::find(&client, name).await?.id.to_string()));
    }
    for (name, value) in [("serial", &args.serial), ("adam_id", &args.app), ("state", &args.state)] {
        query.extend(value.clone().map(|value| (name, value)));
    }
    let columns = [
        ("DEVICE", "serial"),
        ("APP", "adam_id"),
        ("ACT", "act"),
        ("STATE", "state"),
        ("WANTED", "target_version"),
        ("REPORTED", "reported_version"),
        ("TRIES", "tries"),
        ("NEXT", "due_at"),
        ("WHY", "explanation"),
    ];
    list(&client, &args.access, ("installs", &query), args.limit, columns).await
}
