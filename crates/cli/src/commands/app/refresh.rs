//! Has Apple's stores asked again.

use clap::Args;
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{follow, print, report};

#[derive(Debug, Args)]
pub(crate) struct RefreshArgs {
    /// Numbers of products; all when none is given.
    adam_ids: Vec<String>,
    /// Only those of this token, by its id or name.
    #[arg(long)]
    token: Option<String>,
    /// Only those in the store of this country, such as NL.
    #[arg(long)]
    country: Option<String>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: RefreshArgs) -> Result<(), CliError> {
    let mut body = json!({});
    if !args.adam_ids.is_empty() {
        body["adam_ids"] = json!(args.adam_ids);
    }
    if let Some(token) = &args.token {
        body["token"] = json!(token::find(client, token).await?.id);
    }
    if let Some(country) = &args.country {
        body["country"] = json!(country);
    }
    let answer = client.post("apps/refresh", &body).await?;
    if args.wait.no_wait {
        return follow::submitted(client, &args.access, args.wait, answer.body).await;
    }
    let job = follow::job_of(client, &answer.body)?;
    let (job, value) = follow::to_the_end(client, job.id, args.wait, args.access.json).await?;
    if !args.access.json {
        tell(&value["result"]);
    }
    report::end(client, &job, &value, args.access.json).await
}

fn tell(result: &Value) {
    let count = |name: &str| result[name].as_u64().unwrap_or(0);
    if result.is_null() {
        return;
    }
    print::line(format!(
        "{} in their store, {} in another, {} in none, {} not asked about, with {} requests to Apple",
        count("listed"),
        count("not_in_store"),
        count("gone"),
        count("not_asked"),
        count("requests")
    ));
    for note in result["notes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        print::remark(format!("note: {}", print::plain(note)));
    }
}
