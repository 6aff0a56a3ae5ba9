//! Takes a user out of the program.

use clap::Args;

use crate::access::AccessArgs;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct RetireArgs {
    /// The user's id.
    user: String,
    /// Only at this token's location, by id or name; otherwise at all of them.
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: RetireArgs) -> Result<(), CliError> {
    let mut query = Vec::new();
    if let Some(name) = &args.token {
        query.push(("token", token::find(client, name).await?.id.to_string()));
    }
    let answer = client.delete(&super::page_of(&args.user), &query).await?;
    let lost = answer.body["lost"].as_array().map_or(&[][..], Vec::as_slice);
    if !args.access.json {
        for license in lost {
            let product = license["adam_id"].as_str().unwrap_or_default();
            let kind = license["product_type"].as_str().unwrap_or("license").to_lowercase();
            print::remark(format!("lost with the user: the {kind} {}", print::plain(product)));
        }
    }
    super::follow_all(client, &args.access, args.wait, answer.body).await
}
