//! Pauses and resumes a kind.

use clap::Args;
use serde_json::json;

use super::{address, read};
use crate::access::AccessArgs;
use crate::answers::QueueKind;
use crate::client::Client;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct SteerArgs {
    /// The kind, such as sync_token.
    kind: String,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: &SteerArgs, action: &str) -> Result<(), CliError> {
    let answer = client.post(&format!("{}/{action}", address(&args.kind)?), &json!({})).await?;
    if args.access.json {
        print::json(&answer.body);
        return Ok(());
    }
    let kind: QueueKind = read(client, &answer.body)?;
    let counts = format!("{} wait and {} run", kind.due + kind.delayed, kind.running);
    if kind.paused {
        print::line(format!(
            "{0} is paused: {counts}; `russet queue resume {0}` lets workers take it again",
            kind.kind
        ));
    } else {
        print::line(format!("{} is not paused: {counts}", kind.kind));
    }
    Ok(())
}
