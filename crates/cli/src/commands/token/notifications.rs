//! Apple's notifications for a token: lists them, tests whether they come, and gives Apple a new secret.

use clap::Args;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::answers::{Notification, NotificationTest};
use crate::client::Client;
use crate::error::CliError;
use crate::follow::{self, WaitArgs};
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct NotifyTestArgs {
    /// The token's id or name.
    token: String,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NotifyRotateArgs {
    /// The token's id or name.
    token: String,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct NotificationsArgs {
    /// The token's id or name.
    token: String,
    /// Only those of this type, in Apple's word, such as ASSET_COUNT.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// How many, the newest first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

/// Makes Apple send a test notification. Fails when it does not come.
pub(super) async fn test(client: &Client, args: NotifyTestArgs) -> Result<(), CliError> {
    let token = super::find(client, &args.token).await?;
    let answer = client.post(&format!("tokens/{}/notifications/test", token.id), &json!({})).await?;
    if answer.status == StatusCode::ACCEPTED {
        let job = follow::job_of(client, &answer.body)?;
        if args.access.json {
            print::json(&answer.body);
        }
        return Err(CliError::Job(format!(
            "Apple has not answered yet; `russet job watch {}` follows it",
            job.id
        )));
    }
    let found: NotificationTest = serde_json::from_value(answer.body.clone()).unwrap_or_default();
    if args.access.json {
        print::json(&answer.body);
    } else {
        print::line(print::plain(&found.detail));
        if !found.look_at.is_empty() {
            print::line("Look at:");
        }
        for line in &found.look_at {
            print::line(print::plain(&format!("  - {line}")));
        }
    }
    if found.came { Ok(()) } else { Err(CliError::Job("no test notification came".to_owned())) }
}

/// Gives Apple a new secret to send along.
pub(super) async fn rotate(client: &Client, args: NotifyRotateArgs) -> Result<(), CliError> {
    let token = super::find(client, &args.token).await?;
    let answer = client.post(&format!("tokens/{}/notifications/rotate", token.id), &json!({})).await?;
    if answer.status == StatusCode::ACCEPTED {
        return follow::submitted(client, &args.access, args.wait, answer.body).await;
    }
    if args.access.json {
        print::json(&answer.body);
    } else {
        print::line(format!("Apple sends a new secret along for the token {} ({})", token.id, token.name));
    }
    Ok(())
}

/// Lists what came.
pub(super) async fn list(client: &Client, args: NotificationsArgs) -> Result<(), CliError> {
    let token = super::find(client, &args.token).await?;
    let query: Vec<_> = args.kind.clone().map(|kind| ("type", kind)).into_iter().collect();
    let path = format!("tokens/{}/notifications", token.id);
    let items: Vec<Value> = client.list(&path, &query, usize::from(args.limit)).await?;
    if args.access.json {
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    let rows = items.into_iter().map(|item| {
        let one: Notification = serde_json::from_value(item).unwrap_or_default();
        let verdict = one.verdict.unwrap_or_else(|| "not read yet".to_owned());
        [
            one.id.to_string(),
            one.kind.unwrap_or_default(),
            print::moment(&one.received_at),
            verdict,
            one.notification_id,
        ]
    });
    print::table(["ID", "TYPE", "CAME", "VERDICT", "APPLE'S ID"], rows);
    Ok(())
}
