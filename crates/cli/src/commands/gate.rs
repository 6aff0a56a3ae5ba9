//! Makes devices ready for apps: licenses first, installs after.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::access::{self, AccessArgs};
use crate::commands::{assign, token};
use crate::error::CliError;
use crate::follow::{self, WaitArgs};

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    /// Serial numbers of devices.
    #[arg(long, required_unless_present = "user", num_args = 1.., value_delimiter = ',')]
    serial: Vec<String>,
    /// A user, by client_user_id: the license is the person's, and the app goes onto all devices of that person.
    #[arg(long, conflicts_with = "serial")]
    user: Option<String>,
    /// Apps, as ADAM_ID or ADAM_ID:PRICING_PARAM.
    #[arg(long, required = true, value_name = "ADAM_ID", num_args = 1.., value_delimiter = ',')]
    app: Vec<String>,
    /// Send the installs through the devices' MDM servers once Apple has confirmed the licenses.
    #[arg(long)]
    install: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

pub(crate) async fn run(args: GateArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let token = token::find(&client, &args.token).await?;
    let apps: Vec<Value> = args.app.iter().map(|app| assign::asset(app)).collect();
    let mut gate = json!({ "token": token.id, "apps": apps, "install": args.install });
    match args.user {
        Some(user) => gate["user"] = json!(user),
        None => gate["serials"] = json!(args.serial),
    }
    let mut answer = client.post("gate", &gate).await?;
    follow::submitted(&client, &args.access, args.wait, answer.body["job"].take()).await
}
