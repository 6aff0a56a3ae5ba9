//! How an app is to stand on devices, on the command line.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::listed::body;
use crate::error::CliError;

/// The largest file that is read; the API takes no larger configuration.
const FILE_MAX_BYTES: u64 = 256 * 1024;

/// How an app is to stand on devices, for installs and updates from then on.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// The UUID of the VPN that the app's traffic goes through, on iPhones and iPads; empty takes it away.
    #[arg(long, value_name = "UUID")]
    vpn_uuid: Option<String>,
    /// The person cannot delete the app, on iPhones and iPads.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    prevent_removal: Option<bool>,
    /// What the app keeps is left out of backups.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    prevent_backup: Option<bool>,
    /// The app goes when the device leaves its MDM server.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    remove_with_enrollment: Option<bool>,
    /// What the app is told: a file with a JSON object; {} takes it away. It may hold secrets.
    #[arg(long, value_name = "FILE")]
    configuration_file: Option<PathBuf>,
}

impl InstallArgs {
    /// As the API takes it; nothing when nothing is said.
    pub(super) fn body(&self) -> Result<Option<Value>, CliError> {
        let body = body([
            ("vpn_uuid", self.vpn_uuid.clone().map(Value::String)),
            ("prevent_removal", self.prevent_removal.map(|is_so| json!(is_so))),
            ("prevent_backup", self.prevent_backup.map(|is_so| json!(is_so))),
            ("remove_with_enrollment", self.remove_with_enrollment.map(|is_so| json!(is_so))),
            ("configuration", self.configuration_file.as_deref().map(configuration).transpose()?),
        ]);
        let says_something = body.as_object().is_some_and(|fields| !fields.is_empty());
        Ok(says_something.then_some(body))
    }
}

/// Reads what an app is told. Errors name the place and never the text, which may be a secret.
fn configuration(path: &Path) -> Result<Value, CliError> {
    let wrong = |why: String| CliError::Usage(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(FILE_MAX_BYTES).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(format!("line {}, column {}: this is not JSON", error.line(), error.column()))
    })?;
    if !value.is_object() {
        return Err(wrong("it should hold a JSON object, as {\"server\": \"…\"}".to_owned()));
    }
    Ok(value)
}
