//! Registers many users of one location from a file.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::access::AccessArgs;
use crate::client::Client;
use crate::commands::token;
use crate::error::CliError;
use crate::follow::WaitArgs;
use crate::{follow, print};

/// The largest file that is sent; the server takes less unless told otherwise.
const FILE_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// The most rows that are named on the screen.
const REJECTED_SHOWN: usize = 20;

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A CSV file whose first line names the columns client_user_id, email and managed_apple_id; or, when its name ends
    /// with .ndjson or .jsonl, one JSON object a line with these fields.
    file: PathBuf,
    /// The token's id or name.
    #[arg(long)]
    token: String,
    /// Take the rows that are right and name the others; otherwise one wrong row refuses all.
    #[arg(long)]
    partial: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
}

pub(super) async fn run(client: &Client, args: ImportArgs) -> Result<(), CliError> {
    let bytes = read(&args)?;
    let ending = args.file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let media_type = match ending.to_ascii_lowercase().as_str() {
        "ndjson" | "jsonl" => "application/x-ndjson",
        _ => "text/csv",
    };
    let token = token::find(client, &args.token).await?;
    let query = [("token", token.id.to_string()), ("partial", args.partial.to_string())];
    let answer = client.upload("users/import", &query, media_type, bytes).await?;
    if !args.access.json {
        rejected(&answer.body);
    }
    follow::submitted(client, &args.access, args.wait, answer.body).await
}

fn read(args: &ImportArgs) -> Result<Vec<u8>, CliError> {
    let cannot = |why: String| CliError::Usage(format!("{} cannot be read: {why}", args.file.display()));
    let mut bytes = Vec::new();
    let file = File::open(&args.file).map_err(|error| cannot(error.to_string()))?;
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(cannot(format!("it is larger than {FILE_MAX_BYTES} bytes; split it")));
    }
    Ok(bytes)
}

/// Names the rows that were left out.
fn rejected(answer: &Value) {
    let rows = answer.pointer("/rejected/rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for row in rows.iter().take(REJECTED_SHOWN) {
        let (line, detail) = (&row["line"], row["detail"].as_str().unwrap_or_default());
        print::remark(format!("line {line} was left out: {}", print::plain(detail)));
    }
    let all = answer.pointer("/rejected/count").and_then(Value::as_u64).unwrap_or(0);
    if all > REJECTED_SHOWN as u64 {
        print::remark(format!("and {} more lines; --json names up to 1000", all - REJECTED_SHOWN as u64));
    }
}
