//! Finds the keys that secrets in the database are sealed with, and makes the first one where that is safe.

use std::path::Path;

use russet_config::{KeySource, Settings};
use russet_store::{KeyRing, Store, tokens};

use crate::error::{CliError, failed};

/// Reads the keys.
pub(crate) fn read(settings: &Settings) -> Result<KeyRing, CliError> {
    match settings.key_source() {
        KeySource::Text(text) => KeyRing::from_text(text.reveal()).map_err(failed),
        KeySource::File(path) if path.exists() => KeyRing::read_file(&path).map_err(failed),
        KeySource::File(path) => Err(CliError::Failed(format!(
            "the key file {} is not there. Give every process of a cluster the same file (secrets.key_file); \
             `russet migrate --create-key` makes the first one. If it was lost, restore it from a backup: \
             what it sealed cannot be read without it",
            path.display()
        ))),
    }
}

/// Opens the database for work that reads and writes no secret: nothing is sealed with the key made up here.
pub(crate) async fn open_without(settings: &Settings) -> Result<Store, CliError> {
    Store::open(&settings.store, KeyRing::generate()).await.map_err(failed)
}

/// Makes the key file when it is missing. Refused when the database holds tokens already: a new key would not open
/// them, and the lost one would no longer be looked for. The tables have to be there.
pub(crate) async fn create_if_missing(settings: &Settings, store: &Store) -> Result<bool, CliError> {
    let KeySource::File(path) = settings.key_source() else { return Ok(false) };
    if path.exists() {
        return Ok(false);
    }
    let mut db = store.read().await.map_err(failed)?;
    let some = tokens::list(&mut db, &tokens::Filter::default(), 1, None).await.map_err(failed)?;
    if !some.is_empty() {
        return Err(CliError::Failed(format!(
            "the key file {} is not there, but the database holds tokens that were sealed with it. Restore it from a \
             backup, or set secrets.key_file to where it is",
            path.display()
        )));
    }
    if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("")) {
        crate::private_file::make_directory(parent)?;
    }
    KeyRing::create_file(&path).map_err(failed)?;
    tracing::info!(path = %path.display(), "made the key file; keep a copy of it, apart from the database");
    Ok(true)
}
