//! Devices of the directory.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::listed::{body, list, one};
use crate::access::{self, AccessArgs};
use crate::client::spelled;
use crate::error::CliError;
use crate::upload;

#[derive(Debug, Subcommand)]
pub(crate) enum DeviceCommand {
    /// List devices.
    List(ListArgs),
    /// Show one device.
    Show(OneArgs),
    /// List the managed apps that a device reported.
    Apps(OneArgs),
    /// Tell of a device; what is left out stays as it is.
    Add(AddArgs),
    /// Tell of many devices from a CSV or NDJSON file.
    Import(ImportArgs),
    /// Note that a device is not managed any more; its licenses stay unless a policy says otherwise.
    Unenroll(OneArgs),
    /// Delete a device; its licenses come back unless a policy says otherwise.
    Delete(OneArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only those that are enrolled, unenrolled or deleted.
    #[arg(long)]
    state: Option<String>,
    /// Only those of this platform: ios, ipados, macos, tvos, visionos, watchos or unknown.
    #[arg(long)]
    platform: Option<String>,
    /// Only those of this person.
    #[arg(long)]
    user: Option<String>,
    /// Only those whose serial number begins so.
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
    /// The serial number.
    serial: String,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The serial number.
    serial: String,
    /// ios, ipados, macos, tvos, visionos, watchos or unknown.
    #[arg(long)]
    platform: Option<String>,
    /// personal or corporate.
    #[arg(long)]
    ownership: Option<String>,
    /// Whose it is, by id; empty: nobody's.
    #[arg(long)]
    user: Option<String>,
    /// Whether it is enrolled.
    #[arg(long)]
    enrolled: Option<bool>,
    /// Whether it is supervised.
    #[arg(long)]
    supervised: Option<bool>,
    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A CSV file whose first line names its columns (serial, platform, user, ownership, …); or, when its name ends with
    /// .ndjson or .jsonl, one JSON object a line with these fields.
    file: PathBuf,
    /// Take the rows that are right and name the others; otherwise one wrong row refuses all.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    access: AccessArgs,
}

impl DeviceCommand {
    pub(crate) fn access(&self) -> &AccessArgs {
        match self {
            Self::List(args) => &args.access,
            Self::Show(args) | Self::Apps(args) | Self::Unenroll(args) | Self::Delete(args) => &args.access,
            Self::Add(args) => &args.access,
            Self::Import(args) => &args.access,
        }
    }
}

pub(crate) async fn run(command: DeviceCommand, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(command.access(), config)?;
    let page = |args: &OneArgs| format!("devices/{}", spelled(&args.serial));
    match &command {
        DeviceCommand::List(args) => {
            let filters =
                [("state", &args.state), ("platform", &args.platform), ("user", &args.user), ("q", &args.q)];
            let query: Vec<_> =
                filters.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
            let columns = [
                ("SERIAL", "serial"),
                ("PLATFORM", "platform"),
                ("OS", "os_version"),
                ("STATE", "state"),
                ("USER", "user"),
                ("LAST SEEN", "last_seen_at"),
            ];
            list(&client, &args.access, ("devices", &query), args.limit, columns).await
        }
        DeviceCommand::Show(args) => {
            one(&args.access, &client.get(&page(args), &[]).await?);
            Ok(())
        }
        DeviceCommand::Apps(args) => {
            let columns = [
                ("APP", "bundle_id"),
                ("STATUS", "status"),
                ("VERSION", "shown_version"),
                ("NUMBER", "version"),
                ("REPORTED", "reported_at"),
            ];
            list(&client, &args.access, (&format!("{}/apps", page(args)), &[]), 5_000, columns).await
        }
        DeviceCommand::Add(args) => {
            let text = |text: &Option<String>| text.clone().map(Value::String);
            let body = body([
                ("serial", Some(json!(args.serial))),
                ("platform", text(&args.platform)),
                ("ownership", text(&args.ownership)),
                ("user", text(&args.user)),
                ("enrolled", args.enrolled.map(Value::Bool)),
                ("supervised", args.supervised.map(Value::Bool)),
            ]);
            one(&args.access, &client.post("devices", &body).await?.body);
            Ok(())
        }
        DeviceCommand::Import(args) => {
            let (media_type, bytes) = upload::read(&args.file)?;
            let query = [("partial", args.partial.to_string())];
            let mut answer = client.upload("devices/import", &query, media_type, bytes).await?.body;
            if !args.access.json {
                upload::rejected(&mut answer);
            }
            one(&args.access, &answer);
            Ok(())
        }
        DeviceCommand::Unenroll(args) => {
            one(&args.access, &client.post(&format!("{}/unenroll", page(args)), &json!({})).await?.body);
            Ok(())
        }
        DeviceCommand::Delete(args) => {
            one(&args.access, &client.delete(&page(args), &[]).await?.body);
            Ok(())
        }
    }
}
