//! Lists the kinds of messages, and says what to do where something is not as it should be.

use clap::Args;

use super::read;
use crate::access::AccessArgs;
use crate::answers::{QueueKind, QueueView};
use crate::client::Client;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: &ListArgs) -> Result<(), CliError> {
    let value = client.get("queue", &[]).await?;
    if args.access.json {
        print::json(&value);
        return Ok(());
    }
    let queue: QueueView = read(client, &value)?;
    let rows = queue.kinds.iter().map(|kind| {
        [
            kind.kind.clone(),
            kind.due.to_string(),
            kind.delayed.to_string(),
            kind.running.to_string(),
            kind.dead.to_string(),
            kind.oldest_age_ms.map(print::age).unwrap_or_default(),
            kind.workers.to_string(),
            if kind.paused { "paused".to_owned() } else { String::new() },
        ]
    });
    print::table(["KIND", "DUE", "DELAYED", "RUNNING", "DEAD", "OLDEST", "WORKERS", "PAUSED"], rows);
    advice(&queue.kinds).iter().for_each(print::remark);
    Ok(())
}

/// What a person could do now, a line each.
pub(super) fn advice(kinds: &[QueueKind]) -> Vec<String> {
    let mut lines = Vec::new();
    for kind in kinds.iter().filter(|kind| kind.paused) {
        lines.push(format!("{0} is paused; `russet queue resume {0}` lets workers take it again", kind.kind));
    }
    let waits = |kind: &&QueueKind| kind.workers == 0 && kind.due + kind.delayed > 0;
    for kind in kinds.iter().filter(waits) {
        lines.push(format!("{} waits and no worker takes it; start one with `russet worker`", kind.kind));
    }
    let dead: u64 = kinds.iter().map(|kind| kind.dead).sum();
    if dead > 0 {
        let messages = if dead == 1 { "1 message is".to_owned() } else { format!("{dead} messages are") };
        lines.push(format!("{messages} dead; `russet queue dead` says why"));
    }
    lines
}
