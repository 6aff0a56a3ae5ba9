//! How an app stands on the devices that hold licenses for it.

use clap::Args;

use crate::access::AccessArgs;
use crate::client::Client;
use crate::commands::listed::{list, one};
use crate::commands::token;
use crate::error::CliError;

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// The app's number in Apple's stores.
    app: String,
    /// Only those with licenses of this token, by id or name.
    #[arg(long)]
    token: Option<String>,
    /// Only those where it is installed, pending, failed, not_installed, not_applicable or unknown.
    #[arg(long, conflicts_with = "count")]
    state: Option<String>,
    /// Count devices by state instead.
    #[arg(long)]
    count: bool,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: &DevicesArgs) -> Result<(), CliError> {
    let path = format!("apps/{}/devices", args.app);
    let mut query = Vec::new();
    if let Some(name) = &args.token {
        query.push(("token", token::find(client, name).await?.id.to_string()));
    }
    if args.count {
        one(&args.access, &client.get(&format!("{path}/counts"), &query).await?);
        return Ok(());
    }
    query.extend(args.state.clone().map(|state| ("state", state)));
    let columns = [
        ("DEVICE", "serial"),
        ("TOKEN", "token"),
        ("STATE", "state"),
        ("VERSION", "version"),
        ("NEWEST", "newest_version"),
        ("UPDATE AVAILABLE", "update_available"),
        ("WHY", "explanation"),
    ];
    list(client, &args.access, (&path, &query), args.limit, columns).await
}
