//! Why a device or a user has an app or lacks it.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::access::{self, AccessArgs};
use crate::commands::token;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// The app's number in Apple's stores.
    #[arg(long)]
    app: String,
    /// The device's serial number.
    #[arg(long, required_unless_present = "user", conflicts_with = "user")]
    serial: Option<String>,
    /// The user's id.
    #[arg(long)]
    user: Option<String>,
    /// Through this token alone, by id or name.
    #[arg(long)]
    token: Option<String>,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

pub(crate) async fn run(args: WhyArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let mut query = vec![("adam_id", args.app)];
    query.extend(args.serial.map(|serial| ("serial", serial)));
    query.extend(args.user.map(|user| ("user", user)));
    if let Some(name) = &args.token {
        query.push(("token", token::find(&client, name).await?.id.to_string()));
    }
    let answer = client.get("explain", &query).await?;
    if args.access.json {
        print::json(&answer);
        return Ok(());
    }
    for item in answer["items"].as_array().into_iter().flatten() {
        show(item);
    }
    Ok(())
}

fn show(item: &Value) {
    let name = text(&item["name"]).unwrap_or(&item["adam_id"]).as_str().unwrap_or_default();
    print::line(format!(
        "{} through token {}: {}",
        print::plain(name),
        item["token"],
        item["state"].as_str().unwrap_or("")
    ));
    for said in ["sentence", "outlook"] {
        if let Some(said) = text(&item[said]).and_then(Value::as_str) {
            print::line(print::plain(said));
        }
    }
    let changes = item["changes"].as_array().cloned().unwrap_or_default();
    if changes.is_empty() {
        return;
    }
    let field = |change: &Value, name: &str| match &change[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |change: &Value| {
        let why = change.pointer("/error/detail").cloned().unwrap_or(json!(null));
        [
            field(change, "wished_at"),
            field(change, "action"),
            field(change, "state"),
            field(change, "origin"),
            field(change, "job"),
            field(change, "request"),
            field(change, "event"),
            why.as_str().unwrap_or_default().to_owned(),
        ]
    };
    let headings = ["WISHED", "ACTION", "STATE", "BY", "JOB", "REQUEST", "EVENT", "WHY"];
    print::table(headings, changes.iter().map(row));
}

fn text(value: &Value) -> Option<&Value> {
    value.is_string().then_some(value)
}
