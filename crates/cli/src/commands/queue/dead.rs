//! Lists dead messages.

use clap::Args;
use serde_json::{Value, json};

use super::read;
use crate::access::AccessArgs;
use crate::answers::DeadMessage;
use crate::client::Client;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct DeadArgs {
    /// Only this kind, such as sync_token.
    #[arg(long)]
    kind: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: &DeadArgs) -> Result<(), CliError> {
    let query: Vec<_> = args.kind.clone().map(|kind| ("kind", kind)).into_iter().collect();
    let items = client.list("queue/dead", &query, args.limit as usize).await?;
    if args.access.json {
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    table(client, &items)?;
    if !items.is_empty() {
        print::remark(
            "`russet queue retry ID` pushes one again and `russet queue discard ID` forgets it; \
             both take --kind KIND and --all",
        );
    }
    Ok(())
}

/// Prints dead messages.
pub(super) fn table(client: &Client, items: &[Value]) -> Result<(), CliError> {
    let dead: Vec<DeadMessage> = items.iter().map(|item| read(client, item)).collect::<Result<_, _>>()?;
    let rows = dead
        .into_iter()
        .map(|message| [message.id, print::moment(&message.died_at), message.reason, message.payload]);
    print::table(["DEAD", "SINCE", "REASON", "PAYLOAD"], rows);
    Ok(())
}
