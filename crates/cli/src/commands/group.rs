//! Groups of devices or people.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::listed::{body, list, one};
use crate::access::{self, AccessArgs};
use crate::client::{Client, spelled};
use crate::error::CliError;
use crate::{print, upload};

/// The most members that are listed.
const MEMBERS_MAX: usize = 1_000_000;

#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// List groups.
    List(ListArgs),
    /// Make a group.
    Create(CreateArgs),
    /// List the members of a group.
    Members(OneArgs),
    /// Put members into a group.
    Add(MembersArgs),
    /// Take members out of a group.
    Remove(MembersArgs),
    /// Make the members named in a CSV or NDJSON file those of the group, and nobody else.
    Replace(ReplaceArgs),
    /// Delete a group that no assignment names.
    Delete(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those of devices, or of people.
    #[arg(long)]
    kind: Option<String>,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name.
    name: String,
    /// What its members are: devices or people.
    #[arg(long)]
    kind: String,
    /// What people call it.
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The group's name.
    group: String,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MembersArgs {
    /// The group's name.
    group: String,
    /// Serial numbers, or the ids of people.
    #[arg(required = true, value_delimiter = ',')]
    members: Vec<String>,
    /// Make known whoever is not known yet.
    #[arg(long)]
    create_missing: bool,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReplaceArgs {
    /// The group's name.
    group: String,
    /// A CSV file with the column member; or, when its name ends with .ndjson or .jsonl, one JSON object a line.
    file: PathBuf,
    /// Make known whoever is not known yet.
    #[arg(long)]
    create_missing: bool,
    #[command(flatten)]
    access: AccessArgs,
}

impl GroupCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::List(args) => &args.access,
            Self::Create(args) => &args.access,
            Self::Members(args) | Self::Delete(args) => &args.access,
            Self::Add(args) | Self::Remove(args) => &args.access,
            Self::Replace(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: GroupCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    match &command {
        GroupCommand::List(args) => {
            let query: Vec<_> = args.kind.iter().map(|kind| ("kind", kind.clone())).collect();
            let columns = [("GROUP", "name"), ("KIND", "kind"), ("MEMBERS", "members"), ("TITLE", "title")];
            return list(&client, &args.access, ("groups", &query), args.limit, columns).await;
        }
        GroupCommand::Create(args) => {
            let new = body([
                ("name", Some(json!(args.name))),
                ("kind", Some(json!(args.kind))),
                ("title", args.title.clone().map(Value::String)),
            ]);
            one(&args.access, &client.post("groups", &new).await?.body);
        }
        GroupCommand::Members(args) => {
            let items = client.list(&members_of(&args.group), &[], MEMBERS_MAX).await?;
            if args.access.json {
                print::json(&json!({ "items": items }));
            } else {
                items.iter().filter_map(Value::as_str).for_each(|name| print::line(print::plain(name)));
            }
        }
        GroupCommand::Add(args) => change(&client, args, "add").await?,
        GroupCommand::Remove(args) => change(&client, args, "remove").await?,
        GroupCommand::Replace(args) => {
            let (media_type, bytes) = upload::read(&args.file)?;
            let query = [("create_missing", args.create_missing.to_string())];
            let path = format!("{}/import", members_of(&args.group));
            one(&args.access, &client.replace(&path, &query, media_type, bytes).await?.body);
        }
        GroupCommand::Delete(args) => {
            let path = format!("groups/{}", spelled(&args.group));
            one(&args.access, &client.delete(&path, &[]).await?.body);
        }
    }
    Ok(())
}

fn members_of(group: &str) -> String {
    format!("groups/{}/members", spelled(group))
}

async fn change(client: &Client, args: &MembersArgs, way: &str) -> Result<(), CliError> {
    let query = [("create_missing", args.create_missing.to_string())];
    let difference = json!({ way: args.members });
    one(&args.access, &client.patch(&members_of(&args.group), &query, &difference).await?.body);
    Ok(())
}
