//! The settings under `[secrets]`: where the key is that secrets in the database are sealed with.

use std::fmt;
use std::path::{Path, PathBuf};

use russet_domain::Secret;
use serde::Deserialize;

/// The whole `[secrets]` section.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretSettings {
    /// The file with the keys; empty means `secret.key` in the data directory.
    pub key_file: String,
    /// The keys themselves in place of a file: one `id:base64` a line, the first is used for what is newly sealed.
    pub key: String,
}

impl fmt::Debug for SecretSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { "" } else { "…" };
        f.debug_struct("SecretSettings").field("key_file", &self.key_file).field("key", &key).finish()
    }
}

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// From this file.
    File(PathBuf),
    /// From this text.
    Text(Secret),
}

impl SecretSettings {
    /// Where the keys come from, when the data directory is `data_dir`.
    #[must_use]
    pub fn source(&self, data_dir: &Path) -> KeySource {
        if !self.key.is_empty() {
            return KeySource::Text(Secret::new(self.key.clone()));
        }
        if self.key_file.is_empty() {
            return KeySource::File(data_dir.join("secret.key"));
        }
        KeySource::File(PathBuf::from(&self.key_file))
    }

    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        if !self.key.is_empty() && !self.key_file.is_empty() {
            let why = "is set beside secrets.key_file; keep one of them".to_owned();
            return Err(("secrets.key", why));
        }
        Ok(())
    }
}
