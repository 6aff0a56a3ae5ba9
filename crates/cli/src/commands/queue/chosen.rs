//! Retries and discards dead messages: named ones, those of a kind, or all.

use clap::Args;
use serde_json::{Value, json};

use super::read;
use crate::access::AccessArgs;
use crate::answers::Handled;
use crate::client::Client;
use crate::error::CliError;
use crate::{ask, print};

/// The most ids of one request.
const IDS_MAX: usize = 1_000;
/// The most requests that all are done in; each does some ten thousand.
const ROUNDS_MAX: usize = 100;

/// Which dead messages.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Chosen {
    /// Their ids, as `russet queue dead` lists them.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All of this kind.
    #[arg(long)]
    kind: Option<String>,
    /// All.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DiscardArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// Discard them without being asked.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

impl Chosen {
    /// What is sent, a request each.
    fn bodies(&self) -> Vec<Value> {
        if !self.ids.is_empty() {
            return self.ids.chunks(IDS_MAX).map(|ids| json!({ "ids": ids })).collect();
        }
        match &self.kind {
            Some(kind) => vec![json!({ "kind": kind, "all": true })],
            None => vec![json!({ "all": true })],
        }
    }

    fn words(&self) -> String {
        match (&self.kind, self.ids.as_slice()) {
            (_, [id]) => format!("the dead message {id}"),
            (_, [_, ..]) => format!("{} dead messages", self.ids.len()),
            (Some(kind), []) => format!("all dead messages of kind {kind}"),
            (None, []) => "all dead messages".to_owned(),
        }
    }
}

pub(super) async fn retry(client: &Client, args: &RetryArgs) -> Result<(), CliError> {
    let count = each(client, &args.chosen, "retry").await?;
    told(&args.chosen, count, "retried", args.access.json)
}

pub(super) async fn discard(client: &Client, args: &DiscardArgs) -> Result<(), CliError> {
    if !args.yes {
        let what = args.chosen.words();
        match ask::person(&format!("Discard {what}?"))? {
            Some(true) => {}
            Some(false) => return Err(CliError::Usage("nothing was discarded".to_owned())),
            None => return Err(CliError::Usage(format!("say --yes to discard {what}"))),
        }
    }
    let count = each(client, &args.chosen, "discard").await?;
    told(&args.chosen, count, "discarded", args.access.json)
}

/// Asks for all of them, and again as long as there are more.
async fn each(client: &Client, chosen: &Chosen, action: &str) -> Result<u64, CliError> {
    let mut count = 0;
    for body in chosen.bodies() {
        for _ in 0..ROUNDS_MAX {
            let answer = client.post(&format!("queue/dead/{action}"), &body).await?;
            let handled: Handled = read(client, &answer.body)?;
            count += handled.count;
            if !handled.more {
                break;
            }
        }
    }
    Ok(count)
}

/// Says how many there were. That some of those named were not dead is a failure; that nothing is dead is none.
fn told(chosen: &Chosen, count: u64, done: &str, json: bool) -> Result<(), CliError> {
    if json {
        print::json(&json!({ "count": count }));
    } else {
        let messages = if count == 1 { "1 message was" } else { &format!("{count} messages were") };
        print::line(format!("{messages} {done}"));
    }
    let missing = (chosen.ids.len() as u64).saturating_sub(count);
    match missing {
        0 => Ok(()),
        1 => Err(CliError::Failed(
            "one of those named is not dead; `russet queue why ID` tells more".to_owned(),
        )),
        _ => Err(CliError::Failed(format!(
            "{missing} of those named are not dead; `russet queue why ID` tells more"
        ))),
    }
}
