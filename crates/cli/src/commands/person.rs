//! People of the directory. Who is registered at Apple is what `russet user` is about.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::listed::{body, list, one};
use crate::access::{self, AccessArgs};
use crate::client::spelled;
use crate::error::CliError;
use crate::upload;

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// List people.
    List(ListArgs),
    /// Show one person.
    Show(OneArgs),
    /// Tell of a person; what is left out stays as it is.
    Add(AddArgs),
    /// Tell of many people from a CSV or NDJSON file.
    Import(ImportArgs),
    /// Delete a person; the licenses come back unless a policy says otherwise.
    Delete(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those that are active or deleted.
    #[arg(long)]
    state: Option<String>,
    /// Only those whose id begins so.
    #[arg(long, value_name = "BEGINNING")]
    q: Option<String>,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The person's id.
    id: String,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The person's id.
    id: String,
    /// The name; Apple is not told.
    #[arg(long)]
    name: Option<String>,
    /// The email address.
    #[arg(long)]
    email: Option<String>,
    /// A Managed Apple Account.
    #[arg(long, value_name = "ACCOUNT")]
    managed_apple_id: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A CSV file whose first line names its columns (client_user_id, name, email, managed_apple_id); or, when its name ends with
    /// .ndjson or .jsonl, one JSON object a line with these fields.
    file: PathBuf,
    /// Take the rows that are right and name the others; otherwise one wrong row refuses all.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    access: AccessArgs,
}

impl PersonCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::List(args) => &args.access,
            Self::Show(args) | Self::Delete(args) => &args.access,
            Self::Add(args) => &args.access,
            Self::Import(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: PersonCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    let page = |args: &OneArgs| format!("people/{}", spelled(&args.id));
    match &command {
        PersonCommand::List(args) => {
            let query: Vec<_> = [("state", &args.state), ("q", &args.q)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.clone()?)))
                .collect();
            let columns =
                [("PERSON", "client_user_id"), ("NAME", "name"), ("EMAIL", "email"), ("STATE", "state")];
            return list(&client, &args.access, ("people", &query), args.limit, columns).await;
        }
        PersonCommand::Show(args) => one(&args.access, &client.get(&page(args), &[]).await?),
        PersonCommand::Add(args) => {
            let text = |text: &Option<String>| text.clone().map(Value::String);
            let body = body([
                ("client_user_id", Some(json!(args.id))),
                ("name", text(&args.name)),
                ("email", text(&args.email)),
                ("managed_apple_id", text(&args.managed_apple_id)),
            ]);
            one(&args.access, &client.post("people", &body).await?.body);
        }
        PersonCommand::Import(args) => {
            let (media_type, bytes) = upload::read(&args.file)?;
            let query = [("partial", args.partial.to_string())];
            let mut answer = client.upload("people/import", &query, media_type, bytes).await?.body;
            if !args.access.json {
                upload::rejected(&mut answer);
            }
            one(&args.access, &answer);
        }
        PersonCommand::Delete(args) => one(&args.access, &client.delete(&page(args), &[]).await?.body),
    }
    Ok(())
}
