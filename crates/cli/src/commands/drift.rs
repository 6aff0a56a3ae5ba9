//! Where what Apple has differs from what should be, and mending it.

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::listed::{list, one, text};
use crate::access::{self, AccessArgs};
use crate::commands::token;
use crate::error::CliError;
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    /// The token's id or name.
    token: String,
    /// List this class: missing, surplus, foreign, orphan, double, idle, irrevocable or stuck.
    class: Option<String>,
    /// Mend the class: give what is missing, take back everything else.
    #[arg(long, requires = "class")]
    fix: bool,
    /// The most that are listed.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

pub(crate) async fn run(args: DriftArgs, config: Option<&Path>) -> Result<(), CliError> {
    let client = access::client(&args.access, config)?;
    let path = format!("tokens/{}/drift", token::find(&client, &args.token).await?.id);
    let Some(class) = &args.class else {
        let classes = client.get(&path, &[]).await?;
        if args.access.json {
            print::json(&classes);
            return Ok(());
        }
        let rows = classes.as_array().into_iter().flatten();
        let rows = rows
            .map(|class| ["class", "count", "can_fix", "stance", "about"].map(|name| text(class.get(name))));
        print::table(["CLASS", "LICENSES", "CAN BE MENDED", "POLICY", "ABOUT"], rows);
        return Ok(());
    };
    let path = format!("{path}/{}", crate::client::spelled(class));
    if args.fix {
        one(&args.access, &client.post(&format!("{path}/fix"), &json!({})).await?.body);
        return Ok(());
    }
    let columns = [
        ("APP", "adam_id"),
        ("DEVICE", "serial"),
        ("USER", "user"),
        ("DETAIL", "detail"),
        ("CAN BE MENDED", "can_fix"),
    ];
    list(&client, &args.access, (&path, &[]), args.limit, columns).await
}
