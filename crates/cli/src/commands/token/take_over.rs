//! Takes a token's location from the MDM server that has claimed it.

use clap::Args;
use serde_json::json;

use crate::access::AccessArgs;
use crate::client::Client;
use crate::error::CliError;
use crate::follow::{self, WaitArgs};
use crate::{print, report};

#[derive(Debug, Args)]
pub(crate) struct TakeOverArgs {
    /// The token's id or name.
    token: String,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: TakeOverArgs) -> Result<(), CliError> {
    let token = super::find(client, &args.token).await?;
    let answer = client.post(&format!("tokens/{}/take-over", token.id), &json!({})).await?;
    if args.wait.no_wait {
        return follow::submitted(client, &args.access, args.wait, answer.body).await;
    }
    let job = follow::job_of(client, &answer.body)?;
    let (job, value) = follow::to_the_end(client, job.id, args.wait, args.access.json).await?;
    if !args.access.json && job.has_succeeded() {
        let from = &value["result"]["taken_from"];
        let text = match from["name"].as_str() {
            Some(name) => format!("the location was taken from “{}”", print::plain(name)),
            None => "nobody else had claimed the location; it is ours".to_owned(),
        };
        print::line(text);
    }
    report::end(client, &job, &value, args.access.json).await
}
