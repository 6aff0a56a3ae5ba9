//! Finds the server and the API key that a person's command speaks to it with.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use russet_config::Settings;
use russet_domain::Secret;

use crate::client::Client;
use crate::error::CliError;

/// The longest key file that is read.
const KEY_MAX_BYTES: u64 = 4 * 1024;

/// How to reach the server, and how to print its answers.
#[derive(Clone, Debug, Args)]
pub(crate) struct AccessArgs {
    /// Where the server is; without it, where `api.listen` says.
    #[arg(long, env = "RUSSET_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A file with the API key. Without it, RUSSET_KEY; without that, `admin.key` in the data directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A client for the server that is meant. Settings are read only when something is not given: a person who names a
/// server and a key needs none.
pub(crate) fn client(access: &AccessArgs, config: Option<&Path>) -> Result<Client, CliError> {
    let from_environment = std::env::var("RUSSET_KEY").ok().filter(|key| !key.trim().is_empty());
    let settings = match (&access.url, &access.key_file, &from_environment) {
        (Some(_), Some(_), _) | (Some(_), None, Some(_)) => None,
        _ => Some(Settings::load(config)?),
    };
    let url = match (&access.url, &settings) {
        (Some(url), _) => url.clone(),
        (None, Some(settings)) => settings.api_url(),
        (None, None) => String::new(),
    };
    let key = match (&access.key_file, from_environment, &settings) {
        (Some(path), _, _) => read_key(path)?,
        (None, Some(key), _) => Secret::new(key.trim()),
        (None, None, Some(settings)) => {
            let path = settings.admin_key_file();
            if !path.exists() {
                return Err(CliError::Usage(format!(
                    "no API key: set RUSSET_KEY or --key-file; `russet serve` would have left one in {}",
                    path.display()
                )));
            }
            read_key(&path)?
        }
        (None, None, None) => Secret::new(""),
    };
    Client::new(&url, &key)
}

/// The secret that a file holds: one word.
pub(crate) fn read_key(path: &Path) -> Result<Secret, CliError> {
    let cannot =
        |why: String| CliError::Usage(format!("the key file {} cannot be read: {why}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    file.take(KEY_MAX_BYTES).read_to_string(&mut text).map_err(|error| cannot(error.to_string()))?;
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(cannot("it does not hold one API key".to_owned()));
    }
    Ok(Secret::new(key))
}
