//! Reads a token's assets and licenses from Apple.

use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::access::AccessArgs;
use crate::commands::token;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{access, follow};

#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The token's id or name.
    token: String,
    /// Read only what changed since the last sync.
    #[arg(long)]
    changes: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

pub(crate) async fn run(args: SyncArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let token = token::find(&client, &args.token).await?;
    let mode = if args.changes { "changes" } else { "full" };
    let answer =
        client.post("jobs", &json!({ "kind": "sync_token", "token": token.id, "mode": mode })).await?;
    follow::submitted(&client, &args.access, args.wait, answer.body).await
}
