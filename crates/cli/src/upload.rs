//! Files of rows that are sent to the server: CSV, or one JSON object a line.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use crate::error::CliError;
use crate::print;

/// The largest file that is sent; the server takes less unless told otherwise.
const FILE_MAX_BYTES: u64 = 256 * 1024 * 1024;
/// The most rows that are named on the screen.
const REJECTED_SHOWN: usize = 20;

/// A file with its media type: by its name one JSON object a line, or else a CSV.
///
/// # Errors
/// [`CliError::Usage`] when it cannot be read or is too large.
pub(crate) fn read(path: &Path) -> Result<(&'static str, Vec<u8>), CliError> {
    let cannot = |why: String| CliError::Usage(format!("{} cannot be read: {why}", path.display()));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(cannot(format!("it is larger than {FILE_MAX_BYTES} bytes; split it")));
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let media_type = match ending.to_ascii_lowercase().as_str() {
        "ndjson" | "jsonl" => "application/x-ndjson",
        _ => "text/csv",
    };
    Ok((media_type, bytes))
}

/// Names the rows that were left out, and leaves of them in the answer how many they are.
pub(crate) fn rejected(answer: &mut Value) {
    let rows = answer.pointer("/rejected/rows").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for row in rows.iter().take(REJECTED_SHOWN) {
        let (line, detail) = (&row["line"], row["detail"].as_str().unwrap_or_default());
        print::remark(format!("line {line} was left out: {}", print::plain(detail)));
    }
    let all = answer.pointer("/rejected/count").and_then(Value::as_u64).unwrap_or(0);
    if all > REJECTED_SHOWN as u64 {
        print::remark(format!("and {} more lines; --json names up to 1000", all - REJECTED_SHOWN as u64));
    }
    if let Some(rejected) = answer.get_mut("rejected") {
        *rejected = all.into();
    }
}
