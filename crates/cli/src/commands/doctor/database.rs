//! Looks at the database and its tables.

use std::path::PathBuf;

use russet_config::Settings;
use russet_store::{KeyRing, Store};

use super::Finding;
use crate::error::chain;

/// Opens the database. A SQLite file that is not there is not made by looking for it.
pub(super) async fn open(settings: &Settings) -> (Vec<Finding>, Option<Store>) {
    if let Some(path) = sqlite_path(&settings.store.url).filter(|path| !path.exists()) {
        let detail = format!("{} is not there yet; `russet serve` makes it", path.display());
        return (vec![Finding::ok("store", detail)], None);
    }
    // The keys are looked at on their own; here nothing is sealed or opened.
    let keys = super::keys::ring(settings).unwrap_or_else(|_| KeyRing::generate());
    let opened = match Store::open(&settings.store, keys).await {
        Ok(store) => store.ping().await.map(|()| store),
        Err(error) => Err(error),
    };
    match opened {
        Ok(store) => (vec![Finding::ok("store", format!("{} answers", store.engine_name()))], Some(store)),
        Err(error) => {
            let advice = "check store.url, and that the database runs and lets us in";
            (vec![Finding::fail("store", chain(&error), advice)], None)
        }
    }
}

pub(super) async fn schema(store: &Store) -> (Vec<Finding>, ()) {
    let finding = match store.check_schema().await {
        Ok(()) => Finding::ok("schema", "the tables are those of this version"),
        Err(error) => Finding::fail("schema", chain(&error), ""),
    };
    (vec![finding], ())
}

/// The file of a SQLite address.
fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest).split('?').next().unwrap_or_default();
    Some(PathBuf::from(path.replace("%3F", "?").replace("%23", "#").replace("%25", "%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_an_address_is_found() {
        assert_eq!(sqlite_path("sqlite:///var/lib/russet.db"), Some("/var/lib/russet.db".into()));
        assert_eq!(sqlite_path("sqlite:/a%20b?mode=rw").map(|path| path.starts_with("/")), Some(true));
        assert_eq!(sqlite_path("sqlite:russet.db"), Some("russet.db".into()));
        assert_eq!(sqlite_path("postgres://h/d"), None);
    }
}
