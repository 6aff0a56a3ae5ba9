//! The settings under `[log]`.

use serde::Deserialize;

/// The whole `[log]` section. Logs go to the standard error stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// For people or for programs.
    pub format: LogFormat,
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, also for one crate (`info,russet_queue=debug`).
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogSettings {
    /// Looks at the level, which is the only free text here.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        let unknown = self.level.split(',').map(str::trim).find(|part| {
            let level = part.rsplit_once('=').map_or(*part, |(_, level)| level);
            !["error", "warn", "info", "debug", "trace", "off"].contains(&level.to_ascii_lowercase().as_str())
        });
        match unknown {
            None => Ok(()),
            Some(part) => Err((
                "log.level",
                format!(
                    "holds {part:?}; it should be one of error, warn, info, debug and trace, or such as info,russet_queue=debug"
                ),
            )),
        }
    }
}
