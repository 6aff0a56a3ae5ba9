//! What is used, free and waited for, how long it lasts, and what to buy.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::listed::text;
use crate::access::{self, AccessArgs};
use crate::commands::token;
use crate::error::CliError;
use crate::print;

/// The most apps of one token.
const APPS_MAX: usize = 100_000;
/// The most tokens looked at when none is named.
const TOKENS_MAX: usize = 100_000;

#[derive(Debug, Args)]
pub(crate) struct SupplyArgs {
    /// Only this token, by id or name; all when left out.
    #[arg(long)]
    token: Option<String>,
    /// How many days ahead is bought.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=730))]
    days: u64,
    /// How many more of every app will be wanted besides, such as for new devices.
    #[arg(long, default_value_t = 0)]
    more: u64,
    /// Only what is to be bought: the purchase list.
    #[arg(long)]
    to_buy: bool,
    /// Print CSV instead of a table.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

const COLUMNS: [(&str, &str); 12] = [
    ("TOKEN", "token"),
    ("LOCATION", "location"),
    ("APP", "adam_id"),
    ("QUALITY", "pricing_param"),
    ("NAME", "name"),
    ("USED", "used"),
    ("FREE", "free"),
    ("WAITING", "waiting"),
    ("DAYS LEFT", "days_left"),
    ("ALERTS", "alerts"),
    ("TO BUY", "to_buy"),
    ("ELSEWHERE", "elsewhere"),
];

pub(crate) async fn run(args: SupplyArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let tokens = match &args.token {
        Some(name) => vec![token::find(&client, name).await?.id],
        None => {
            let all = client.list("tokens", &[], TOKENS_MAX).await?;
            all.iter().filter_map(|token| token["id"].as_i64()).collect()
        }
    };
    let query = [
        ("days", args.days.to_string()),
        ("more", args.more.to_string()),
        ("to_buy", args.to_buy.to_string()),
    ];
    let mut items = Vec::new();
    for id in tokens {
        items.extend(client.list(&format!("tokens/{id}/supply"), &query, APPS_MAX).await?);
    }
    if args.access.json {
        print::json(&json!({ "items": items }));
        return Ok(());
    }
    let row = |item: &Value| COLUMNS.map(|(_, field)| cell(item, field));
    if args.csv {
        let rows = items.iter().map(|item| row(item).to_vec());
        return print::csv(COLUMNS.map(|(_, field)| field), rows);
    }
    print::table(COLUMNS.map(|(heading, _)| heading), items.iter().map(row));
    Ok(())
}

fn cell(item: &Value, field: &str) -> String {
    match &item[field] {
        Value::Null if field == "free" => "no limit".to_owned(),
        Value::Array(spares) if field == "elsewhere" => {
            let spare =
                |spare: &Value| format!("{} at {}", text(spare.get("free")), text(spare.get("token_name")));
            spares.iter().map(spare).collect::<Vec<_>>().join(", ")
        }
        value => text(Some(value)),
    }
}
