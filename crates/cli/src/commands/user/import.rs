//! Registers many users of one location from a file.

use std::path::PathBuf;

use clap::Args;

use crate::access::AccessArgs;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{follow, upload};

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A CSV file whose first line names the columns client_user_id, email and managed_apple_id; or, when its name ends
    /// with .ndjson or .jsonl, one JSON object a line with these fields.
    file: PathBuf,
    /// The token's id or name.
    #[arg(long)]
    token: String,
    /// Take the rows that are right and name the others; otherwise one wrong row refuses all.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: ImportArgs) -> Result<(), CliError> {
    let (media_type, bytes) = upload::read(&args.file)?;
    let token = token::find(client, &args.token).await?;
    let query = [("token", token.id.to_string()), ("partial", args.partial.to_string())];
    let mut answer = client.upload("users/import", &query, media_type, bytes).await?;
    if !args.access.json {
        upload::rejected(&mut answer.body);
    }
    follow::submitted(client, &args.access, args.wait, answer.body).await
}
