//! Puts a newly downloaded token file in place of an old one.

use std::path::PathBuf;

use clap::Args;
use reqwest::StatusCode;
use serde_json::json;

use crate::access::AccessArgs;
use crate::client::Client;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{follow, print, report};

#[derive(Debug, Args)]
pub(crate) struct RenewArgs {
    /// The token's id or name.
    token: String,
    /// The new .vpptoken file; it must be for the same location.
    file: PathBuf,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: RenewArgs) -> Result<(), CliError> {
    let content = super::files::read_file(&args.file)?;
    let id = super::find(client, &args.token).await?.id;
    let answer = client.put(&format!("tokens/{id}/content"), &json!({ "content": content })).await?;
    let mut value = answer.body;
    // Apple has not answered yet: a job goes on with it.
    if answer.status == StatusCode::ACCEPTED {
        if args.wait.no_wait {
            return follow::submitted(client, &args.access, args.wait, value).await;
        }
        let job = follow::job_of(client, &value)?;
        let (job, ended) = follow::to_the_end(client, job.id, args.wait, args.access.json).await?;
        if !job.has_succeeded() {
            return report::end(client, &job, &ended, args.access.json).await;
        }
        value = client.get(&format!("tokens/{id}"), &[]).await?;
    }
    if args.access.json {
        print::json(&value);
    } else {
        super::list::show(&super::token_of(client, &value)?);
    }
    Ok(())
}
