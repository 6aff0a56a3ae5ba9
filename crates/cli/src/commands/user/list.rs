//! Lists users.

use clap::Args;
use serde_json::json;

use crate::access::AccessArgs;
use crate::answers::User;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those of this token's location, by id or name.
    #[arg(long)]
    token: Option<String>,
    /// Only those that Apple has as registered, associated, retired or deleted.
    #[arg(long)]
    status: Option<String>,
    /// Only those whose wish is none, planned, sending, accepted or refused.
    #[arg(long)]
    work: Option<String>,
    /// Only those whose id or email address begins so.
    #[arg(long, value_name = "BEGINNING")]
    q: Option<String>,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: ListArgs) -> Result<(), CliError> {
    let mut query = Vec::new();
    if let Some(name) = &args.token {
        query.push(("token", token::find(client, name).await?.id.to_string()));
    }
    for (name, value) in [("status", &args.status), ("work", &args.work), ("q", &args.q)] {
        query.extend(value.clone().map(|value| (name, value)));
    }
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let items = client.list("users", &query, limit).await?;
    if args.access.json {
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    let rows = items.into_iter().map(|item| {
        let user: User = serde_json::from_value(item).unwrap_or_default();
        let why = user.error.map(|error| error.code).unwrap_or_default();
        [
            user.client_user_id,
            user.token.to_string(),
            user.status.unwrap_or_default(),
            user.email.unwrap_or_default(),
            user.wish,
            user.work,
            why,
        ]
    });
    print::table(["USER", "TOKEN", "STATUS", "EMAIL", "WISH", "WORK", "WHY"], rows);
    Ok(())
}
