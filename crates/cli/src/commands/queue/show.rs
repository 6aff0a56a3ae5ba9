//! Shows one kind: its counts, what runs, and what died last.

use clap::Args;

use super::{address, dead, list, read};
use crate::access::AccessArgs;
use crate::answers::{QueueKind, RunningMessage};
use crate::client::Client;
use crate::error::CliError;
use crate::print;

/// The most running messages that are shown, and the most dead ones.
const RUNNING_SHOWN: usize = 50;
const DEAD_SHOWN: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The kind, such as sync_token.
    kind: String,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: &ShowArgs) -> Result<(), CliError> {
    let mut value = client.get(&address(&args.kind)?, &[]).await?;
    let of_kind = [("kind", args.kind.clone())];
    let running = client.list("queue/running", &of_kind, RUNNING_SHOWN).await?;
    let died = client.list("queue/dead", &of_kind, DEAD_SHOWN).await?;
    if args.access.json {
        value["running_messages"] = running.into();
        value["dead_messages"] = died.into();
        print::json(&value);
        return Ok(());
    }
    let kind: QueueKind = read(client, &value)?;
    print::facts(&facts(&kind));
    if !running.is_empty() {
        print::line("");
        let running: Vec<RunningMessage> =
            running.iter().map(|item| read(client, item)).collect::<Result<_, _>>()?;
        let rows = running.into_iter().map(|message| {
            let since = print::moment(&message.since);
            [message.id, message.worker, since, print::age(message.lease_left_ms)]
        });
        print::table(["RUNNING", "WORKER", "SINCE", "LEASE LEFT"], rows);
    }
    if !died.is_empty() {
        print::line("");
        dead::table(client, &died)?;
    }
    list::advice(&[kind]).iter().for_each(print::remark);
    Ok(())
}

fn facts(kind: &QueueKind) -> Vec<(&'static str, String)> {
    vec![
        ("kind", kind.kind.clone()),
        ("paused", if kind.paused { "yes" } else { "no" }.to_owned()),
        ("workers", kind.workers.to_string()),
        ("due", kind.due.to_string()),
        ("oldest due", kind.oldest_age_ms.map_or_else(|| "-".to_owned(), print::age)),
        ("delayed", kind.delayed.to_string()),
        ("running", kind.running.to_string()),
        ("dead", kind.dead.to_string()),
    ]
}
