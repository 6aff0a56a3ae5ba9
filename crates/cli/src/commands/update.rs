//! Pushes newer versions of apps, shows how far they are, and lets halted ones go on.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::listed::{body, list};
use crate::access::{self, AccessArgs};
use crate::commands::token;
use crate::error::CliError;
use crate::follow::{self, WaitArgs};
use crate::print;

#[derive(Debug, Subcommand)]
pub(crate) enum UpdateCommand {
    /// Push newer versions to the devices that have older ones, whatever the switches and rings say.
    Push(PushArgs),
    /// How far newer versions have got, ring by ring.
    Show(ShowArgs),
    /// Let a version go on that was halted since too many devices failed; those that failed are not tried again.
    Resume(ResumeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    /// Only these apps, by number.
    #[arg(long, value_name = "ADAM_ID", num_args = 1.., value_delimiter = ',')]
    app: Vec<String>,
    /// Only these devices.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    serial: Vec<String>,
    /// Wait for the token's update window, by the clock of each device.
    #[arg(long)]
    in_window: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The token's id or name.
    token: String,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The token's id or name.
    token: String,
    /// The app's number.
    adam_id: String,
    #[command(flatten)]
    access: AccessArgs,
}

impl UpdateCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::Push(args) => &args.access,
            Self::Show(args) => &args.access,
            Self::Resume(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: UpdateCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    match command {
        UpdateCommand::Push(args) => {
            let token = token::find(&client, &args.token).await?;
            let some = |list: &[String]| (!list.is_empty()).then(|| json!(list));
            let job: Value = body([
                ("kind", Some(json!("push_update"))),
                ("token", Some(json!(token.id))),
                ("apps", some(&args.app)),
                ("serials", some(&args.serial)),
                ("when", args.in_window.then(|| json!("window"))),
            ]);
            let answer = client.post("jobs", &job).await?;
            follow::submitted(&client, &args.access, args.wait, answer.body).await
        }
        UpdateCommand::Show(args) => {
            let path = format!("tokens/{}/rollouts", token::find(&client, &args.token).await?.id);
            let columns = [
                ("APP", "adam_id"),
                ("VERSION", "version"),
                ("PERCENT", "percent"),
                ("HALTED", "halted"),
                ("INSTALLS", "installs"),
                ("REASON", "reason"),
            ];
            list(&client, &args.access, (&path, &[]), 500, columns).await
        }
        UpdateCommand::Resume(args) => {
            let path = format!("tokens/{}/rollouts/resume", token::find(&client, &args.token).await?.id);
            client.post(&path, &json!({ "adam_id": args.adam_id })).await?;
            print::remark(format!(
                "{} goes on, to all devices that have not tried it; `russet update push` tries again where it failed",
                args.adam_id
            ));
            Ok(())
        }
    }
}
