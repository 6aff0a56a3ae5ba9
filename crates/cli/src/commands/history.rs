//! Which licenses changed hands, and who held what at a moment of the past.

use std::path::Path;

use clap::Args;

use super::listed::{list, text};
use crate::access::{self, AccessArgs};
use crate::commands::token;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Only licenses of this token, by id or name.
    #[arg(long)]
    token: Option<String>,
    /// Only this app.
    #[arg(long)]
    app: Option<String>,
    /// Only this device.
    #[arg(long, conflicts_with = "user")]
    serial: Option<String>,
    /// Only this user.
    #[arg(long)]
    user: Option<String>,
    /// From this day or moment on, as 2031-04-09 or 2031-04-09T10:20:30Z.
    #[arg(long)]
    since: Option<String>,
    /// Before this day or moment.
    #[arg(long)]
    until: Option<String>,
    /// Not what moved, but who held licenses at this day or moment; needs --token.
    #[arg(long, requires = "token", conflicts_with_all = ["since", "until"])]
    at: Option<String>,
    /// Print CSV instead of a table.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    limit: u32,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

const MOVED: [(&str, &str); 10] = [
    ("AT", "at"),
    ("TOKEN", "token"),
    ("APP", "adam_id"),
    ("DEVICE", "serial"),
    ("USER", "user"),
    ("ACTION", "action"),
    ("BY", "cause"),
    ("JOB", "job"),
    ("KEY", "key"),
    ("EVENT", "event"),
];
const HELD: [(&str, &str); 5] =
    [("TOKEN", "token"), ("APP", "adam_id"), ("NAME", "name"), ("DEVICE", "serial"), ("USER", "user")];

pub(crate) async fn run(args: HistoryArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let mut query = Vec::new();
    if let Some(name) = &args.token {
        query.push(("token", token::find(&client, name).await?.id.to_string()));
    }
    query.extend(args.app.map(|app| ("adam_id", app)));
    query.extend(args.serial.map(|serial| ("serial", serial)));
    query.extend(args.user.map(|user| ("user", user)));
    query.extend(args.since.map(|since| ("since", since)));
    query.extend(args.until.map(|until| ("until", until)));
    let is_past = args.at.is_some();
    query.extend(args.at.map(|at| ("at", at)));
    let path = if is_past { "licenses" } else { "movements" };
    if args.csv {
        let items = client.list(path, &query, usize::try_from(args.limit).unwrap_or(usize::MAX)).await?;
        let columns: &[(&str, &str)] = if is_past { &HELD } else { &MOVED };
        let rows = items.iter().map(|item| columns.iter().map(|(_, field)| text(item.get(field))).collect());
        return print::csv(columns.iter().map(|(_, field)| *field), rows);
    }
    if is_past {
        list(&client, &args.access, (path, &query), args.limit, HELD).await
    } else {
        list(&client, &args.access, (path, &query), args.limit, MOVED).await
    }
}
