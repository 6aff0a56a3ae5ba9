//! Looks whether Apple takes the developer key that names and versions of apps are read with.

use russet_apple::catalog::{Account, Catalog, CatalogError, NoKey};
use russet_config::Settings;

use super::Finding;
use crate::error::chain;

pub(super) async fn examine(settings: &Settings) -> (Vec<Finding>, ()) {
    (vec![ask(settings).await], ())
}

async fn ask(settings: &Settings) -> Finding {
    if !settings.apple.catalog {
        return Finding::ok("catalog", "apple.catalog is false: apps have numbers and no names");
    }
    let catalog = match Catalog::new(&settings.apple) {
        Ok(catalog) => catalog,
        Err(error) => return Finding::fail("catalog", chain(&error), ""),
    };
    let lookup = "until then the legacy lookup is used";
    match catalog.no_key() {
        Some(NoKey::NotSet) => {
            return Finding::ok(
                "catalog",
                "there is no developer key (apple.catalog_key_file): names and versions come from the legacy lookup",
            );
        }
        Some(NoKey::Unusable(why)) => return Finding::fail("catalog", why.clone(), lookup),
        None => {}
    }
    match catalog.try_key(Account::Business, "US").await {
        Ok(()) => Finding::ok("catalog", "Apple takes the developer key"),
        Err(error @ CatalogError::Key { .. }) => Finding::fail("catalog", chain(&error), lookup),
        Err(error) => {
            Finding::warn("catalog", chain(&error), "check the network and apple.catalog_business_url")
        }
    }
}
