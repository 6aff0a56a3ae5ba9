//! Registers a user at one location or several.

use clap::Args;
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::follow::WaitArgs;

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Your own id for the person, which never changes; better not an email address. A UUID is made without one.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// The tokens' ids or names.
    #[arg(long, required = true, num_args = 1.., value_delimiter = ',')]
    token: Vec<String>,
    /// The address that the invitation can go to; it is sent to Apple.
    #[arg(long)]
    email: Option<String>,
    /// A Managed Apple Account of the same organization: no invitation is needed.
    #[arg(long, value_name = "ACCOUNT")]
    managed_apple_id: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: AddArgs) -> Result<(), CliError> {
    let mut tokens = Vec::new();
    for name in &args.token {
        tokens.push(token::find(client, name).await?.id);
    }
    let mut body = json!({ "tokens": tokens });
    for (name, value) in
        [("client_user_id", &args.id), ("email", &args.email), ("managed_apple_id", &args.managed_apple_id)]
    {
        if let Some(value) = value {
            body[name] = Value::String(value.clone());
        }
    }
    let answer = client.post("users", &body).await?;
    super::follow_all(client, &args.access, args.wait, answer.body).await
}
