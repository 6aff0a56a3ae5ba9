//! Looks at the keys that secrets are sealed with: whether they can be read, and open what is stored.

use russet_config::{KeySource, Settings};
use russet_store::{KeyRing, Store, StoreError, tokens};

use super::Finding;
use super::settings::readable_by_others;
use crate::error::chain;

/// The keys, without any remark about where they are.
pub(super) fn ring(settings: &Settings) -> Result<KeyRing, StoreError> {
    match settings.key_source() {
        KeySource::Text(text) => KeyRing::from_text(text.reveal()),
        KeySource::File(path) => KeyRing::read_file(&path),
    }
}

pub(super) async fn examine(settings: &Settings, store: Option<&Store>) -> (Vec<Finding>, ()) {
    (vec![look(settings, store).await], ())
}

async fn look(settings: &Settings, store: Option<&Store>) -> Finding {
    let source = settings.key_source();
    if let KeySource::File(path) = &source
        && !path.exists()
        && settings.store_is_a_file()
        && store.is_none()
    {
        return Finding::ok("key", format!("{} is not there yet; `russet serve` makes it", path.display()));
    }
    let id = match ring(settings) {
        Ok(ring) => ring.current_id().to_owned(),
        Err(error) => {
            let advice = "restore it from a backup, or make the first one with `russet migrate --create-key`";
            return Finding::fail("key", chain(&error), advice);
        }
    };
    if let Some(store) = store
        && let Err(error) = open_one(store).await
    {
        return Finding::fail("key", chain(&error), "add the key that sealed it to the key file");
    }
    match source {
        KeySource::File(path) if readable_by_others(&path) => {
            let shown = path.display();
            Finding::warn("key", format!("{shown} is open to other users"), format!("chmod 600 {shown}"))
        }
        KeySource::File(path) => Finding::ok("key", format!("{id} from {}", path.display())),
        KeySource::Text(_) => Finding::ok("key", format!("{id} from secrets.key")),
    }
}

/// Opens the first token that is stored, when there is one. Missing tables are another check's finding.
async fn open_one(store: &Store) -> Result<(), StoreError> {
    if store.check_schema().await.is_err() {
        return Ok(());
    }
    let mut db = store.read().await?;
    let first = tokens::list(&mut db, &tokens::Filter::default(), 1, None).await?;
    match first.first() {
        Some(token) => tokens::content(&mut db, token.id).await.map(drop),
        None => Ok(()),
    }
}
