//! Where the database is.

use serde::Deserialize;

/// The `[store]` section of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `sqlite:///path/russet.db` for a file on this machine, or `postgres://user:password@host:5432/database` for a
    /// server that several processes share. Empty until the program fills in a file in its data directory.
    pub url: String,
}
