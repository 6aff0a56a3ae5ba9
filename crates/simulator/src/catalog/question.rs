//! Reads what a request to the metadata service asks for.

use super::errors::StoreError;
use super::product::Platform;
use super::service::Service;
use crate::apple::query::Params;
use crate::rules::CatalogRules;
use crate::world::asset::Product;

/// The products and platforms that a request names.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) ids: Vec<String>,
    pub(super) kinds: &'static [Product],
    pub(super) platforms: Vec<Platform>,
    pub(super) extend: Vec<String>,
}

impl Question {
    pub(super) fn of(
        service: Service,
        single: Option<&str>,
        params: &Params,
        rules: &CatalogRules,
    ) -> Result<Self, StoreError> {
        let ids = match (single, service) {
            (Some(id), _) => vec![id.to_owned()],
            (None, Service::Purchases) => {
                let kinds = ["ids[apps]", "ids[books]", "ids[in-apps]"];
                kinds.into_iter().flat_map(|kind| ids(params, kind)).collect()
            }
            (None, _) => ids(params, "ids"),
        };
        let (kinds, most): (&[Product], usize) = match service {
            Service::OwnedApps | Service::Apps | Service::Lookup => (&[Product::App], rules.max_ids),
            Service::OwnedBooks | Service::Books => (&[Product::Book], rules.max_book_ids),
            Service::Purchases => (&[Product::App, Product::Book], rules.max_ids),
        };
        if ids.is_empty() {
            return Err(StoreError::bad("There are no ids."));
        }
        if ids.len() > most {
            return Err(StoreError::bad(format!("There are more than {most} ids.")));
        }
        let platforms = platforms(service, params)?;
        let extend = ["extend", "extend[apps]", "extend[books]"].into_iter();
        let extend = extend.flat_map(|name| list(params, name)).collect();
        Ok(Self { ids, kinds, platforms, extend })
    }
}

/// The platform first, then the additional ones, each once.
fn platforms(service: Service, params: &Params) -> Result<Vec<Platform>, StoreError> {
    let mut names = list(params, "platform");
    if names.is_empty() {
        if service.needs_platform() {
            return Err(StoreError::bad("The parameter platform is missing."));
        }
        names.push("web".to_owned());
    }
    names.extend(list(params, "additionalPlatforms"));
    let mut platforms = Vec::new();
    for name in names {
        let known = Platform::asked_for(&name);
        let known = known.ok_or_else(|| StoreError::bad(format!("There is no platform {name}.")))?;
        for platform in known {
            if !platforms.contains(platform) {
                platforms.push(*platform);
            }
        }
    }
    Ok(platforms)
}

/// The ids in a parameter, each once, in their order.
pub(super) fn ids(params: &Params, name: &str) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    list(params, name).into_iter().filter(|id| seen.insert(id.clone())).collect()
}

/// The parts of a parameter, which may come more than once.
fn list(params: &Params, name: &str) -> Vec<String> {
    let parts = params.texts(name).flat_map(|text| text.split(',')).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Whether it is two small letters.
pub(super) fn is_storefront(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_lowercase())
}
