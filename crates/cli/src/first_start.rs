//! Makes, on the first start of `russet serve`, all that nobody should have to make by hand: the data directory, the
//! tables, the key file, and an API key that the command line finds by itself.

use std::io::ErrorKind;
use std::path::Path;

use russet_api::NewKey;
use russet_config::Settings;
use russet_store::{Store, audit, keys, meta};

use crate::error::{CliError, failed};
use crate::{clock, keyring, private_file};

/// Under this name the database remembers that it had its first API key. Renaming it makes one more.
const MADE: &str = "admin_key_made";
const KEY_NAME: &str = "admin.key";

/// Makes directory, tables and key file where they are missing. Tables on a server are left to `russet migrate`:
/// other processes may be at work there.
pub(crate) async fn prepare(settings: &Settings) -> Result<(), CliError> {
    private_file::make_directory(&settings.data_dir)?;
    if settings.store_is_a_file() {
        let store = keyring::open_without(settings).await?;
        store.migrate().await.map_err(failed)?;
        keyring::create_if_missing(settings, &store).await?;
        store.close().await;
    }
    Ok(())
}

/// Makes the first API key, once in a database's life. Its text goes to a file of mode 0600, its hash to the database.
///
/// The file is written first: stopped in between, the next start finds it and writes its hash down.
pub(crate) async fn admin_key(settings: &Settings, store: &Store) -> Result<(), CliError> {
    let path = settings.admin_key_file();
    let mut db = store.read().await.map_err(failed)?;
    if meta::get(&mut db, MADE).await.map_err(failed)?.is_some() {
        return Ok(());
    }
    drop(db);
    let hash = key_in_file(&path)?;
    let now = clock::now();
    let mut tx = store.begin().await.map_err(failed)?;
    if meta::get(&mut tx, MADE).await.map_err(failed)?.is_some() {
        return Ok(());
    }
    if keys::by_hash(&mut tx, &hash).await.map_err(failed)?.is_none() {
        let id =
            keys::create(&mut tx, KEY_NAME, keys::Role::Admin, &hash, None, now).await.map_err(failed)?;
        let subject = format!("key {id}");
        audit::write(&mut tx, "first start", "key.create", &subject, "{}", now).await.map_err(failed)?;
    }
    meta::set(&mut tx, MADE, "1").await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    tracing::info!(path = %path.display(), "made the first API key; the command line on this machine finds it");
    Ok(())
}

/// The hash of the key in the file, which is made when it is missing.
fn key_in_file(path: &Path) -> Result<String, CliError> {
    let cannot = |why: std::io::Error| CliError::Failed(format!("the key file {}: {why}", path.display()));
    let new = NewKey::generate();
    match private_file::write_new(path, &format!("{}\n", new.text.reveal())) {
        Ok(()) => Ok(new.hash),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let text = std::fs::read_to_string(path).map_err(cannot)?;
            Ok(russet_api::hash_key(text.trim()))
        }
        Err(error) => Err(cannot(error)),
    }
}
