//! Says why a message, or what a token waits for, is not running now.

use clap::Args;

use super::read;
use crate::access::AccessArgs;
use crate::answers::Why;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The message's id: its kind, a colon and its key, such as sync_token:7.
    #[arg(required_unless_present = "token", conflicts_with = "token")]
    id: Option<String>,
    /// All messages of this token, by its id or name.
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: &WhyArgs) -> Result<(), CliError> {
    let query = match (&args.id, &args.token) {
        (Some(id), _) => ("message", id.clone()),
        (None, Some(text)) => ("token", token::find(client, text).await?.id.to_string()),
        (None, None) => return Err(CliError::Usage("name a message, or a token with --token".to_owned())),
    };
    let about = query.1.clone();
    let value = client.get("queue/why", &[query]).await?;
    if args.access.json {
        print::json(&value);
        return Ok(());
    }
    let items = value.get("items").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let found: Vec<Why> = items.iter().map(|item| read(client, item)).collect::<Result<_, _>>()?;
    if found.is_empty() {
        print::line(format!(
            "Nothing of token {about} is in the queue: all of it is through, or nobody has asked for anything."
        ));
    }
    for why in found {
        print::line(format!("{}  {}", print::plain(&why.id), print::plain(&why.sentence)));
    }
    Ok(())
}
