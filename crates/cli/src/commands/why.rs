//! Why a device or a user has an app or lacks it.

use std::path::Path;

use clap::Args;
use serde_json::Value;

use super::listed::text;
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
    let field = |name: &str| print::plain(&text(item.get(name)));
    let name = if item["name"].is_null() { field("adam_id") } else { field("name") };
    print::line(format!("{name} through token {}: {}", field("token"), field("state")));
    for said in ["sentence", "outlook"].map(field).into_iter().filter(|said| !said.is_empty()) {
        print::line(said);
    }
    let Some(changes) = item["changes"].as_array().filter(|changes| !changes.is_empty()) else { return };
    let row = |change: &Value| {
        let told = ["wished_at", "action", "state", "origin", "job", "request", "event"];
        let [wished, action, state, by, job, request, event] = told.map(|name| text(change.get(name)));
        [wished, action, state, by, job, request, event, text(change.pointer("/error/detail"))]
    };
    let headings = ["WISHED", "ACTION", "STATE", "BY", "JOB", "REQUEST", "EVENT", "WHY"];
    print::table(headings, changes.iter().map(row));
}
