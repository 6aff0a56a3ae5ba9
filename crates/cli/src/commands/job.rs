//! What was submitted, and how far it has got.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::access::AccessArgs;
use crate::answers::Job;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{access, follow, print, report};

#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// List jobs, the newest first.
    List(ListArgs),
    /// Show one job.
    Show(ShowArgs),
    /// Follow a job until it ends.
    Watch(WatchArgs),
    /// Withdraw what has not been sent to Apple yet.
    Cancel(OneArgs),
    /// Try again what was refused.
    Retry(WatchArgs),
    /// Let go what the brakes hold, with another key than the one that submitted it.
    Approve(WatchArgs),
    /// Say that apps were installed with their devices' licenses, so that a move of licenses goes on.
    Confirm(ConfirmArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only this kind: sync_token, assign_license, revoke_license, move_license, renew_token, remove_token or refresh_catalog.
    #[arg(long)]
    kind: Option<String>,
    /// Only this state: queued, running, succeeded, partly_failed, failed or cancelled.
    #[arg(long)]
    state: Option<String>,
    /// Only those of which something waits for an approval.
    #[arg(long)]
    held: bool,
    /// Only those of this token, by its id or name.
    #[arg(long)]
    token: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The job's id.
    id: i64,
    /// List its changes too: all, or those in one state, such as refused.
    #[arg(long, value_name = "STATE", num_args = 0..=1, default_missing_value = "all")]
    changes: Option<String>,
    /// How many changes at most.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The job's id.
    id: i64,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The job's id.
    id: i64,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// The job's id.
    id: i64,
    /// Only these devices, by serial number.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    serial: Vec<String>,
    /// The apps could not be installed there: the users keep their licenses.
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    access: AccessArgs,
}

impl JobCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::List(args) => &args.access,
            Self::Show(args) => &args.access,
            Self::Watch(args) | Self::Retry(args) | Self::Approve(args) => &args.access,
            Self::Cancel(args) => &args.access,
            Self::Confirm(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: JobCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    match command {
        JobCommand::List(args) => list(&client, &args).await,
        JobCommand::Show(args) => show(&client, &args).await,
        JobCommand::Watch(args) if args.wait.no_wait => {
            let value = client.get(&format!("jobs/{}", args.id), &[]).await?;
            print_job(&client, &value, args.access.json)
        }
        JobCommand::Watch(args) => {
            let (job, value) = follow::to_the_end(&client, args.id, args.wait, args.access.json).await?;
            report::end(&client, &job, &value, args.access.json).await
        }
        JobCommand::Cancel(args) => {
            let answer = client.post(&format!("jobs/{}/cancel", args.id), &json!({})).await?;
            print_job(&client, &answer.body, args.access.json)
        }
        JobCommand::Confirm(args) => confirm(&client, &args).await,
        JobCommand::Retry(args) => again(&client, &args, "retry").await,
        JobCommand::Approve(args) => again(&client, &args, "approve").await,
    }
}

/// Has a job go on, and follows it.
async fn again(client: &Client, args: &WatchArgs, act: &str) -> Result<(), CliError> {
    let answer = client.post(&format!("jobs/{}/{act}", args.id), &json!({})).await?;
    follow::submitted(client, &args.access, args.wait, answer.body).await
}

async fn confirm(client: &Client, args: &ConfirmArgs) -> Result<(), CliError> {
    let mut body = json!({ "outcome": if args.failed { "failed" } else { "installed" } });
    if !args.serial.is_empty() {
        body["devices"] = json!(args.serial);
    }
    let answer = client.post(&format!("jobs/{}/confirm", args.id), &body).await?.body;
    if args.access.json {
        print::json(&answer);
        return Ok(());
    }
    let confirmed = answer["confirmed"].as_u64().unwrap_or(0);
    print::line(format!("{confirmed} moves were confirmed"));
    print_job(client, &answer["job"], false)
}

fn print_job(client: &Client, value: &Value, json: bool) -> Result<(), CliError> {
    let job = follow::job_of(client, value)?;
    if json {
        print::json(value);
    } else {
        print::line(report::sentence(&job));
    }
    Ok(())
}

async fn list(client: &Client, args: &ListArgs) -> Result<(), CliError> {
    let mut query = Vec::new();
    query.extend(args.kind.clone().map(|kind| ("kind", kind)));
    query.extend(args.state.clone().map(|state| ("state", state)));
    query.extend(args.held.then(|| ("held", "true".to_owned())));
    if let Some(token) = &args.token {
        query.push(("token", token::find(client, token).await?.id.to_string()));
    }
    let items = client.list("jobs", &query, args.limit as usize).await?;
    if args.access.json {
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    let jobs: Vec<Job> = items.iter().map(|item| follow::job_of(client, item)).collect::<Result<_, _>>()?;
    let rows = jobs.into_iter().map(|job| {
        let ended = job.ended_at.as_deref().map(print::moment).unwrap_or_default();
        let done = format!("{}/{}", job.progress.settled, job.progress.total);
        let done = if job.progress.total == 0 { String::new() } else { done };
        let refused =
            if job.progress.refused == 0 { String::new() } else { job.progress.refused.to_string() };
        let token = job.token.map(|id| id.to_string()).unwrap_or_default();
        [job.id.to_string(), job.kind, token, job.state, done, refused, print::moment(&job.created_at), ended]
    });
    print::table(["ID", "KIND", "TOKEN", "STATE", "SETTLED", "REFUSED", "CREATED", "ENDED"], rows);
    Ok(())
}

async fn show(client: &Client, args: &ShowArgs) -> Result<(), CliError> {
    let mut value = client.get(&format!("jobs/{}", args.id), &[]).await?;
    let job = follow::job_of(client, &value)?;
    let state = args.changes.as_deref().filter(|state| *state != "all");
    if args.access.json {
        if args.changes.is_some() {
            let query: Vec<_> = state.map(|state| ("state", state.to_owned())).into_iter().collect();
            let path = format!("jobs/{}/changes", args.id);
            value["changes"] = Value::Array(client.list(&path, &query, args.limit as usize).await?);
        }
        print::json(&value);
        return Ok(());
    }
    print::line(report::sentence(&job));
    let mut facts = vec![
        ("token", job.token.map(|id| id.to_string()).unwrap_or_default()),
        ("priority", job.priority.clone()),
        ("created", job.created_at.clone()),
        ("ended", job.ended_at.clone().unwrap_or_default()),
    ];
    if let Some(sync) = &job.sync {
        let total = sync.pages_total.map_or_else(|| "?".to_owned(), |total| total.to_string());
        facts.push(("pages", format!("{} of {total} ({})", sync.pages_done, sync.mode)));
    }
    if let Some(error) = &job.error {
        facts.push(("error", format!("{} ({})", error.detail, error.code)));
    }
    facts.retain(|(_, value)| !value.is_empty());
    print::facts(&facts);
    report::notes(&job);
    if job.kind == "move_license" {
        report::moves(client, args.id, None, args.limit as usize).await?;
    }
    if args.changes.is_some() {
        let limit = args.limit as usize;
        if job.is_about_users() {
            report::users(client, args.id, state, limit).await?;
        } else {
            report::changes(client, args.id, state, limit).await?;
        }
    }
    Ok(())
}
