//! Looks at the settings and the data directory.

use std::path::Path;

use russet_config::{ConfigError, Settings};

use super::Finding;

pub(super) fn right(settings: &Settings, config: Option<&Path>) -> Vec<Finding> {
    let from = match config {
        Some(path) => format!("defaults, {} and the environment", path.display()),
        None => "defaults and the environment".to_owned(),
    };
    vec![Finding::ok("settings", format!("read from {from}")), data_dir(settings)]
}

pub(super) fn wrong(error: &ConfigError) -> Vec<Finding> {
    error.0.iter().map(|problem| Finding::fail("settings", problem.to_string(), "")).collect()
}

fn data_dir(settings: &Settings) -> Finding {
    let path = &settings.data_dir;
    let shown = path.display();
    let Ok(metadata) = std::fs::metadata(path) else {
        return Finding::ok("data_dir", format!("{shown} is not there yet; `russet serve` makes it"));
    };
    if !metadata.is_dir() {
        return Finding::fail("data_dir", format!("{shown} is not a directory"), "set data_dir to one");
    }
    if readable_by_others(path) {
        return Finding::warn(
            "data_dir",
            format!("{shown} is open to other users"),
            format!("chmod 700 {shown}"),
        );
    }
    Finding::ok("data_dir", format!("{shown}"))
}

/// Whether users other than the owner may read it.
#[cfg(unix)]
pub(super) fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(super) fn readable_by_others(_: &Path) -> bool {
    false
}
