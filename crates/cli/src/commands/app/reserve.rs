//! Keeps the last licenses of an app for jobs of their own.

use clap::Args;
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::client::Client;
use crate::commands::listed::{body, one};
use crate::commands::token;
use crate::error::CliError;

#[derive(Debug, Args)]
pub(crate) struct ReserveArgs {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    /// The app's number in Apple's stores.
    #[arg(long)]
    app: String,
    /// The quality: STDQ or PLUS.
    #[arg(long)]
    pricing: Option<String>,
    /// How many licenses those who wait in the line are not given; 0 keeps none.
    #[arg(long)]
    keep: u64,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: &ReserveArgs) -> Result<(), CliError> {
    let wanted = body([
        ("token", Some(json!(token::find(client, &args.token).await?.id))),
        ("adam_id", Some(json!(args.app))),
        ("pricing_param", args.pricing.clone().map(Value::String)),
        ("keep", Some(json!(args.keep))),
    ]);
    one(&args.access, &client.post("reservations", &wanted).await?.body);
    Ok(())
}
