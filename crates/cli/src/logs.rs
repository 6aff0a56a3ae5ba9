//! Sends the servers' log to the error stream.

use std::io::IsTerminal as _;

use russet_config::{LogFormat, LogSettings};
use tracing_subscriber::EnvFilter;

use crate::error::CliError;

/// Starts logging. `RUSSET_LOG` wins over `log.level`.
pub(crate) fn start(settings: &LogSettings) -> Result<(), CliError> {
    let wanted = std::env::var("RUSSET_LOG").ok().filter(|text| !text.trim().is_empty());
    let (name, text) = match &wanted {
        Some(text) => ("RUSSET_LOG", text.as_str()),
        None => ("log.level", settings.level.as_str()),
    };
    let filter = EnvFilter::try_new(text).map_err(|error| {
        CliError::Usage(format!("{name} cannot be used: {error}; it should be such as info"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    started.map_err(|error| CliError::Failed(format!("the log cannot be started: {error}")))
}
