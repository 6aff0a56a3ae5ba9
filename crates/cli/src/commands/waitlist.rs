//! Who waits for a license, and in which place.

use std::path::Path;

use clap::Args;

use super::listed::list;
use crate::access::{self, AccessArgs};
use crate::commands::token;
use crate::error::CliError;

#[derive(Debug, Args)]
pub(crate) struct WaitlistArgs {
    /// Only for licenses of this token, by id or name.
    #[arg(long)]
    token: Option<String>,
    /// Only for this app.
    #[arg(long)]
    app: Option<String>,
    /// Only this device.
    #[arg(long, conflicts_with = "user")]
    serial: Option<String>,
    /// Only this user.
    #[arg(long)]
    user: Option<String>,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

pub(crate) async fn run(args: WaitlistArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let mut query = Vec::new();
    if let Some(name) = &args.token {
        query.push(("token", token::find(&client, name).await?.id.to_string()));
    }
    query.extend(args.app.map(|app| ("adam_id", app)));
    query.extend(args.serial.map(|serial| ("serial", serial)));
    query.extend(args.user.map(|user| ("user", user)));
    let columns = [
        ("TOKEN", "token"),
        ("APP", "adam_id"),
        ("PLACE", "place"),
        ("DEVICE", "serial"),
        ("USER", "user"),
        ("PRIORITY", "priority"),
        ("SINCE", "since"),
        ("WHY", "reason"),
    ];
    list(&client, &args.access, ("waitlist", &query), args.limit, columns).await
}
