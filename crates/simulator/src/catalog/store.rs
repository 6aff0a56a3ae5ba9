//! Keeps what somebody set about products, and the keys of developers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::developer::DeveloperKey;
use super::made_up::made_up;
use super::product::Facts;
use crate::seed::Dice;
use crate::world::Organization;
use crate::world::asset::Product;

/// Everything that was set. What was not is made up from the seed.
pub(crate) struct Store {
    seed: u64,
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    pub(crate) products: HashMap<String, Facts>,
    pub(crate) keys: Vec<DeveloperKey>,
    pub(crate) dice: Dice,
}

/// A product that there is, and whether a location owns it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) adam_id: String,
    product_type: Product,
    platforms: Vec<String>,
    pub(crate) is_owned: bool,
}

impl Store {
    pub(crate) fn new(seed: u64) -> Self {
        let inner = Inner { products: HashMap::new(), keys: Vec::new(), dice: Dice::stream(seed, "store") };
        Self { seed, inner: Mutex::new(inner) }
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for products by their ids: first at the owner, then anywhere, then among those that were set. Those
    /// that are nowhere are left out.
    pub(crate) fn find(
        &self,
        organization: &Organization,
        owner: Option<&Arc<str>>,
        ids: &[String],
    ) -> Vec<Found> {
        let owner = owner.and_then(|uid| organization.locations.get(uid));
        let set = self.inner();
        ids.iter()
            .filter_map(|id| {
                let of = |location: &crate::world::location::Location, is_owned| {
                    let asset = location.product(id)?;
                    let platforms = asset.platforms.clone();
                    Some(Found { adam_id: id.clone(), product_type: asset.product, platforms, is_owned })
                };
                let owned = owner.and_then(|location| of(location, true));
                let anywhere = || organization.locations.values().find_map(|location| of(location, false));
                let alone = || {
                    let product_type = set.products.get(id)?.product_type;
                    Some(Found { adam_id: id.clone(), product_type, platforms: Vec::new(), is_owned: false })
                };
                owned.or_else(anywhere).or_else(alone)
            })
            .collect()
    }

    /// What the store knows of a product.
    pub(crate) fn facts(&self, found: &Found) -> Facts {
        if let Some(set) = self.inner().products.get(&found.adam_id) {
            return set.clone();
        }
        made_up(self.seed, &found.adam_id, found.product_type, &found.platforms)
    }

    /// What is made up for a product that nobody owns.
    pub(crate) fn made_up(&self, adam_id: &str, product_type: Product, platforms: &[String]) -> Facts {
        made_up(self.seed, adam_id, product_type, platforms)
    }
}
