//! Which group is to have which app.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::install_settings::InstallArgs;
use super::listed::{body, list, one};
use crate::access::{self, AccessArgs};
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Subcommand)]
pub(crate) enum AssignmentCommand {
    /// List assignments with how many of those who are to have the app have its license.
    List(ListArgs),
    /// Show one assignment.
    Show(OneArgs),
    /// Assign an app to a group.
    Add(AddArgs),
    /// Change an assignment; what is not named stays.
    Change(Box<ChangeArgs>),
    /// Remove an assignment; what becomes of the licenses, the token's policies say.
    Remove(OneArgs),
    /// Ask for an app that is available to a person.
    Request(RequestArgs),
    /// Give back what a person asked for.
    Withdraw(RequestArgs),
    /// Show what a token goes by when somebody leaves, or decide it with NAME=VALUE.
    Policy(PolicyArgs),
    /// Look at everything that assignments of a token have to do with, and try again what did not come to be.
    Reconcile(ReconcileArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those of this token, by id or name.
    #[arg(long)]
    token: Option<String>,
    /// Only those of this group.
    #[arg(long)]
    group: Option<String>,
    /// Only those of this app.
    #[arg(long)]
    app: Option<String>,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The assignment's number.
    assignment: i64,
    #[command(flatten)]
    access: AccessArgs,
}

/// An assignment to be made, or to be planned.
#[derive(Debug, Args)]
pub(crate) struct NewAssignment {
    /// The token's id or name.
    #[arg(long)]
    token: String,
    /// The app's number in Apple's stores.
    #[arg(long)]
    app: String,
    /// The quality: STDQ or PLUS.
    #[arg(long)]
    pricing: Option<String>,
    /// The group's name.
    #[arg(long)]
    group: String,
    /// required: every member gets it; available: whoever asks for it; uninstall: nobody of the group has it.
    #[arg(long, default_value = "required")]
    intent: String,
    /// Whose licenses they are: device or user.
    #[arg(long, default_value = "device")]
    license: String,
    /// How urgent it is, from -100 to 100.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i64,
    /// Groups whose members are left out.
    #[arg(long, value_delimiter = ',')]
    exclude: Vec<String>,
    /// Never take licenses through it back.
    #[arg(long)]
    pinned: bool,
    /// How many holders at a time may have a license through it; the rest waits.
    #[arg(long)]
    quota: Option<i64>,
    #[command(flatten)]
    install: InstallArgs,
}

impl NewAssignment {
    /// As the API takes it.
    pub(super) async fn body(&self, client: &Client) -> Result<Value, CliError> {
        Ok(body([
            ("token", Some(json!(token::find(client, &self.token).await?.id))),
            ("adam_id", Some(json!(self.app))),
            ("pricing_param", self.pricing.clone().map(Value::String)),
            ("group", Some(json!(self.group))),
            ("intent", Some(json!(self.intent))),
            ("license", Some(json!(self.license))),
            ("priority", Some(json!(self.priority))),
            ("exclude", Some(json!(self.exclude))),
            ("pinned", Some(json!(self.pinned))),
            ("quota", self.quota.map(Value::from)),
            ("install", self.install.body()?),
        ]))
    }
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    new: NewAssignment,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// The assignment's number.
    assignment: i64,
    /// required, available or uninstall.
    #[arg(long)]
    intent: Option<String>,
    /// Whose licenses they are: device or user.
    #[arg(long)]
    license: Option<String>,
    /// How urgent it is, from -100 to 100.
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i64>,
    /// Whether the app is to be updated: yes, no or as_the_token_says.
    #[arg(long)]
    auto_update: Option<String>,
    /// Groups whose members are left out, all of them.
    #[arg(long, value_delimiter = ',')]
    exclude: Option<Vec<String>>,
    /// Whether licenses through it are never taken back.
    #[arg(long)]
    pinned: Option<bool>,
    /// How many holders at a time may have a license through it, or none for any number.
    #[arg(long)]
    quota: Option<String>,
    #[command(flatten)]
    install: InstallArgs,
    #[command(flatten)]
    access: AccessArgs,
}

impl ChangeArgs {
    fn body(&self) -> Result<Value, CliError> {
        Ok(body([
            ("intent", self.intent.clone().map(Value::String)),
            ("license", self.license.clone().map(Value::String)),
            ("priority", self.priority.map(|priority| json!(priority))),
            ("auto_update", self.auto_update.clone().map(Value::String)),
            ("exclude", self.exclude.as_ref().map(|groups| json!(groups))),
            ("pinned", self.pinned.map(|pinned| json!(pinned))),
            ("quota", self.quota.as_deref().map(quota)),
            ("install", self.install.body()?),
        ]))
    }
}

#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// Who asks, by id.
    #[arg(long)]
    user: String,
    /// For which device; all of the person's when left out.
    #[arg(long)]
    serial: Option<String>,
    /// The app's number in Apple's stores.
    #[arg(long)]
    app: String,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// The token's id or name.
    token: String,
    /// What to decide, as in on_unenroll=free; an empty value lets the default hold again.
    #[arg(value_name = "NAME=VALUE")]
    decisions: Vec<String>,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// The token's id or name.
    token: String,
    #[command(flatten)]
    access: AccessArgs,
}

impl AssignmentCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::List(args) => &args.access,
            Self::Show(args) | Self::Remove(args) => &args.access,
            Self::Add(args) => &args.access,
            Self::Change(args) => &args.access,
            Self::Request(args) | Self::Withdraw(args) => &args.access,
            Self::Policy(args) => &args.access,
            Self::Reconcile(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: AssignmentCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    match &command {
        AssignmentCommand::List(args) => {
            let mut query = Vec::new();
            if let Some(name) = &args.token {
                query.push(("token", token::find(&client, name).await?.id.to_string()));
            }
            query.extend(args.group.clone().map(|group| ("group", group)));
            query.extend(args.app.clone().map(|app| ("adam_id", app)));
            let columns = [
                ("ID", "id"),
                ("TOKEN", "token"),
                ("APP", "adam_id"),
                ("GROUP", "group"),
                ("INTENT", "intent"),
                ("LICENSE", "license"),
                ("WANTED", "wanted"),
                ("HELD", "held"),
                ("WAITING", "waiting"),
                ("QUOTA", "quota"),
            ];
            return list(&client, &args.access, ("assignments", &query), args.limit, columns).await;
        }
        AssignmentCommand::Show(args) => {
            one(&args.access, &client.get(&format!("assignments/{}", args.assignment), &[]).await?);
        }
        AssignmentCommand::Add(args) => {
            let new = args.new.body(&client).await?;
            one(&args.access, &client.post("assignments", &new).await?.body);
        }
        AssignmentCommand::Change(args) => {
            let path = format!("assignments/{}", args.assignment);
            one(&args.access, &client.patch(&path, &[], &args.body()?).await?.body);
        }
        AssignmentCommand::Remove(args) => {
            one(&args.access, &client.delete(&format!("assignments/{}", args.assignment), &[]).await?.body);
        }
        AssignmentCommand::Request(args) => {
            one(&args.access, &client.post("requests", &asked(args)).await?.body);
        }
        AssignmentCommand::Withdraw(args) => {
            one(&args.access, &client.withdraw("requests", &asked(args)).await?.body);
        }
        AssignmentCommand::Policy(args) => return policy(&client, args).await,
        AssignmentCommand::Reconcile(args) => {
            let id = token::find(&client, &args.token).await?.id;
            one(&args.access, &client.post(&format!("tokens/{id}/reconcile"), &json!({})).await?.body);
        }
    }
    Ok(())
}

/// A number, or the word that the API knows.
fn quota(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| json!(text), Value::from)
}

fn asked(args: &RequestArgs) -> Value {
    body([
        ("user", Some(json!(args.user))),
        ("serial", args.serial.clone().map(Value::String)),
        ("adam_id", Some(json!(args.app))),
    ])
}

async fn policy(client: &Client, args: &PolicyArgs) -> Result<(), CliError> {
    let id = token::find(client, &args.token).await?.id;
    let path = format!("tokens/{id}/policies");
    let mut wanted = serde_json::Map::new();
    for decision in &args.decisions {
        let Some((name, value)) = decision.split_once('=') else {
            return Err(CliError::Usage(format!(
                "{decision:?} should be NAME=VALUE, as in on_unenroll=free"
            )));
        };
        let value = if value.is_empty() { Value::Null } else { Value::String(value.to_owned()) };
        wanted.insert(name.to_owned(), value);
    }
    let policies = if wanted.is_empty() {
        client.get(&path, &[]).await?
    } else {
        client.patch(&path, &[], &Value::Object(wanted)).await?.body
    };
    if args.access.json {
        print::json(&policies);
        return Ok(());
    }
    let rows = policies.as_array().into_iter().flatten().map(|policy| {
        let text = |name: &str| policy[name].as_str().unwrap_or_default().to_owned();
        [text("name"), text("value"), text("default"), text("about")]
    });
    print::table(["POLICY", "VALUE", "DEFAULT", "ABOUT"], rows);
    Ok(())
}
