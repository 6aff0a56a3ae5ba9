//! MDM servers that commands are sent to and that tell what happened.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::listed::{body, list, one};
use crate::access::{self, AccessArgs, read_key};
use crate::client::spelled;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// List connectors.
    List(AccessArgs),
    /// Show a connector: whether its server takes commands, and when it was last heard.
    Show(OneArgs),
    /// Make a connector to an MDM server.
    Add(AddArgs),
    /// Change a connector; a new address or key lets a parked one begin again.
    Change(ChangeArgs),
    /// What the server told last, and what became of it.
    Messages(OneArgs),
    /// Remove a connector; what was under way ends.
    Remove(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The connector's name.
    name: String,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its name: small letters, digits, dashes, underscores.
    name: String,
    /// Which server it is.
    #[arg(long, value_enum)]
    kind: Kind,
    /// The root of the server's API; a webhook is called at exactly this address.
    #[arg(long)]
    server: String,
    /// A file with the key to the server's API.
    #[arg(long, value_name = "FILE")]
    api_key_file: PathBuf,
    /// A file with the key that the server signs its webhooks with; Fleet sends none.
    #[arg(long, value_name = "FILE")]
    webhook_key_file: Option<PathBuf>,
    /// A file with the address that webhooks are passed on to.
    #[arg(long, value_name = "FILE")]
    forward_to_file: Option<PathBuf>,
    /// The root of the KMFDDM beside a NanoMDM: apps come by declaration onto devices that can have it so.
    #[arg(long, value_name = "URL", requires = "declarations_key_file")]
    declarations_server: Option<String>,
    /// A file with the key to it.
    #[arg(long, value_name = "FILE", requires = "declarations_server")]
    declarations_key_file: Option<PathBuf>,
    /// Have apps come by declaration onto devices that can have it so; of NanoHUB, which has declarations itself.
    #[arg(long, conflicts_with = "declarations_server")]
    declarations: bool,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// The connector's name.
    name: String,
    /// The root of the server's API.
    #[arg(long)]
    server: Option<String>,
    /// A file with the key to the server's API.
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// A file with the key that the server signs its webhooks with.
    #[arg(long, value_name = "FILE")]
    webhook_key_file: Option<PathBuf>,
    /// A file with the address that webhooks are passed on to.
    #[arg(long, value_name = "FILE", conflicts_with = "no_forwarding")]
    forward_to_file: Option<PathBuf>,
    /// Pass no webhooks on any more, also not those that wait for it.
    #[arg(long)]
    no_forwarding: bool,
    /// The root of the KMFDDM beside a NanoMDM.
    #[arg(long, value_name = "URL")]
    declarations_server: Option<String>,
    /// A file with the key to it.
    #[arg(long, value_name = "FILE")]
    declarations_key_file: Option<PathBuf>,
    /// Whether apps come by declaration onto devices that can have it so.
    #[arg(long, value_name = "BOOL")]
    declarations: Option<bool>,
    /// Whether commands are sent to it.
    #[arg(long, value_enum)]
    state: Option<State>,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Nanomdm,
    Nanohub,
    Micromdm,
    Fleet,
    Webhook,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    Active,
    Parked,
}

impl ConnectorCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::List(access) => access,
            Self::Show(args) | Self::Messages(args) | Self::Remove(args) => &args.access,
            Self::Add(args) => &args.access,
            Self::Change(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: ConnectorCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    let path = |name: &str| format!("connectors/{}", spelled(name));
    match &command {
        ConnectorCommand::List(access) => {
            let columns = [
                ("NAME", "name"),
                ("KIND", "kind"),
                ("STATE", "state"),
                ("CHECKED", "checked_at"),
                ("HEARD", "heard_at"),
                ("REASON", "reason"),
            ];
            return list(&client, access, ("connectors", &[]), 1_000, columns).await;
        }
        ConnectorCommand::Show(args) => one(&args.access, &client.get(&path(&args.name), &[]).await?),
        ConnectorCommand::Add(args) => one(&args.access, &client.post("connectors", &new(args)?).await?.body),
        ConnectorCommand::Change(args) => {
            let answer = client.patch(&path(&args.name), &[], &changes(args)?).await?;
            one(&args.access, &answer.body);
        }
        ConnectorCommand::Messages(args) => {
            let columns = [("ID", "id"), ("RECEIVED", "received_at"), ("VERDICT", "verdict")];
            let path = format!("{}/messages", path(&args.name));
            return list(&client, &args.access, (&path, &[]), 200, columns).await;
        }
        ConnectorCommand::Remove(args) => {
            client.delete(&path(&args.name), &[]).await?;
            print::remark(format!("the connector {} is gone", args.name));
        }
    }
    Ok(())
}

fn new(args: &AddArgs) -> Result<Value, CliError> {
    let kind = match args.kind {
        Kind::Nanomdm => "nanomdm",
        Kind::Nanohub => "nanohub",
        Kind::Micromdm => "micromdm",
        Kind::Fleet => "fleet",
        Kind::Webhook => "webhook",
    };
    Ok(body([
        ("name", Some(json!(args.name))),
        ("kind", Some(json!(kind))),
        ("url", Some(json!(args.server))),
        ("api_key", Some(secret(&args.api_key_file)?)),
        ("webhook_key", args.webhook_key_file.as_deref().map(secret).transpose()?),
        ("forward_to", args.forward_to_file.as_deref().map(secret).transpose()?),
        ("declares", args.declarations.then_some(json!(true))),
        ("declarations_url", args.declarations_server.as_ref().map(|url| json!(url))),
        ("declarations_key", args.declarations_key_file.as_deref().map(secret).transpose()?),
    ]))
}

fn changes(args: &ChangeArgs) -> Result<Value, CliError> {
    let state = args.state.map(|state| match state {
        State::Active => "active",
        State::Parked => "parked",
    });
    let forward_to = match &args.forward_to_file {
        Some(file) => Some(secret(file)?),
        None => args.no_forwarding.then(|| json!("")),
    };
    Ok(body([
        ("url", args.server.as_ref().map(|url| json!(url))),
        ("api_key", args.api_key_file.as_deref().map(secret).transpose()?),
        ("webhook_key", args.webhook_key_file.as_deref().map(secret).transpose()?),
        ("forward_to", forward_to),
        ("declares", args.declarations.map(|declares| json!(declares))),
        ("declarations_url", args.declarations_server.as_ref().map(|url| json!(url))),
        ("declarations_key", args.declarations_key_file.as_deref().map(secret).transpose()?),
        ("state", state.map(|state| json!(state))),
    ]))
}

/// Secrets come in files: what stands on a command line is seen by everybody on the machine.
fn secret(path: &Path) -> Result<Value, CliError> {
    Ok(json!(read_key(path)?.reveal()))
}
